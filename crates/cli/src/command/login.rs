//! `ringtail login`.

use std::path::Path;

use ringtail_client::config::{Account, Config, ConfigError, Env, Login, RelayUrl, parse_token};
use ringtail_client::relay_api::RelayApi;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_outbound::trust::Trust;

use crate::args::{Common, LoginArgs};
use crate::output::Stdout;
use crate::prompt;
use ringtail_text::escape;
use ringtail_views::blocking;

pub(super) async fn run(common: &Common, args: &LoginArgs) -> Result<(), Failure> {
    if let Some(Err(reason)) = args.url.as_deref().map(str::parse::<RelayUrl>) {
        // One with a user name may have a password, too.
        let shown = args.url.as_deref().filter(|url| !url.contains('@'));
        let shown = shown.map_or("the address".to_owned(), |url| format!("\"{url}\""));
        let wrong = format!("{shown} is {reason}");
        return Err(Failure::new(&codes::RELAY_URL, wrong));
    }
    let mut flags = common.flags(None);
    flags.relay = args.url.clone().or(flags.relay);
    let config = Config::load(&flags)?;
    let relay = config.relay.clone().ok_or(ConfigError::NoRelay)?;
    let ca = config.ca.as_deref().map(absolute).transpose()?;
    let trust = Trust::load(ca.as_deref()).map_err(ConfigError::from)?;

    let given = match Env::from_process()?.token {
        Some(token) => token,
        None => {
            let of = relay.to_string();
            let asked = blocking(move || prompt::token(&of)).await;
            asked.context("no token given")?
        }
    };
    let token = parse_token(&given).ok_or_else(|| {
        Failure::new(&codes::BAD_TOKEN, "not a token")
            .hint("`ringtail-relay accounts add NAME` prints one, without spaces")
    })?;
    let account = Account {
        relay: relay.clone(),
        token: token.clone(),
        trust,
        proxies: config.proxies.clone(),
    };
    RelayApi::new(account).verify().await?;
    let login = Login {
        relay: relay.to_string(),
        token,
        ca,
    };
    login.write(&config.login_file).map_err(ConfigError::from)?;
    let text = format!(
        "logged in to {relay}; token saved in {}\nnext: `ringtail listen 3000`, with the port or URL of your app\n",
        escape(&config.login_file.to_string_lossy())
    );
    // The login is complete even if the message cannot be printed.
    drop(Stdout::new().write(text.as_bytes()).await);
    Ok(())
}

/// Makes the path usable from other directories.
fn absolute(path: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path).context(format!("cannot find {}", path.display()))
}
