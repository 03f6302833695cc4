//! The page `docs/FILTER.md`, of the same table as the parser.

use super::words::WORDS;

const HEAD: &str = "\
# The filter language

One line that says which events are meant. It is the same in `ringtail events list`, `ringtail listen --filter` and
`ringtail replay --filter`, and after `/` in the terminal UI, where Tab completes a word and F1 shows the words. A mistake
is shown with a caret at its column.

```
ringtail events list status:5xx since:-3h
ringtail events list 'kind:telephony body.parties[*].status.code = Answered'
ringtail events list 'from:+1650 (held or verdict:late) not forged'
ringtail replay --filter 'status:5xx since:-1h' --dry-run
```

Case never matters, except in the names of JSON fields.

## Joining

| what | means |
|---|---|
| `a b`, `a and b`, `a & b` | both |
| `a or b`, `a \\| b` | one of them, or both |
| `not a`, `!a` | the opposite |
| `(a or b) c` | `and` binds closer than `or`; parentheses change that |

## Texts

| what | lets through |
|---|---|
| `hello` | events that have `hello` in their summary, path or body, as a part of a word, too |
| `\"going away\"` | the same for a text with blanks, signs or colons; `\\\"` and `\\\\` are a quote and a backslash |
| `~colou?r` | events where the regular expression fits in summary, path or body |
| `~\"a (b|c)\"` | the same, with blanks |

Texts are looked for in the body as it was received, where JSON may write a letter in another way (`\\u00e9`).
In place of a word's text a regular expression may stand, too: `from:~^\\+1(650|657)`. A quoted one may hold blanks.
A regular expression is found as quickly as a text when each of its alternatives has three ASCII letters or signs in a row, as
`~answer(ed|ing)` has; events are looked through one by one for others, newest first.

## Words

Where a word's text *begins so*, the beginning of any word counts: `to:agent` finds Pat Agent, and `event:telephony`
finds `/restapi/v1.0/account/1/telephony/sessions`. Status, verdict and time are those of the newest attempt, which is
the one that a list shows.

| word | lets through | for example |
|---|---|---|
";

const TAIL: &str = "
Days begin and end in this machine's zone. A word that stands alone is looked for as a text when it is quoted.

## JSON

A path begins at the top of the body, which for RingCentral's notifications holds `uuid`, `event`, `subscriptionId`
and `body`. `[*]` is any element of a list, `[0]` the first, `[\"odd name\"]` a field whose name has signs in it. Where
a path leads to several values, one that compares is enough.

| what | lets through |
|---|---|
| `body.parties[*].status.code = Answered` | the value is that text or number, as it is written there |
| `body.subject != \"\"` | there is a value, and it is another |
| `body.parties[*].status.code ~ ^Dis` | the regular expression fits |
| `body.faxPageCount >= 2` | as numbers, or as texts if one of the two is no number; also `<`, `<=`, `>` |
| `has:body.parties[*].missedCall` | there is something, whatever it is |
| `not has:body.to` | there is nothing |

## What is fast

What is joined by `and` with a kind, an event filter, a number, a session, an extension, a `uuid`, a text of three
letters or more, a failure, a mark or `new-field` is looked up, however much the history holds. Anything else is looked for event by event,
newest first. The newest seconds, and after an update of ringtail the older events that are still to be indexed, are
looked through event by event as well: what is found is always the same.
";

/// Returns the page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for word in WORDS {
        let name = match word.value {
            Some(value) => format!("{}:{value}", word.name),
            None => word.name.to_owned(),
        };
        page.push_str(&format!(
            "| `{name}` | {} | `{}` |\n",
            word.help, word.example
        ));
    }
    page + TAIL
}
