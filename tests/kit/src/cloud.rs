//! A double of RingCentral's REST API: login and webhook subscriptions, with state, limits and faults on demand.
//!
//! It does what docs/RINGCENTRAL.md 3 to 6 says, and no more: an unknown or misplaced key is ignored without a word, the
//! verification token is write-only, `~` comes back as ids. Where sources contradict each other, [`Rules`] has both.

mod answers;
mod bots;
mod login;
mod rates;
mod subscriptions;
mod validation;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::answers::{Refusal, respond};
use self::login::Session;
use self::rates::{Group, Rates};
pub use self::subscriptions::Subscription;
use self::validation::Caller;
use crate::app::{App, Seen, listen};

/// The account that every user of the double belongs to.
pub const ACCOUNT: &str = "37439510";

/// The extension of the double's user.
pub const EXTENSION: &str = "62264425008";

/// How the double behaves. [`Cloud::rules`] changes it at any time.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Client id of the app.
    pub client_id: String,
    /// Client secret of the app.
    pub client_secret: String,
    /// The JWT that logs in.
    pub jwt: String,
    /// Whether the app may use the JWT flow.
    pub jwt_flow: bool,
    /// Scopes of the app.
    pub scopes: Vec<&'static str>,
    /// Permissions that the user lacks.
    pub lacking: Vec<&'static str>,
    /// Filters that become disabled: a part of the filter, and the reason.
    pub disabled: Vec<(&'static str, &'static str)>,
    /// Subscriptions of one user and app: 30 or 20.
    pub max_subscriptions: usize,
    /// Longest lifetime in seconds; a longer one is capped.
    pub max_seconds: u64,
    /// Whether a renewal sets the default lifetime instead of keeping `expiresIn`.
    pub renewal_sets_default: bool,
    /// Whether a renewal revives a blacklisted subscription.
    pub renewal_revives: bool,
    /// How long an address may take to answer.
    pub answer_time: Duration,
    /// Whether requests are counted against the rate limits.
    pub limits_rates: bool,
    /// Whether it serves bots: what they call besides subscriptions, OAuth codes, and tokens that `ringtail simulate` gives.
    pub bots: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            client_id: "example-client-id".to_owned(),
            client_secret: "example-client-secret".to_owned(),
            jwt: "eyJhbGciOiJub25lIn0.eyJzdWIiOiI2MjI2NDQyNTAwOCJ9.example".to_owned(),
            jwt_flow: true,
            scopes: vec![
                "SubscriptionWebhook",
                "ReadMessages",
                "CallControl",
                "ReadPresence",
                "ReadAccounts",
                "TeamMessaging",
                "RingSense",
                "ReadWebinars",
            ],
            lacking: Vec::new(),
            disabled: Vec::new(),
            max_subscriptions: 30,
            max_seconds: 315_360_000,
            renewal_sets_default: false,
            renewal_revives: false,
            answer_time: Duration::from_secs(3),
            limits_rates: true,
            bots: false,
        }
    }
}

/// What happens to a request instead of what should.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An error in RingCentral's form: status, code and message.
    Error(u16, &'static str, &'static str),
    /// 429 CMN-301 with or without `Retry-After` in seconds, and the penalty.
    TooMany(Option<u64>),
    /// The request is carried out, and then the connection breaks before the answer.
    LostAnswer,
    /// The address of a create is validated, and its answer counts as too late.
    LateValidation,
    /// The connection breaks.
    HangUp,
    /// A status with a body that is not JSON.
    NotJson(u16),
}

/// The double. It serves HTTP on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Cloud {
    app: App,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rules: Rules,
    caller: Caller,
    turned: SignedDuration,
    sessions: Vec<Session>,
    subscriptions: Vec<Subscription>,
    rates: Rates,
    faults: Vec<Planned>,
    is_creating: bool,
    count: u64,
}

#[derive(Debug)]
struct Planned {
    request: String,
    times: usize,
    fault: Fault,
}

