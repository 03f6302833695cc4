//! The calls, one at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use ringtail_outbound::proxy::Proxies;
use ringtail_outbound::trust::Trust;
use ringtail_ringcentral::subscription::Subscription;
use ringtail_ringcentral::subscription::plan::Wanted;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::error::{ApiError, Call, DUPLICATE, NO_PLAN, Refusal};
use crate::login::{Credentials, JwtLogin, Login, Place};
use crate::server::Server;
use crate::session::Session;
use crate::transport::Transport;

const SUBSCRIPTIONS: &str = "/restapi/v1.0/subscription";

/// Seconds to wait after a 429 that does not say how long: the whole penalty, which a request inside restarts
/// (docs/RINGCENTRAL.md 4.7).
const DEFAULT_WAIT: u64 = 60;

/// Longest wait for the end of a penalty; a longer one ends the call.
const MAX_WAIT: Duration = Duration::from_secs(60);

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Receives a line about a wait, to show it.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// RingCentral's API for one login.
#[derive(Clone)]
pub struct Api {
    login: Login,
    place: Place,
    transport: Transport,
    clock: Arc<dyn Clock>,
    tell: Tell,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.login.server)
    }
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    expires_in: u64,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    records: Vec<Subscription>,
}

/// A call below the base path.
struct Request {
    call: Call,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Api {
    /// Creates the API; makes no call. The files of the login's session are at `place`.
    #[must_use]
    pub fn new(login: Login, place: Place, trust: &Trust, proxies: Proxies) -> Self {
        Self {
            login,
            place,
            transport: Transport::new(trust, proxies),
            clock: Arc::new(SystemClock),
            tell: Arc::new(|_| {}),
        }
    }

    /// Says what it waits for.
    #[must_use]
    pub fn telling(mut self, tell: Tell) -> Self {
        self.tell = tell;
        self
    }

    /// Uses another clock.
    #[cfg(test)]
    pub(crate) fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.login.server
    }

