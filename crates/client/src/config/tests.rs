use ringtail_ringcentral::signature::Scheme;

use super::*;

/// Values of the sources; an empty one is unset.
#[derive(Default, Clone, Copy)]
struct Case {
    flag_relay: &'static str,
    flag_ca: &'static str,
    flag_data: &'static str,
    flag_endpoint: &'static str,
    env_relay: &'static str,
    env_token: &'static str,
    env_ca: &'static str,
    env_data: &'static str,
    file_relay: &'static str,
    file_ca: &'static str,
    file_data: &'static str,
    file_endpoint: &'static str,
    login_relay: &'static str,
    login_token: &'static str,
    login_ca: &'static str,
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn path(value: &str) -> Option<PathBuf> {
    text(value).map(PathBuf::from)
}

impl Case {
    fn resolve(self) -> Result<Config, ConfigError> {
        let flags = Flags {
            relay: text(self.flag_relay),
            ca: path(self.flag_ca),
            data: path(self.flag_data),
            config: None,
            endpoint: text(self.flag_endpoint),
            reject_forged: false,
            keep: Keep::default(),
        };
        let env = Env {
            relay: text(self.env_relay),
            token: text(self.env_token).map(SecretString::from),
            ca: path(self.env_ca),
            data: path(self.env_data),
            config: None,
            ..Env::default()
        };
        let file = FileConfig {
            relay: text(self.file_relay),
            ca: path(self.file_ca),
            data: path(self.file_data),
            endpoint: text(self.file_endpoint),
            ..FileConfig::default()
        };
        let login = text(self.login_relay).map(|relay| Login {
            relay,
            token: self.login_token.into(),
            ca: path(self.login_ca),
        });
        let places = DefaultPaths {
            config: "/home/pat/.config/ringtail/config.toml".into(),
            data: "/home/pat/.local/share/ringtail".into(),
        };
        Config::resolve(&flags, &env, &file, login.as_ref(), &places)
    }

