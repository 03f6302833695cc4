use super::*;

#[tokio::test]
async fn a_refused_login_says_what_to_change() {
    let world = World::new();
    let ended = URL_SAFE_NO_PAD.encode(r#"{"sub":"1","exp":1790000000}"#);
    let with = |jwt: &str, secret: &str| {
        world.api_of(Login {
            credentials: Credentials::Jwt(JwtLogin {
                client_id: "example-client-id".to_owned(),
                client_secret: secret.into(),
                jwt: jwt.into(),
            }),
            ..world.login()
        })
    };
    let bad_jwt = format!("e.{ended}.s");
    for (jwt, secret, code, hint) in [
        (
            bad_jwt.as_str(),
            "example-client-secret",
            "invalid_grant",
            "the JWT expired on 2026-09-21",
        ),
        (
            "revoked",
            "example-client-secret",
            "invalid_grant",
            "the JWT was revoked",
        ),
        (
            "any",
            "wrong",
            "OAU-146",
            "copy client id and client secret again",
        ),
    ] {
        let error = with(jwt, secret).list().await.unwrap_err();
        let failure = Failure::from(error);
        let text = failure.to_string();
        assert!(text.contains(code) && text.contains(hint), "{text}");
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(!text.contains(&ended), "{text}");
    }
    world.cloud.rules(|rules| rules.jwt_flow = false);
    let text = Failure::from(world.api().list().await.unwrap_err()).to_string();
    assert!(
        text.contains("OAU-251") && text.contains("enable \"JWT auth flow\""),
        "{text}"
    );
}

#[tokio::test]
async fn a_new_scope_counts_without_another_login_by_hand() {
    let world = World::new();
    world
        .cloud
        .rules(|rules| rules.scopes.retain(|it| *it != "ReadMessages"));
    let error = world.keeper(&[SMS]).ensure().await.unwrap_err();
    let text = Failure::from(error).to_string();
    assert!(
        text.contains("CMN-401") && text.contains("add the scope ReadMessages"),
        "{text}"
    );
    world.cloud.rules(|rules| rules.scopes.push("ReadMessages"));
    world.calls();
    world.keeper(&[SMS]).ensure().await.unwrap();
    assert_eq!(world.calls(), [LOGIN, LIST, CREATE]);
}

#[tokio::test]
async fn the_scopes_of_the_short_names_are_those_that_are_asked_for() {
    let world = World::new();
    for named in NAMED {
        world
            .cloud
            .rules(|rules| rules.scopes.retain(|it| *it != named.scope));
        let error = world.keeper(&[named.filter]).ensure().await.unwrap_err();
        assert_eq!(error.refused_with(), Some("CMN-401"), "{}", named.name);
        assert!(error.to_string().contains(named.scope), "{error}");
        world.cloud.rules(|rules| rules.scopes.push(named.scope));
        world.cloud.turn(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn a_bot_uses_its_permanent_token() {
    let world = World::new();
    let login = Login {
        credentials: Credentials::Token(world.cloud.bot_token().into()),
        ..world.login()
    };
    world.cloud.turn(100 * DAY);
    world.api_of(login.clone()).list().await.unwrap();
    world.cloud.end_sessions();
    let error = world.api_of(login).list().await.unwrap_err();
    assert_eq!(error.refused_with(), Some("OAU-213"));
    assert_eq!(world.calls(), [LIST, LIST]);
}

#[tokio::test]
async fn login_and_logout_leave_private_files_and_none() {
    let world = World::new();
    let place = Place::new(world.home.path(), None);
    assert!(Login::read(&place).unwrap().is_none());
    let path = world.login().write(&place).unwrap();
    let read = Login::read(&place).unwrap().unwrap();
    assert!(!format!("{read:?}").contains("example-client-secret"));
    world.api_of(read).list().await.unwrap();
    assert_eq!(world.cloud.tokens().len(), 1);
    #[cfg(unix)]
    for file in std::fs::read_dir(world.home.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
    world.api().logout().await.unwrap();
    assert!(!path.exists() && world.cloud.tokens().is_empty());

    std::fs::write(&path, r#"{"server":"https://x","jwt":"hush" oops"#).unwrap();
    #[cfg(unix)]
    {
        let error = Login::read(&place).unwrap_err();
        assert!(error.to_string().contains("others can read it"), "{error}");
        ringtail_files::replace(&path, b"hush", ringtail_files::Access::Private).unwrap();
    }
    let error = Login::read(&place).unwrap_err();
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}

#[test]
fn a_server_is_https_or_here() {
    for (text, good) in [
        ("https://platform.ringcentral.com/", true),
        ("https://platform.ringcentral.biz", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://localhost:1", true),
        ("http://platform.ringcentral.com", false),
        ("http://localhost.example", false),
        ("https://a@platform.ringcentral.com", false),
        ("https://platform.ringcentral.com/restapi", false),
        ("platform.ringcentral.com", false),
        ("", false),
    ] {
        assert_eq!(text.parse::<Server>().is_ok(), good, "{text}");
    }
    for (text, is_here) in [
        ("http://[::1]", true),
        ("https://[::1]:1", true),
        ("http://127.0.0.2", true),
        ("https://localhost", true),
        ("https://platform.ringcentral.com", false),
    ] {
        assert_eq!(text.parse::<Server>().unwrap().is_here(), is_here, "{text}");
    }
}
