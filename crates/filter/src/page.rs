//! The page `docs/FILTER.md`, made from the parser's table.

use super::words::WORDS;

const HEAD: &str = "\
# The filter language

A filter is one line that selects events. `ringtail events list`, `ringtail wait`, `ringtail listen --filter`, `ringtail
replay --filter`, `/` in the terminal UI, the local page and the tools for assistants take the same language. In the
terminal UI, Tab completes a word and F1 lists the words. An error shows a caret at its column.

```
ringtail events list status:5xx since:-3h
ringtail events list 'kind:telephony body.parties[*].status.code = Answered'
ringtail events list 'from:+1650 (pending or verdict:late) not forged'
ringtail replay --filter 'status:5xx since:-1h' --dry-run
```

Case is ignored, except in names of JSON fields.

## Operators

| filter | matches |
|---|---|
| `a b`, `a and b`, `a & b` | both |
| `a or b`, `a \\| b` | at least one of them |
| `not a`, `!a` | the opposite |
| `(a or b) c` | `and` binds tighter than `or`; parentheses group |

## Text

| filter | matches |
|---|---|
| `hello` | `hello` anywhere in summary, path or body, also inside a word |
| `\"going away\"` | text with spaces, operators or colons; `\\\"` and `\\\\` are a quote and a backslash |
| `~colou?r` | a regular expression in summary, path or body |
| `~\"a (b|c)\"` | a regular expression with spaces |

Text is compared with the body as received, where JSON may escape characters (`\\u00e9`). A regular expression can also
be the value of a word: `from:~^\\+1(650|657)`. Quote it if it has spaces.

## Words

*Starts with* means the start of any word: `to:agent` finds Pat Agent, and `event:telephony` finds
`/restapi/v1.0/account/1/telephony/sessions`. Status, verdict and time are those of the newest attempt, the one that
lists show.

| word | matches | example |
|---|---|---|
";

const TAIL: &str = "
Days begin and end in this machine's time zone. Quote a word to search for it as text.

## JSON

A path starts at the top of the body; RingCentral's notifications have `uuid`, `event`, `subscriptionId` and `body`
there. `[*]` is any element of an array, `[0]` the first, `[\"odd name\"]` a field with special characters. If a path leads
to several values, one match is enough.

| filter | matches |
|---|---|
| `body.parties[*].status.code = Answered` | the value is this text, or this number as written |
| `body.subject != \"\"` | there is a value, and it differs |
| `body.parties[*].status.code ~ ^Dis` | a regular expression |
| `body.faxPageCount >= 2` | numeric order, exact for numbers of any size, or text order if either is not a number; also `<`, `<=`, `>` |
| `has:body.parties[*].missedCall` | the field exists |
| `not has:body.to` | the field does not exist |

## Speed

Kind, event filter, number, session, extension, `uuid`, failures, bookmarks, `new-field` and text of three or more
characters use an index, alone or joined by `and` with anything else. So does a regular expression whose alternatives
each contain three consecutive ASCII characters, such as `~answer(ed|ing)`. Everything else scans the history, newest
first, as do events that are not indexed yet. Results are the same either way.
The index is `search.db` in the data directory; if you delete it, it is rebuilt.
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