impl Cloud {
    /// Starts the double, which trusts the authorities in `pem` when it validates an address.
    ///
    /// # Errors
    /// When the PEM holds no certificate.
    pub fn start(pem: &[u8]) -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            rules: Rules::default(),
            caller: Caller::trusting(pem)?,
            turned: SignedDuration::ZERO,
            sessions: Vec::new(),
            subscriptions: Vec::new(),
            rates: Rates::default(),
            faults: Vec::new(),
            is_creating: false,
            count: 0,
        }));
        let shared = Arc::clone(&state);
        let app = App::answering(listen("127.0.0.1:0"), move |seen| {
            let shared = Arc::clone(&shared);
            async move { answer(&shared, seen).await }
        });
        Ok(Self { app, state })
    }

    /// Returns the base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.app.url("")
    }

    /// Returns the variables that log `ringtail` in.
    #[must_use]
    pub fn login(&self) -> [(&'static str, String); 4] {
        let rules = self.lock().rules.clone();
        [
            ("RINGCENTRAL_SERVER_URL", self.url()),
            ("RINGCENTRAL_CLIENT_ID", rules.client_id),
            ("RINGCENTRAL_CLIENT_SECRET", rules.client_secret),
            ("RINGCENTRAL_JWT", rules.jwt),
        ]
    }

    /// Changes the rules.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.lock().rules);
    }

    /// Has every name resolve to an address when the double validates or notifies.
    pub fn reach(&self, address: SocketAddr) {
        self.lock().caller.reach = Some(address);
    }

    /// Trusts other authorities when it validates an address.
    ///
    /// # Errors
    /// When the PEM holds no certificate.
    pub fn trust(&self, pem: &[u8]) -> anyhow::Result<()> {
        self.lock().caller = Caller::trusting(pem)?;
        Ok(())
    }

    /// Plans a fault for the next requests that begin with a method and path, such as `POST /restapi/v1.0/subscription`.
    pub fn fail(&self, request: &str, times: usize, fault: Fault) {
        self.lock().faults.push(Planned {
            request: request.to_owned(),
            times,
            fault,
        });
    }

    /// Turns the clock forward.
    pub fn turn(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap();
        self.lock().turned += time;
    }

    /// Returns the time by the double's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// Ends every session, as more than five logins do: the tokens earn 401 OAU-213.
    pub fn end_sessions(&self) {
        self.lock().sessions.clear();
    }

    /// Makes a permanent token, as a bot has.
    #[must_use]
    pub fn bot_token(&self) -> String {
        self.lock().session(None)
    }

    /// Returns the access tokens that are valid.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let state = self.lock();
        state.sessions.iter().map(|it| it.token.clone()).collect()
    }

    /// Adds a subscription without a validation, and returns its id.
    #[must_use]
    pub fn has(&self, address: &str, filters: &[&str]) -> String {
        let mut state = self.lock();
        let filters = filters.iter().map(|it| (*it).to_owned()).collect();
        state.add(address.to_owned(), filters, None, None)
    }

    /// Has a subscription deliver in another way, such as `PubNub`.
    ///
    /// # Panics
    /// When there is none.
    pub fn deliver_by(&self, id: &str, transport: &'static str) {
        self.lock().find(id).unwrap().transport = transport;
    }

    /// Makes a subscription older, as if it had been created earlier.
    ///
    /// # Panics
    /// When there is none.
    pub fn age(&self, id: &str, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap();
        let mut state = self.lock();
        let found = state.find(id).unwrap();
        found.created -= time;
        found.expires -= time;
    }

    /// Blacklists a subscription.
    ///
    /// # Panics
    /// When there is none.
    pub fn blacklist(&self, id: &str, reason: &str) {
        let mut state = self.lock();
        let now = state.now();
        state.find(id).unwrap().blacklisted = Some((now, reason.to_owned()));
    }

    /// Returns the subscriptions that have not expired, oldest first.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let mut state = self.lock();
        state.expire();
        state.subscriptions.clone()
    }

    /// Returns the calls so far as method and path, without the query.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let seen = self.app.seen().into_iter();
        seen.map(|seen| request_line(&seen)).collect()
    }

    /// Forgets every request so far.
    pub fn forget(&self) {
        self.app.forget();
    }

    /// Posts a notification to a subscription's address with its verification token; returns the status.
    ///
    /// # Errors
    /// When the subscription is not active or the address does not answer.
    pub async fn notify(&self, id: &str, body: &Value) -> anyhow::Result<u16> {
        let (caller, subscription) = {
            let mut state = self.lock();
            state.expire();
            let found = state.find(id).cloned();
            (state.caller.clone(), found)
        };
        let subscription = subscription
            .filter(|it| it.blacklisted.is_none())
            .ok_or_else(|| anyhow::anyhow!("subscription {id} is not active"))?;
        caller.notify(&subscription, body).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.turned
    }

    /// Returns an id that has not been used.
    fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn planned(&mut self, request: &str) -> Option<Fault> {
        let matching = |it: &&mut Planned| it.times > 0 && request.starts_with(&it.request);
        let planned = self.faults.iter_mut().find(matching)?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}