    /// What was decided, in one line: relay, token, ca, data, endpoint; or the error.
    fn decided(self) -> String {
        match self.resolve() {
            Ok(config) => {
                let token = config.token.as_ref().map(|token| token.expose_secret());
                format!(
                    "{} {} {} {} {}",
                    config
                        .relay
                        .map_or("-".to_owned(), |relay| relay.to_string()),
                    token.unwrap_or("-"),
                    config.ca.map_or("-".into(), |ca| ca.display().to_string()),
                    config.data.display(),
                    config.endpoint
                )
            }
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn what_counts_is_flag_environment_file_login_default() {
    let all = Case {
        flag_relay: "flag.example",
        flag_ca: "flag.pem",
        flag_data: "/flag",
        flag_endpoint: "flag",
        env_relay: "env.example",
        env_token: "env-token",
        env_ca: "env.pem",
        env_data: "/env",
        file_relay: "file.example",
        file_ca: "file.pem",
        file_data: "/file",
        file_endpoint: "file",
        login_relay: "https://login.example",
        login_token: "login-token",
        login_ca: "login.pem",
    };
    let no_flags = Case {
        flag_relay: "",
        flag_ca: "",
        flag_data: "",
        flag_endpoint: "",
        ..all
    };
    let no_env = Case {
        env_relay: "",
        env_token: "",
        env_ca: "",
        env_data: "",
        ..no_flags
    };
    let login_alone = Case {
        file_relay: "",
        file_ca: "",
        file_data: "",
        file_endpoint: "",
        ..no_env
    };
    let home = "/home/pat/.local/share/ringtail";
    for (what, case, decided) in [
        (
            "flags first",
            all,
            "https://flag.example env-token flag.pem /flag flag".to_owned(),
        ),
        (
            "then the environment",
            no_flags,
            "https://env.example env-token env.pem /env file".to_owned(),
        ),
        (
            "then the file, to whose relay the login's token is not sent",
            no_env,
            "https://file.example - file.pem /file file".to_owned(),
        ),
        (
            "then the login",
            login_alone,
            format!("https://login.example login-token login.pem {home} default"),
        ),
        (
            "then the defaults",
            Case::default(),
            format!("- - - {home} default"),
        ),
        (
            "a relay said in two ways is one relay",
            Case {
                flag_relay: "https://LOGIN.example:443/",
                ..login_alone
            },
            format!("https://login.example login-token login.pem {home} default"),
        ),
        (
            "white space around a pasted token",
            Case {
                env_token: " abc\n",
                ..Case::default()
            },
            format!("- abc - {home} default"),
        ),
    ] {
        assert_eq!(case.decided(), decided, "{what}");
    }
}

#[test]
fn wrong_values_are_told_with_their_place() {
    for (case, error) in [
        (
            Case {
                flag_relay: "http://relay.example",
                ..Case::default()
            },
            "--relay is not the URL of a relay: it must begin with https://: a token never travels in the clear",
        ),
        (
            Case {
                env_relay: "https://relay.example/x",
                ..Case::default()
            },
            "RINGTAIL_RELAY is not the URL of a relay: it must not have a path: name the relay, not an endpoint",
        ),
        (
            Case {
                file_relay: "a b",
                ..Case::default()
            },
            "relay in the configuration file is not the URL of a relay: it is not a URL",
        ),
        (
            Case {
                env_token: "two words",
                ..Case::default()
            },
            "RINGTAIL_TOKEN is not a token: tokens are visible ASCII without spaces",
        ),
        (
            Case {
                login_relay: "relay.example",
                login_token: "line\nbreak",
                ..Case::default()
            },
            "token in the login is not a token: tokens are visible ASCII without spaces",
        ),
    ] {
        assert_eq!(case.decided(), error);
    }
    // An invalid value that has no effect is ignored.
    let hidden = Case {
        flag_relay: "relay.example",
        file_relay: "a b",
        ..Case::default()
    };
    assert!(hidden.resolve().is_ok());
}

#[test]
fn what_a_call_needs_is_asked_for_in_words() {
    let relay = Case {
        flag_relay: "relay.example",
        ..Case::default()
    };
    for (case, error, hint) in [
        (
            Case::default(),
            "no relay is configured",
            "run `ringtail login https://your.relay`; `ringtail-relay serve --dev` tries one on this machine",
        ),
        (
            relay,
            "there is no token for https://relay.example",
            "run `ringtail login https://relay.example`, or set RINGTAIL_TOKEN",
        ),
        (
            Case {
                login_relay: "https://other.example",
                login_token: "t",
                ..relay
            },
            "there is no token for https://relay.example: the login is for https://other.example",
            "run `ringtail login https://relay.example`, or set RINGTAIL_TOKEN",
        ),
        (
            Case {
                env_token: "t",
                env_ca: "/nowhere.pem",
                ..relay
            },
            "cannot read the certificate authority /nowhere.pem",
            "--ca or RINGTAIL_CA names a PEM file, such as the one that the relay prints",
        ),
    ] {
        let failed = case.resolve().unwrap().account().unwrap_err();
        assert_eq!(failed.to_string(), error);
        assert_eq!(failed.hint().as_deref(), Some(hint));
    }
}

#[test]
fn forged_requests_are_rejected_where_flag_endpoint_or_file_say_so() {
    let places = DefaultPaths {
        config: "/c/config.toml".into(),
        data: "/d".into(),
    };
    for (flag, file, endpoint, rejects) in [
        (false, "", "hooks", false),
        (true, "reject_forged = false", "hooks", true),
        (false, "reject_forged = true", "hooks", true),
        (
            false,
            "[endpoints.hooks]\nreject_forged = true",
            "hooks",
            true,
        ),
        (
            false,
            "[endpoints.hooks]\nreject_forged = true",
            "other",
            false,
        ),
        (
            false,
            "reject_forged = true\n[endpoints.hooks]\nreject_forged = false",
            "hooks",
            false,
        ),
    ] {
        let flags = Flags {
            endpoint: Some(endpoint.to_owned()),
            reject_forged: flag,
            ..Flags::default()
        };
        let read: FileConfig = toml::from_str(file).unwrap();
        let config = Config::resolve(&flags, &Env::default(), &read, None, &places).unwrap();
        assert_eq!(
            config.rejects_forged(&config.endpoint),
            rejects,
            "{flag} {file} {endpoint}"
        );
    }
}

#[test]
fn flags_count_before_the_file_in_what_is_kept() {
    let places = DefaultPaths {
        config: "c/config.toml".into(),
        data: "d".into(),
    };
    let file: FileConfig = toml::from_str("[history]\nkeep_days = 2\nkeep_events = 7\n").unwrap();
    let flags = Flags {
        keep: Keep {
            keep_events: std::num::NonZeroU64::new(3),
            ..Keep::default()
        },
        ..Flags::default()
    };
    let config = Config::resolve(&flags, &Env::default(), &file, None, &places).unwrap();
    let expected = Retention {
        max_age: std::time::Duration::from_secs(2 * 24 * 60 * 60),
        max_events: 3,
        max_bytes: Retention::default().max_bytes,
    };
    assert_eq!(config.retention, expected);
}

#[test]
fn a_token_is_not_shown() {
    let config = Case {
        env_token: "hush-hush",
        ..Case::default()
    };
    assert!(!format!("{:?}", config.resolve().unwrap()).contains("hush"));
}

#[test]
fn endless_tokens_are_none() {
    let of = |len: usize| parse_token(&"x".repeat(len).into());
    assert!(of(MAX_TOKEN_CHARS).is_some());
    assert!(of(MAX_TOKEN_CHARS + 1).is_none());
    assert!(of(0).is_none());
}

#[test]
fn the_history_is_local_on_every_system() {
    use etcetera::base_strategy::{Windows, Xdg};

    let home = etcetera::home_dir().unwrap();
    let windows = DefaultPaths::below(&Windows::new().unwrap(), true);
    let profile = home.join("AppData");
    assert_eq!(windows.data, profile.join("Local/ringtail"));
    assert_eq!(windows.config, profile.join("Roaming/ringtail/config.toml"));
    let unix = DefaultPaths::below(&Xdg::new().unwrap(), false);
    assert!(unix.data.ends_with("ringtail") && !unix.data.starts_with(&profile));
}

#[test]
fn an_endpoint_is_known_by_its_path_and_by_its_host() {
    let places = DefaultPaths {
        config: "/c/config.toml".into(),
        data: "/d".into(),
    };
    let file =
        "relay = \"https://relay.example\"\n[endpoints.shop.secrets]\nverification_token = \"own\"";
    let file: FileConfig = toml::from_str(file).unwrap();
    let config = Config::resolve(&Flags::default(), &Env::default(), &file, None, &places);
    let config = config.unwrap();
    for (address, endpoint) in [
        ("https://relay.example/shop-k3v9/hook?a=1", Some("shop")),
        ("https://shop-k3v9.relay.example/hook", Some("shop")),
        ("https://Shop-k3v9.Relay.example", Some("shop")),
        ("https://relay.example/", None),
        ("https://other.example/shop-k3v9", None),
        ("https://norelay.example/shop-k3v9", None),
        ("3000", None),
    ] {
        let found = config.endpoint_at(address);
        assert_eq!(found.as_deref(), endpoint, "{address}");
        let secrets = config.secrets_at(address);
        let token = secrets.of(Scheme::VerificationToken);
        assert_eq!(token, endpoint.map(|_| &b"own"[..]), "{address}");
    }
}