    /// Returns the place of the login's files.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn tell(&self, line: &str) {
        (self.tell)(line);
    }

    /// Lists the subscriptions of this user and app.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn list(&self) -> Result<Vec<Subscription>, ApiError> {
        let list: List = self.call(Call::List, Method::GET, "", None).await?;
        Ok(list.records)
    }

    /// Creates a subscription with a verification token. RingCentral validates the address meanwhile.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses. Without a response it may exist all the same.
    pub async fn create(
        &self,
        wanted: &Wanted,
        token: &SecretString,
    ) -> Result<Subscription, ApiError> {
        // `expiresIn` is beside `deliveryMode`: RingCentral silently ignores it inside.
        let body = json!({
            "eventFilters": wanted.filters,
            "deliveryMode": {
                "transportType": "WebHook",
                "address": wanted.address,
                "verificationToken": token.expose_secret(),
            },
            "expiresIn": wanted.seconds,
        });
        self.call(Call::Create, Method::POST, "", Some(body)).await
    }

    /// Sets filters and lifetime. RingCentral needs the filters even if only the lifetime changes.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn update(
        &self,
        id: &str,
        filters: &[String],
        seconds: u64,
    ) -> Result<Subscription, ApiError> {
        let body = json!({"eventFilters": filters, "expiresIn": seconds});
        self.call(Call::Update, Method::PUT, &below(id), Some(body))
            .await
    }

    /// Renews a subscription.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn renew(&self, id: &str) -> Result<Subscription, ApiError> {
        let path = format!("{}/renew", below(id));
        self.call(Call::Renew, Method::POST, &path, None).await
    }

    /// Deletes a subscription. A missing one is not an error.
    ///
    /// # Errors
    /// When RingCentral cannot be reached or refuses.
    pub async fn delete(&self, id: &str) -> Result<(), ApiError> {
        let request = Request {
            call: Call::Delete,
            method: Method::DELETE,
            path: format!("{SUBSCRIPTIONS}{}", below(id)),
            body: None,
        };
        match self.send(&request).await {
            Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(()),
            other => other.map(drop),
        }
    }

    /// Ends the session at RingCentral, if there is one, and removes login and session from this machine.
    ///
    /// # Errors
    /// When the files cannot be removed, or RingCentral cannot be reached; the files are removed first.
    pub async fn logout(&self) -> Result<(), ApiError> {
        let _turn = self.place.lock("lock").await?;
        let token = Session::read(&self.place, &self.login)?.token(self.clock.now());
        self.place.remove()?;
        // A session comes from a JWT; a bot's token stays valid.
        let (Credentials::Jwt(app), Some(token)) = (&self.login.credentials, token) else {
            return Ok(());
        };
        let form = [("token", token.expose_secret())];
        let response = self
            .form(app, "/restapi/oauth/revoke", &form, Call::Logout)
            .await?;
        judge(Call::Logout, &response).map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        call: Call,
        method: Method,
        below: &str,
        body: Option<Value>,
    ) -> Result<T, ApiError> {
        let request = Request {
            call,
            method,
            path: format!("{SUBSCRIPTIONS}{below}"),
            body,
        };
        let answer = self.send(&request).await?;
        serde_json::from_slice(&answer).map_err(|_| ApiError::NotRingCentral {
            call,
            status: StatusCode::OK,
        })
    }

    /// Sends a request. After a 401 it logs in once more, and after a 429 it waits once.
    async fn send(&self, request: &Request) -> Result<Bytes, ApiError> {
        let (mut has_logged_in, mut has_waited) = (false, false);
        loop {
            let refused = match self.attempt(request).await {
                Err(ApiError::Refused(refusal)) => refusal,
                Err(ApiError::TooMany { wait }) if !has_waited && wait <= MAX_WAIT => {
                    has_waited = true;
                    self.wait(wait).await;
                    continue;
                }
                other => return other,
            };
            let is_login = matches!(self.login.credentials, Credentials::Jwt(_));
            match refused.status {
                StatusCode::UNAUTHORIZED
                    if is_login && !has_logged_in && refused.call != Call::Login =>
                {
                    tracing::debug!(
                        code = refused.code,
                        "RingCentral no longer accepts the token"
                    );
                    has_logged_in = true;
                }
                _ => return Err(refused.into()),
            }
        }
    }

    async fn wait(&self, time: Duration) {
        self.tell(&format!(
            "RingCentral limits requests; waiting {} s",
            time.as_secs().max(1)
        ));
        self.clock.sleep(time).await;
    }

    /// Sends a request once, while no other process of this login sends one.
    async fn attempt(&self, request: &Request) -> Result<Bytes, ApiError> {
        let _turn = self.place.lock("lock").await?;
        let mut session = Session::read(&self.place, &self.login)?;
        let now = self.clock.now();
        if let Some(wait) = session
            .not_before
            .and_then(|it| (it.duration_since(now)).try_into().ok())
            && wait > Duration::ZERO
        {
            return Err(ApiError::TooMany { wait });
        }
        let token = match &self.login.credentials {
            Credentials::Token(token) => token.clone(),
            Credentials::Jwt(app) => match session.token(now) {
                Some(token) => token,
                None => self.log_in(app, &mut session).await?,
            },
        };
        let body = request.body.as_ref().map(|body| (JSON, body.to_string()));
        let authorization = sensitive("Bearer", token.expose_secret());
        let sent = self.transport.send(
            &self.login.server,
            request.method.clone(),
            &request.path,
            authorization,
            body,
        );
        let response = sent.await.map_err(|source| ApiError::NoResponse {
            call: request.call,
            source,
        })?;
        self.heed(&mut session, &response)?;
        let judged = judge(request.call, &response);
        // A cached token keeps the scopes that it was issued with.
        if let Err(ApiError::Refused(refusal)) = &judged
            && (refusal.status == StatusCode::UNAUTHORIZED || refusal.code == "CMN-401")
        {
            session.end();
            session.write(&self.place)?;
        }
        judged
    }

    /// Notes a penalty for all processes.
    fn heed(&self, session: &mut Session, response: &Response<Bytes>) -> Result<(), ApiError> {
        if response.status() != StatusCode::TOO_MANY_REQUESTS || is_no_penalty(response) {
            return Ok(());
        }
        let wait = retry_after(response.headers());
        session.not_before = Some(self.clock.now() + SignedDuration::from_secs(wait.cast_signed()));
        session.write(&self.place)?;
        Err(ApiError::TooMany {
            wait: Duration::from_secs(wait),
        })
    }

    async fn log_in(
        &self,
        app: &JwtLogin,
        session: &mut Session,
    ) -> Result<SecretString, ApiError> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", app.jwt.expose_secret()),
        ];
        let response = self
            .form(app, "/restapi/oauth/token", &form, Call::Login)
            .await?;
        self.heed(session, &response)?;
        let answer = judge(Call::Login, &response).map_err(|error| match error {
            ApiError::Refused(refusal) => ApiError::Refused(Refusal {
                jwt_ended: ended(&app.jwt, self.clock.now()),
                ..refusal
            }),
            other => other,
        })?;
        let token: Token =
            serde_json::from_slice(&answer).map_err(|_| ApiError::NotRingCentral {
                call: Call::Login,
                status: response.status(),
            })?;
        session.begin(&token.access_token, token.expires_in, self.clock.now());
        session.write(&self.place)?;
        Ok(token.access_token)
    }

    async fn form(
        &self,
        app: &JwtLogin,
        path: &str,
        fields: &[(&str, &str)],
        call: Call,
    ) -> Result<Response<Bytes>, ApiError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let pair = format!("{}:{}", app.client_id, app.client_secret.expose_secret());
        let authorization = sensitive("Basic", &STANDARD.encode(pair));
        let sent = self.transport.send(
            &self.login.server,
            Method::POST,
            path,
            authorization,
            Some((FORM, form)),
        );
        sent.await
            .map_err(|source| ApiError::NoResponse { call, source })
    }
}

