//! The table as `docs/KEYS.md`.

use super::Scope;
use super::table::BINDINGS;

/// Returns the page: each action with its keys, its name in the configuration and the command that does the same.
pub(super) fn page() -> String {
    let mut page = String::from(
        "# Keys of the terminal UI

What each key does, and the command, if any, that does the same. `:` finds an action by its name, `?` shows the keys on
screen. This page is printed from the table that the screen uses.

`[keys]` in the configuration file changes the keys of an action, or removes them:

```toml
[keys]
replay = \"F5\"
quit = [\"q\", \"Ctrl-Q\"]
clear = []
```

A key is a character, `F1` to `F12`, `Enter`, `Esc`, `Tab`, `Shift-Tab`, `Space`, `Left`, `Right`, `Up`, `Down`, `PgUp`,
`PgDn`, `Home`, `End`, `Insert` or `Delete`, optionally with `Ctrl-` before it. An unknown action or key, and a key with
two actions in one place, is an error. A character with Alt acts as `Esc` and the character, because a terminal sends the
same bytes for both; only in a line of input Alt moves by words.

Replay and copy apply to the selected events, in the order of the history; without a selection, to the current event. `v`
selects an event, `*` selects all listed ones. A bookmark is not a selection: it stays in the history, with a comment, and
the filter `bookmarked` finds it. Copies go to the clipboard: by `pbcopy` on a Mac, by `clip.exe` on Windows, and elsewhere or
over ssh by OSC 52, which the terminal must know (in tmux: `set -g set-clipboard on`).

`R` takes the options of `ringtail replay`: `--target 3001 --timing --speed 10 --reorder --seed 7`, `--dry-run`,
`--filter 'kind:sms'`, `17..20`. Without events among them it replays the selected or the current one; the next `R` begins
with the same options. `E` opens the event in `$VISUAL` or `$EDITOR`, which has the terminal meanwhile. `--compare` and
`--dry-run` show a table; Enter opens its events.

Terminals draw flags and skin tones with different widths. The screen shows a flag as two wide letters and an emoji
without its skin tone; the body in hexadecimal (`x`) has the bytes. A message in the last line stays for six seconds, or until
the next key.
",
    );
    for (scope, title) in Scope::ALL {
        let rows = BINDINGS
            .iter()
            .filter(|row| row.scopes.first() == Some(&scope));
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            continue;
        }
        page += &format!("\n## {title}\n\n");
        page += "| Keys | Name | What | Also in | Command |\n|---|---|---|---|---|\n";
        for row in rows {
            let keys: Vec<String> = row.keys.iter().map(|key| code(&key.name())).collect();
            let also = row.scopes.iter().skip(1).map(|scope| {
                let named = Scope::ALL.iter().find(|(other, _)| other == scope);
                named.map_or_else(String::new, |(_, title)| title.to_lowercase())
            });
            let also: Vec<String> = also.collect();
            let command = match row.command {
                "" => String::new(),
                command => code(&command.replace('|', "\\|")),
            };
            page += &format!(
                "| {} | {} | {} | {} | {} |\n",
                if keys.is_empty() {
                    "by name".to_owned()
                } else {
                    keys.join(" ")
                },
                code(row.name),
                row.help,
                also.join(", "),
                command,
            );
        }
    }
    page
}

fn code(text: &str) -> String {
    format!("`{text}`")
}
