use super::Home;

#[test]
fn help_is_what_it_was() {
    let home = Home::new();
    for (name, arguments) in [
        ("ringtail", vec!["--help"]),
        ("login", vec!["login", "--help"]),
        ("listen", vec!["listen", "--help"]),
        ("subscriptions", vec!["subscriptions", "--help"]),
        (
            "subscriptions-login",
            vec!["subscriptions", "login", "--help"],
        ),
        (
            "subscriptions-ensure",
            vec!["subscriptions", "ensure", "--help"],
        ),
        ("events", vec!["events", "--help"]),
        ("events-list", vec!["events", "list", "--help"]),
        ("events-show", vec!["events", "show", "--help"]),
        ("events-diff", vec!["events", "diff", "--help"]),
        ("events-timeline", vec!["events", "timeline", "--help"]),
        ("export", vec!["export", "--help"]),
        ("import", vec!["import", "--help"]),
        ("types", vec!["types", "--help"]),
        ("events-mark", vec!["events", "mark", "--help"]),
        ("mcp", vec!["mcp", "--help"]),
        ("mcp-install", vec!["mcp", "install", "--help"]),
        ("replay", vec!["replay", "--help"]),
        ("check", vec!["check", "--help"]),
        ("doctor", vec!["doctor", "--help"]),
        ("simulate", vec!["simulate", "--help"]),
        ("completions", vec!["completions", "--help"]),
        ("explain", vec!["explain", "--help"]),
        ("simulate-cut", vec!["simulate", "cut", "--help"]),
    ] {
        let output = home.run(&arguments);
        insta::assert_snapshot!(format!("help-{name}"), home.seen(&output));
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = Home::new().run(&["--version"]);
    let expected = format!("ringtail {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
