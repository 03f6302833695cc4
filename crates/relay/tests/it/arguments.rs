//! Arguments and variables of the program, and what commands say of them.

use std::path::Path;

use tempfile::TempDir;

use crate::program::{account, program, run, text};

#[test]
fn a_variable_of_false_is_a_flag_that_is_not_set() {
    let refused = |dev: &str, proxy: &str| {
        let refused = program()
            .args(["serve", "--public-url", "https://a.test"])
            .args(["--database", "mysql://a"])
            .env("RINGTAIL_RELAY_DEV", dev)
            .env("RINGTAIL_RELAY_BEHIND_PROXY", proxy)
            .output()
            .unwrap();
        text(&refused.stderr).to_owned()
    };
    for (dev, proxy, expected) in [
        ("true", "false", "--database: "),
        ("false", "true", "--database: "),
        ("false", "false", "required arguments"),
        ("true", "true", "cannot be used with"),
    ] {
        let said = refused(dev, proxy);
        assert!(said.contains(expected), "{dev} {proxy}: {said}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let dir = TempDir::new().unwrap();
    account(dir.path(), &["add", "anna"]);
    let ended = |words: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = program().args(words).stdout(writer).output().unwrap();
        (ended.status.code(), text(&ended.stderr).to_owned())
    };
    let data = dir.path().to_str().unwrap();
    for (words, code) in [
        (&["completions", "zsh"][..], 0),
        (&["accounts", "list", "--data", data], 0),
        (&["status", "--data", data], 69),
    ] {
        assert_eq!(ended(words), (Some(code), String::new()), "{words:?}");
    }
    // A token that nobody reads is lost.
    let added = ended(&["accounts", "add", "berta", "--data", data]);
    assert_eq!(added.0, Some(1));
}

#[test]
fn backup_and_restore_say_what_they_cannot_copy() {
    let temp = TempDir::new().unwrap();
    let (data, none) = (temp.path().join("data"), temp.path().join("none.db"));
    let named = |path: &Path| path.display().to_string();
    let url = "postgres://anna@db.test/relay";
    for (words, expected) in [
        (
            vec!["restore".to_owned(), named(&none)],
            "none.db cannot be restored: No such file",
        ),
        (
            vec!["restore".to_owned(), named(temp.path())],
            "cannot be restored: it is a directory",
        ),
        (
            vec![
                "backup".to_owned(),
                named(&none),
                format!("--database={url}"),
            ],
            "backup and restore are for SQLite",
        ),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let refused = run(&data, &words);
        let said = text(&refused.stderr);
        assert!(
            !refused.status.success() && said.contains(expected),
            "{said}"
        );
        assert!(said.contains("\nhint: "), "{said}");
        assert!(!data.exists(), "{words:?}");
    }
}
