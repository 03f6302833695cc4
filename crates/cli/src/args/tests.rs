use clap::Parser;

use super::Cli;

/// Words of a command as a shell takes them, with something in the place of what a person fills in.
fn words(command: &str) -> Vec<String> {
    let filled = [
        ("[<other>]", "18"),
        ("<event>", "17"),
        ("<filter>", "kind:sms"),
        ("<file>", "out"),
        ("<text>", "why"),
        ("<code>", "RT-205"),
    ];
    let command = filled
        .iter()
        .fold(command.to_owned(), |command, (name, value)| {
            command.replace(name, value)
        });
    let pieces = command.split('\'').enumerate();
    let words = pieces.flat_map(|(index, piece)| match index % 2 {
        0 => piece.split_whitespace().map(str::to_owned).collect(),
        _ => vec![piece.to_owned()],
    });
    words.collect()
}

#[test]
fn every_command_that_a_key_names_is_one() {
    let page = include_str!("../../../../docs/KEYS.md");
    let commands = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| line.rsplit("| ").next()?.strip_prefix('`'))
        .filter_map(|cell| cell.split('`').next());
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        match Cli::try_parse_from(words(command)) {
            Ok(_) => {}
            Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {}
            Err(error) => panic!("{command}: {error}"),
        }
    }
}
