//! The table as `docs/KEYS.md`.

use super::{BINDINGS, Command, Scope};

/// Returns the page: each action with its keys, its name for the configuration and the command that does the same.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Keys of the terminal UI

What each key does, and the command that does the same. `:` finds an action by its name, `?` shows the keys on the
screen. The table is printed from the one that the screen itself reads, and a test compares the two.

An action takes other keys, or none, in `[keys]` of the configuration file:

```toml
[keys]
replay = \"F5\"
quit = [\"q\", \"Ctrl-Q\"]
clear = []
```

A key is a character, `F1` to `F12`, `Enter`, `Esc`, `Tab`, `Shift-Tab`, `Space`, `Left`, `Right`, `Up`, `Down`, `PgUp`,
`PgDn`, `Home`, `End`, `Insert` or `Delete`, with `Ctrl-` before it if need be. An action or a key that does not exist,
and a key that means two things in one place, is an error. A character with Alt is `Esc` and then it, since a terminal has
the same bytes for both; only on a line that is written on, Alt moves by words.

If events are selected, replay and copy are about them, in the order of the history; `v` selects, `*` selects what is
listed, which a filter limits. Watermarks are something else: they stay in the history, with a comment, and the filter
`marked` finds them. Copies go to the clipboard of the terminal by OSC 52, which works over ssh, in tmux with
`set -g set-clipboard on`.

`R` takes the options of `ringtail replay`, in the same words: `--target 3001 --timing --speed 10 --reorder --seed 7`,
`--dry-run`, `--filter 'kind:sms'`, `17..20`. A line that names no events is about the selected ones, or the chosen one; the
next line begins with the last. An event is edited in `$VISUAL` or `$EDITOR`, which has the terminal meanwhile. What
`--compare` and `--dry-run` tell is a table whose events are opened with Enter.
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
                Command::Is(command) => code(command),
                Command::None(reason) => format!("none: {reason}"),
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
                command.replace('|', "\\|"),
            );
        }
    }
    page
}

fn code(text: &str) -> String {
    format!("`{text}`")
}