/// Ids go into paths: RingCentral's are made of unreserved characters, and any other is escaped.
fn below(id: &str) -> String {
    format!(
        "/{}",
        form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()
    )
}

fn judge(call: Call, response: &Response<Bytes>) -> Result<Bytes, ApiError> {
    if response.status().is_success() {
        return Ok(response.body().clone());
    }
    Err(
        match Refusal::read(call, response.status(), response.body()) {
            Some(refusal) => refusal.into(),
            None => ApiError::NotRingCentral {
                call,
                status: response.status(),
            },
        },
    )
}

/// Waiting helps neither a duplicate of a call in progress nor an app without an API plan.
fn is_no_penalty(response: &Response<Bytes>) -> bool {
    let refusal = Refusal::read(Call::Create, response.status(), response.body());
    refusal.is_some_and(|it| it.code == DUPLICATE || it.code == NO_PLAN)
}

fn retry_after(headers: &HeaderMap) -> u64 {
    let given = headers.get(header::RETRY_AFTER);
    let seconds = given.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    // A day is longer than any penalty.
    seconds.unwrap_or(DEFAULT_WAIT).min(86_400)
}

/// Returns an `Authorization` header. A secret that no header carries makes an empty one, which is refused.
fn sensitive(scheme: &'static str, secret: &str) -> HeaderValue {
    let value = HeaderValue::try_from(format!("{scheme} {secret}"));
    let mut value = value.unwrap_or(HeaderValue::from_static(scheme));
    value.set_sensitive(true);
    value
}

/// Returns when a JWT ended, if it says so and has.
fn ended(jwt: &SecretString, now: Timestamp) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = jwt.expose_secret().split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.exp)
        .ok()
        .filter(|end| *end <= now)
}