fn request_line(seen: &Seen) -> String {
    let path = seen.path.split('?').next().unwrap();
    format!("{} {path}", seen.method)
}

async fn answer(state: &Mutex<State>, seen: Seen) -> Option<http::Response<crate::app::AppBody>> {
    let line = request_line(&seen);
    let group = Group::of(&line);
    let fault = state.lock().unwrap().planned(&line);
    let (answered, headers) = match fault {
        Some(Fault::HangUp) => return None,
        Some(Fault::Error(status, code, message)) => {
            (Err(Refusal::new(status, code, message)), Vec::new())
        }
        Some(Fault::NotJson(status)) => {
            return Some(crate::app::response(
                status,
                "<html>Service Unavailable</html>",
            ));
        }
        Some(Fault::TooMany(wait)) => {
            let mut state = state.lock().unwrap();
            let now = state.now();
            state.rates.punish(group, now);
            let wait = wait.map(|seconds| ("retry-after", seconds.to_string()));
            (Err(Refusal::too_many()), wait.into_iter().collect())
        }
        Some(Fault::LateValidation) => (
            subscriptions::refuse_as_late(state, &seen).await,
            Vec::new(),
        ),
        Some(Fault::LostAnswer) => {
            drop(route(state, &line, &seen).await);
            return None;
        }
        None => {
            let counted = {
                let mut state = state.lock().unwrap();
                let now = state.now();
                let limits = state.rules.limits_rates;
                state.rates.count(group, now, limits)
            };
            match counted {
                Ok(()) => (route(state, &line, &seen).await, Vec::new()),
                Err(headers) => (Err(Refusal::too_many()), headers),
            }
        }
    };
    Some(respond(answered, &headers))
}

async fn route(state: &Mutex<State>, line: &str, seen: &Seen) -> Result<(u16, Value), Refusal> {
    match line {
        "POST /restapi/oauth/token" => return state.lock().unwrap().login(seen),
        "POST /restapi/oauth/revoke" => return state.lock().unwrap().revoke(seen),
        _ => state.lock().unwrap().authorize(seen)?,
    }
    let (method, path) = line.split_once(' ').unwrap();
    let serves_bots = state.lock().unwrap().rules.bots;
    if let Some(answer) = bots::answer(method, path).filter(|_| serves_bots) {
        return Ok((200, answer));
    }
    let Some(below) = path.strip_prefix("/restapi/v1.0/subscription") else {
        return Err(Refusal::not_found("resource"));
    };
    match (method, below.split('/').collect::<Vec<_>>().as_slice()) {
        ("POST", [""]) => subscriptions::create(state, seen).await,
        ("GET", [""]) => Ok(state.lock().unwrap().list()),
        ("GET", ["", id]) => state.lock().unwrap().show(id),
        ("PUT", ["", id]) => state.lock().unwrap().update(id, &seen.body),
        ("POST", ["", id, "renew"]) => state.lock().unwrap().update(id, b""),
        ("DELETE", ["", id]) => state.lock().unwrap().delete(id),
        _ => Err(Refusal::new(405, "CMN-110", "Method not allowed")),
    }
}

#[cfg(test)]
mod tests;
