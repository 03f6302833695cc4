//! What a person writes: configuration files, URLs, names, tokens, scenarios.

use std::fmt::{Debug, Display};

use http::Uri;
use ringtail_client::config::{FileConfig, Login, RelayUrl, parse_token};
use ringtail_model::secrets::Secrets;
use ringtail_model::target::TargetUrl;
use ringtail_protocol::name::Name;
use ringtail_relay::accounts::{Token, VerifyTokenHash};
use ringtail_relay::net::proxies;
use ringtail_relay::public_url::{Host, PublicUrl};
use ringtail_ringcentral::signature::Scheme;
use ringtail_simulate::{Parameters, Scenario, builtins};
use secrecy::ExposeSecret as _;

use crate::place::Place;
use crate::seeds::Seed;

/// Stands for a secret in files: where it is one, no message may hold it.
pub const SECRET: &str = "471147";

/// More requests of a scenario than this are not made up: their number is bounded elsewhere.
const REHEARSED: u64 = 64;

/// Reads the bytes as each of the things that a person writes.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let place = Place::new();
    file(&place, bytes);
    login(&place, bytes);
    scenario(&text);
    for line in text.lines() {
        relay_url(line);
        public_url(line);
        target(line);
        name(line);
        network(line);
        secrets(line);
    }
}

/// A file is read or refused in words, and neither shows a secret that stands in it.
fn file(place: &Place, bytes: &[u8]) {
    let path = place.write("config.toml", bytes);
    let read = FileConfig::read(&path);
    if let Ok(config) = &read {
        assert!(
            config
                .ca
                .iter()
                .all(|ca| ca.starts_with(place.path()) || ca.is_absolute())
        );
        for scheme in Scheme::ALL {
            assert!(config.secrets.of(scheme).is_none_or(|it| !it.is_empty()));
        }
    }
    assert_hushed(bytes, &read);
}

fn login(place: &Place, bytes: &[u8]) {
    let path = place.write("login.toml", bytes);
    let read = Login::read(&path);
    assert_hushed(bytes, &read);
    let Ok(Some(login)) = read else {
        return;
    };
    let path = place.path().join("again.toml");
    login.write(&path).expect("it can be written");
    let again = Login::read(&path)
        .expect("it was written")
        .expect("it was written");
    assert_eq!(again.token.expose_secret(), login.token.expose_secret());
    assert_eq!((again.relay, again.ca), (login.relay, login.ca));
}

