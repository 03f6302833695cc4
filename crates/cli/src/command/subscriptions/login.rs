//! `ringtail subscriptions login` and `logout`.

use ringtail_client::config::Config;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_rc_api::{Credentials, JwtLogin, Login, Place};
use ringtail_text::escape;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Cloud, api, server, variable};
use crate::args::Common;
use crate::args::subscriptions::CloudLoginArgs;
use crate::output::print;
use crate::prompt;
use ringtail_views::blocking;

/// What a login by JWT needs, with the variable of each.
const NEEDED: [(&str, &str); 3] = [
    ("client id", "RINGCENTRAL_CLIENT_ID"),
    ("client secret", "RINGCENTRAL_CLIENT_SECRET"),
    ("JWT", "RINGCENTRAL_JWT"),
];

pub(super) async fn login(
    common: &Common,
    profile: Option<&str>,
    args: &CloudLoginArgs,
) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let server = server(args.server.as_deref())?;
    let login = match Login::of_variables(server.clone(), variable) {
        Some(login) => login,
        None => Login {
            server,
            credentials: ask().await?,
        },
    };
    let place = Place::new(config.directory(), profile);
    let api = api(&config, login.clone(), place.clone())?;
    // A list proves token, scope and server.
    let list = api.list().await?;
    let path = login.write(&place)?;
    let text = format!(
        "logged in to RingCentral ({}); login saved in {}\nsubscriptions of this user and app: {}\n\
         next: `ringtail listen 3000 --subscribe sms`, or `ringtail subscriptions filters`\n",
        login.server,
        escape(&path.to_string_lossy()),
        list.len(),
    );
    print(text.as_bytes()).await
}

/// Reads what the environment does not have from the terminal, or from stdin, a line each.
async fn ask() -> Result<Credentials, Failure> {
    let missing: Vec<&'static str> = NEEDED
        .iter()
        .filter(|(_, name)| variable(name).is_none())
        .map(|(label, _)| *label)
        .collect();
    let given = blocking(move || prompt::secrets(&missing)).await;
    let mut given = given.context("no login given")?.into_iter();
    let mut parts = Vec::new();
    for (label, name) in NEEDED {
        let part = variable(name)
            .map(SecretString::from)
            .or_else(|| given.next());
        let part = part.map(|it| SecretString::from(it.expose_secret().trim()));
        let part = part.filter(|it| {
            let text = it.expose_secret();
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        parts.push(part.ok_or_else(|| {
            let hint =
                format!("set {name}, or type it; it is on the app's page in the developer console");
            Failure::new(
                &codes::CLOUD_NO_LOGIN,
                format!("no {label} was given, or it has spaces in it"),
            )
            .hint(hint)
        })?);
    }
    let [client_id, client_secret, jwt] =
        <[SecretString; 3]>::try_from(parts).expect("one part for each that is needed");
    Ok(Credentials::Jwt(JwtLogin {
        client_id: client_id.expose_secret().to_owned(),
        client_secret,
        jwt,
    }))
}

pub(super) async fn logout(cloud: &Cloud) -> Result<(), Failure> {
    cloud.api.logout().await?;
    print(b"logged out of RingCentral; login and session were removed from this machine\n").await
}
