use super::command;

/// Help of every command, one after the other.
#[test]
fn help() {
    let mut all = String::new();
    for words in [
        &["ringtail-relay", "--help"][..],
        &["ringtail-relay", "serve", "--help"],
        &["ringtail-relay", "status", "--help"],
        &["ringtail-relay", "certificate", "--help"],
        &["ringtail-relay", "certificate", "renew", "--help"],
        &["ringtail-relay", "accounts", "--help"],
        &["ringtail-relay", "accounts", "add", "--help"],
        &["ringtail-relay", "accounts", "list", "--help"],
        &["ringtail-relay", "accounts", "rotate", "--help"],
        &["ringtail-relay", "accounts", "revoke", "--help"],
        &["ringtail-relay", "endpoints", "--help"],
        &["ringtail-relay", "endpoints", "list", "--help"],
        &["ringtail-relay", "endpoints", "show", "--help"],
        &["ringtail-relay", "endpoints", "purge", "--help"],
        &["ringtail-relay", "endpoints", "retention", "--help"],
        &["ringtail-relay", "endpoints", "delete", "--help"],
        &["ringtail-relay", "backup", "--help"],
        &["ringtail-relay", "restore", "--help"],
        &["ringtail-relay", "migrate", "--help"],
        &["ringtail-relay", "completions", "--help"],
    ] {
        let command = command().term_width(100);
        let error = command.try_get_matches_from(words).unwrap_err();
        all.push_str(&format!("$ {}\n{error}\n", words.join(" ")));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn definition_is_consistent() {
    command().debug_assert();
}

#[test]
fn arguments_are_accepted_or_refused_with_the_reason() {
    let cases = [
        ("serve --dev", ""),
        ("serve --dev --listen 127.0.0.1:0 --output json", ""),
        (
            "serve --cert c --key k --public-url https://hooks.example.com",
            "",
        ),
        (
            "serve --behind-proxy --public-url https://hooks.example.com",
            "",
        ),
        (
            "serve --behind-proxy --proxy-protocol --trusted-proxy 10.0.0.0/8 --trusted-proxy ::1 --public-url https://a",
            "",
        ),
        (
            "serve --cert c --key k --public-url https://a --proxy-protocol",
            "",
        ),
        (
            "serve --behind-proxy --public-url https://a --wildcard hooks.example.com",
            "",
        ),
        (
            "serve --cert c --key k --public-url https://a --wildcard *.hooks.example.com",
            "without a wildcard",
        ),
        ("serve --dev --wildcard hooks.example.com", ""),
        ("serve --dev --wildcard", ""),
        ("serve --wildcard --dev", ""),
        ("serve --domain hooks.example.com", ""),
        (
            "serve --domain a.example.com --domain b.example.com --acme-email a@b --http-listen 127.0.0.1:0",
            "",
        ),
        (
            "serve --domain a.test --acme-directory https://localhost:14000/dir --acme-ca f",
            "",
        ),
        (
            "serve --domain *.example.com",
            "a wildcard certificate needs",
        ),
        ("serve --domain 192.0.2.7", "it is an address"),
        (
            "serve --domain a.test --acme-directory http://a",
            "must begin with https://",
        ),
        ("serve --domain a.test --dev", "cannot be used with"),
        ("accounts add anna", ""),
        ("endpoints retention anna/sms 7", ""),
        ("endpoints retention anna/sms default", ""),
        ("endpoints retention anna/sms 0", "1 to 3650"),
        ("endpoints purge sms", "ACCOUNT/NAME"),
        ("restore copy.db --force", ""),
        ("backup", "required"),
        ("serve", "required"),
        ("serve --dev --cert c --key k", "cannot be used with"),
        ("serve --cert c --public-url https://a", "required"),
        ("serve --cert c --key k", "required"),
        (
            "serve --dev --public-url http://a",
            "must begin with https://",
        ),
        ("serve --behind-proxy", "required"),
        ("serve --behind-proxy --dev", "cannot be used with"),
        (
            "serve --behind-proxy --public-url https://a --trusted-proxy 0.0.0.0/0",
            "this would trust every address",
        ),
        (
            "serve --behind-proxy --public-url https://a --trusted-proxy proxy.test",
            "expected an address or a network",
        ),
        ("serve --dev --keep-days 0", "from 1 to 3650"),
        ("serve --dev --keep-bytes 0", "a whole number from 1"),
        (
            "serve --dev --keep-account-bytes 0",
            "a whole number from 1",
        ),
        ("serve --dev --passthrough-deadline 0", "from 1 to 600"),
        (
            "serve --dev --max-body-bytes 16777217",
            "from 1 to 16777216",
        ),
        ("serve --dev --drain 0", ""),
        (
            "serve --dev --drain 18446744073709551615",
            "from 0 to 86400",
        ),
        ("serve --dev --drain x", "from 0 to 86400"),
        ("serve --dev --max-connections 0", "a whole number from 1"),
        ("accounts add Anna", "a name consists of"),
        ("accounts", "Usage"),
    ];
    for (line, expected) in cases {
        let words = ["ringtail-relay"].into_iter().chain(line.split(' '));
        match command().try_get_matches_from(words) {
            Ok(_) => assert_eq!(expected, "", "{line}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !expected.is_empty() && text.contains(expected),
                    "{line}: {text}"
                );
            }
        }
    }
}