/// Panics when something shows the secret although it is nothing but the value of keys that hold secrets.
fn assert_hushed<T: Debug, E: Debug + Display>(bytes: &[u8], read: &Result<T, E>) {
    let text = String::from_utf8_lossy(bytes);
    let only_a_value = text
        .lines()
        .filter(|line| line.contains(SECRET))
        .all(|line| {
            line.strip_suffix('"')
                .and_then(|line| line.strip_suffix(SECRET))
                .and_then(|line| line.strip_suffix(" = \""))
                .is_some_and(|key| KEYS.contains(&key))
        });
    if !only_a_value {
        return;
    }
    let shown = match read {
        Ok(read) => format!("{read:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Keys whose values are secrets.
const KEYS: [&str; 6] = [
    "token",
    "verification_token",
    "glip",
    "dimelo",
    "digital_verify_token",
    "source_sdk",
];

/// A scenario that is read can be played, or says why not.
fn scenario(text: &str) {
    let Ok(scenario) = Scenario::parse(text) else {
        return;
    };
    assert_ne!(scenario.request_count(), 0);
    if scenario.request_count() > REHEARSED {
        return;
    }
    let secrets = Secrets::default();
    let played = scenario.rehearse(&Parameters::default(), &secrets, 1, 1_700_000_000_000);
    if let Ok(shots) = played {
        assert_eq!(shots.len() as u64, scenario.request_count());
        assert!(shots.is_sorted_by_key(|shot| shot.at_ms));
        for shot in shots {
            let _ = shot.request.classify();
        }
    }
}

fn relay_url(text: &str) {
    let Ok(url) = text.parse::<RelayUrl>() else {
        return;
    };
    assert_eq!(url.to_string().parse(), Ok(url.clone()));
    let uri: Uri = url.to_string().parse().expect("a relay is at a URL");
    assert_eq!(uri.host().map(bare), Some(url.host()));
    assert_eq!(uri.port_u16().unwrap_or(443), url.port());
}

fn public_url(text: &str) {
    let Ok(url) = PublicUrl::parse(text) else {
        return;
    };
    let again = PublicUrl::parse(url.as_str());
    assert_eq!(again.ok().as_ref(), Some(&url));
    match url.host() {
        Host::Name(name) => assert!(!name.is_empty() && name == name.to_ascii_lowercase()),
        Host::Address(_) => {}
    }
    // Endpoints' URLs are made of it.
    let endpoint: Uri = format!("{}/sms-0/hook?a=1", url.as_str())
        .parse()
        .expect("an endpoint is at a URL");
    assert_eq!(
        endpoint.path_and_query().map(|it| it.as_str()),
        Some("/sms-0/hook?a=1")
    );
}

fn target(text: &str) {
    let Ok(target) = TargetUrl::parse(text) else {
        return;
    };
    assert_eq!(TargetUrl::parse(&target.to_string()), Ok(target.clone()));
    for below in ["", "/", "/a//b%2F?c=d?e", "?f", text] {
        if let Ok(uri) = target.join(below) {
            assert_eq!(uri.authority().map(|it| it.as_str()), Some(target.host()));
            assert!(uri.path().starts_with('/'));
        }
    }
}

fn name(text: &str) {
    if let Ok(name) = Name::parse(text) {
        assert_eq!(name.to_string(), text);
        assert_eq!(Name::try_from(text.to_owned()), Ok(name));
    }
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.expose(), text);
        assert!(!format!("{token:?}").contains(text));
    }
}

fn network(text: &str) {
    if let Ok(parsed) = proxies::network(text) {
        assert_eq!(proxies::network(&parsed.to_string()), Ok(parsed));
    }
}

fn secrets(text: &str) {
    if let Some(hash) = VerifyTokenHash::of(text) {
        assert!(hash.matches(text) && !hash.matches(&format!("{text} ")));
    }
    if let Some(token) = parse_token(&text.into()) {
        let same = parse_token(&token).expect("it was one before");
        assert_eq!(same.expose_secret(), token.expose_secret());
    }
    let found = Secrets::of_variables(|_| Some(text.into()));
    if let (Ok(found), false) = (found, text.is_empty()) {
        assert!(
            Scheme::ALL
                .iter()
                .all(|it| found.of(*it) == Some(text.as_bytes()))
        );
    }
}

fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Files, scenarios and what stands in arguments.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = builtins()
        .iter()
        .map(|(name, text)| Seed::new(*name, *text))
        .collect();
    for (name, text) in [
        (
            "file",
            format!(
                "relay = \"https://relay.example:8443\"\nca = \"ca.pem\"\ndata = \"/srv/data\"\nendpoint = \"sms\"\n\n\
                 [secrets]\nverification_token = \"{SECRET}\"\nglip = \"{SECRET}\"\n\n\
                 [endpoints.sms-bot.secrets]\ndimelo = \"{SECRET}\"\ndigital_verify_token = \"{SECRET}\"\n\
                 source_sdk = \"{SECRET}\"\n"
            ),
        ),
        (
            "login",
            format!("relay = \"https://relay.example\"\ntoken = \"{SECRET}\"\nca = \"/srv/ca.pem\"\n"),
        ),
        (
            "step",
            "[vars]\na = 1\n[[step]]\nat = 1\nevery = 5\ntimes = 3\npath = \"/p?q=${nth}\"\nmethod = \"PUT\"\n\
             headers = { X-A = \"${a}\" }\nbody = { uuid = \"${uuid}\", at = \"${now}\" }\n"
                .to_owned(),
        ),
        (
            "urls",
            "https://relay.example/\nrelay.example:8443\nhttps://[::1]:9\n127.0.0.1:4\nhttps://me:pw@relay.example\n"
                .to_owned(),
        ),
        (
            "targets",
            "3000\n:3000\nlocalhost:3000/hooks?a=1\nhttp://[::1]:80/\nHTTPS://app.test/a/?x=1\nhttp://localhost/#a\n"
                .to_owned(),
        ),
        (
            "names",
            format!("sms\nanna-lisa-2\nxn--a\nrt_{}\n hush \n10.0.0.0/8\n::1\n", "A".repeat(43)),
        ),
    ] {
        seeds.push(Seed::new(name, text));
    }
    seeds
}
