//! Login and access tokens (docs/RINGCENTRAL.md 5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answers::Refusal;
use super::{EXTENSION, State};
use crate::app::Seen;

const JWT_FLOW: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Sessions side by side; one more ends the oldest.
const MAX_SESSIONS: usize = 5;

/// Lifetime of an access token.
const TOKEN_SECONDS: u64 = 3600;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) token: String,
    /// Missing: a bot's token, which is permanent.
    expires: Option<Timestamp>,
}

impl State {
    /// Starts a session of so many seconds, or a permanent one.
    pub(super) fn session(&mut self, seconds: Option<u64>) -> String {
        let expires = seconds.map(|it| self.now() + SignedDuration::from_secs(it.cast_signed()));
        let token = format!("example-access-token-{:08}", self.fresh());
        let of_users = self.sessions.iter().filter(|it| it.expires.is_some());
        if of_users.count() >= MAX_SESSIONS {
            let oldest = self.sessions.iter().position(|it| it.expires.is_some());
            self.sessions.remove(oldest.unwrap());
        }
        self.sessions.push(Session {
            token: token.clone(),
            expires,
        });
        token
    }

    pub(super) fn login(&mut self, seen: &Seen) -> Result<(u16, Value), Refusal> {
        self.is_client(seen)?;
        let field = |name: &str| {
            let mut pairs = form_urlencoded::parse(&seen.body);
            pairs.find(|(key, _)| key == name).map(|(_, value)| value)
        };
        if self.rules.bots && field("grant_type").as_deref() == Some("authorization_code") {
            let token = self.session(None);
            return Ok((
                200,
                self.granted(&token, u64::from(i32::MAX.unsigned_abs())),
            ));
        }
        if field("grant_type").as_deref() != Some(JWT_FLOW) || !self.rules.jwt_flow {
            return Err(Refusal::oauth(
                "unauthorized_client",
                "OAU-251",
                "Unauthorized for this grant type",
            ));
        }
        if field("assertion").as_deref() != Some(&self.rules.jwt) {
            // No source gives RingCentral's code for this.
            return Err(Refusal::oauth(
                "invalid_grant",
                "invalid_grant",
                "Invalid assertion",
            ));
        }
        let asked = field("access_token_ttl").and_then(|it| it.parse().ok());
        let seconds = asked.map_or(TOKEN_SECONDS, |it: u64| it.clamp(600, 3600));
        let token = self.session(Some(seconds));
        Ok((200, self.granted(&token, seconds)))
    }

    fn granted(&self, token: &str, seconds: u64) -> Value {
        json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_in": seconds,
            "scope": self.rules.scopes.join(" "),
            "owner_id": EXTENSION,
            "endpoint_id": "example-endpoint",
        })
    }

    pub(super) fn revoke(&mut self, seen: &Seen) -> Result<(u16, Value), Refusal> {
        self.is_client(seen)?;
        let mut pairs = form_urlencoded::parse(&seen.body);
        let token = pairs.find(|(key, _)| key == "token");
        let token = token.ok_or_else(|| Refusal::invalid("token"))?.1;
        self.sessions.retain(|it| it.token != token);
        Ok((200, Value::Null))
    }

    fn is_client(&self, seen: &Seen) -> Result<(), Refusal> {
        let pair = format!("{}:{}", self.rules.client_id, self.rules.client_secret);
        let expected = format!("Basic {}", STANDARD.encode(pair));
        match seen.header("authorization")[..] {
            [given] if given == expected.as_bytes() => Ok(()),
            _ => Err(Refusal::oauth(
                "invalid_client",
                "OAU-146",
                "Invalid client credentials",
            )),
        }
    }

    /// Refuses a request without a valid access token.
    pub(super) fn authorize(&mut self, seen: &Seen) -> Result<(), Refusal> {
        let refuse = |code: &str, message: &str| Err(Refusal::new(401, code, message));
        let given = match seen.header("authorization")[..] {
            [given] => String::from_utf8_lossy(given).into_owned(),
            _ => return refuse("AGW-401", "Authorization header is not specified"),
        };
        let scheme = given.split_once(' ');
        let Some(token) = scheme
            .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token))
        else {
            return refuse("AGW-402", "Invalid Authorization header");
        };
        if self.rules.bots && token.starts_with("simulated-") {
            return Ok(());
        }
        let now = self.now();
        match self.sessions.iter().find(|it| it.token == token) {
            None => refuse("OAU-213", "Token not found"),
            Some(session) if session.expires.is_some_and(|it| it <= now) => {
                refuse("OAU-128", "Access token expired")
            }
            Some(_) => Ok(()),
        }
    }
}
