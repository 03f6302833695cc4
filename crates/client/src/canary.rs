//! Canaries: marked events that a client sends to its endpoint's public URL, to see that events arrive.
//!
//! The relay takes a canary for a notification: it stores it, answers 200 and streams it. A client recognises it by a MAC
//! under the account's token, so only its clients can make one; it then notes its arrival instead of storing an event. A canary is
//! thus in no list, and reaches no app unless its sender passes it on.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use ringtail_errors::{Code, Coded, codes};
use ringtail_model::{CanaryLost, CanaryState, Cause, ForwardState, LinkState, Outcome, Status};
use ringtail_protocol::event::{self, EventId, Header, Timestamp};
use ringtail_store::{History, ReadError, StoreError, StoredRequest};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::canary_key::{CanaryKey, HEADER};
use crate::config::{Account, BadRelayUrl, RelayUrl};
use crate::forward::Sender;
use crate::lock::is_listening;
use crate::relay_api::{ApiError, USER_AGENT, round_trip};

/// Time between looks into the history.
const LOOK: Duration = Duration::from_millis(25);

/// Sends canaries to one endpoint.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The account of the endpoint.
    pub account: Account,
    /// The endpoint's name.
    pub name: String,
    /// The endpoint's public URL.
    pub url: String,
    /// The history of the client that listens.
    pub history: History,
    /// The target, whose connection is tried at the end.
    pub target: Option<Sender>,
    /// Whether the app gets the canary as a request.
    pub to_app: bool,
    /// The client that should receive it.
    pub listener: Listener,
    /// How long the way from the relay to the history may take.
    pub timeout: Duration,
}

/// The client that listens on an endpoint.
#[derive(Debug, Clone)]
pub enum Listener {
    /// This process, with its status.
    Here(watch::Receiver<Status>),
    /// Another process with this data directory.
    Elsewhere(PathBuf),
}

/// How long each hop of a canary took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CanaryTimes {
    /// From the laptop to the relay's 200: name, TLS, edge, journal.
    pub relay: Option<Duration>,
    /// From there to the history: link and commit.
    pub history: Option<Duration>,
    /// To the app: the connection, or the response if the canary was passed on.
    pub app: Option<Duration>,
}

/// What became of a canary.
#[derive(Debug)]
pub struct CanaryReport {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// The hops that it passed.
    pub times: CanaryTimes,
    /// Where it was lost.
    pub lost: Option<CanaryError>,
}

impl CanaryReport {
    /// Returns what a status shows.
    #[must_use]
    pub fn state(&self) -> CanaryState {
        let CanaryTimes {
            relay,
            history,
            app,
        } = self.times;
        CanaryState {
            sent_at: self.sent_at,
            result: match &self.lost {
                None => Ok([relay, history, app].into_iter().flatten().sum()),
                Some(error) => Err(CanaryLost {
                    hop: error.hop(),
                    code: error.code().id,
                    reason: ringtail_text::chain(error),
                }),
            },
        }
    }
}

impl Canary {
    /// Sends one canary and follows it.
    pub async fn send(&self) -> CanaryReport {
        let mut report = CanaryReport {
            sent_at: Timestamp::now(),
            times: CanaryTimes::default(),
            lost: None,
        };
        report.lost = self.follow(&mut report.times).await.err();
        report
    }

    async fn follow(&self, times: &mut CanaryTimes) -> Result<(), CanaryError> {
        let id = EventId::fresh();
        self.history.canary_sent(id).await?;
        let body = json!({
            "uuid": id.to_string(),
            "event": "/ringtail/canary",
            "subscriptionId": "ringtail-canary",
            "body": {},
        });
        let body = Bytes::from(body.to_string());
        let mac = CanaryKey::of(&self.account).mac(&body);

        let began = Instant::now();
        self.post(body.clone(), &mac).await?;
        times.relay = Some(began.elapsed());

        let began = Instant::now();
        let deadline = began + self.timeout;
        let cursor = self.cursor();
        while self.history.canary_stored(id).await?.is_none() {
            if Instant::now() >= deadline {
                return Err(self.not_stored(cursor));
            }
            sleep(LOOK).await;
        }
        times.history = Some(began.elapsed());

        if let Some(target) = &self.target {
            let began = Instant::now();
            match self.to_app {
                true => pass_on(target, id, body, mac).await?,
                false => {
                    (target.probe().await).map_err(|failure| CanaryError::App(failure.message))?
                }
            }
            times.app = Some(began.elapsed());
        }
        Ok(())
    }

    async fn post(&self, body: Bytes, mac: &[u8]) -> Result<(), CanaryError> {
        let uri: http::Uri = self.url.parse().map_err(|_| CanaryError::Url)?;
        let authority = uri.authority().ok_or(CanaryError::Url)?.as_str();
        let relay: RelayUrl = authority.parse()?;
        let request = Request::post(uri.path())
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header(HEADER, mac)
            .body(Full::new(body))
            .map_err(|_| CanaryError::Url)?;
        round_trip(&relay, &self.account, request).await?;
        Ok(())
    }

    /// Returns how far this process has stored the endpoint's events.
    fn cursor(&self) -> Option<u64> {
        match &self.listener {
            Listener::Here(status) => Some(status.borrow().cursor),
            Listener::Elsewhere(_) => None,
        }
    }

    /// Explains why a canary that the relay has is not in the history, which stood at a cursor when the wait began.
    fn not_stored(&self, before: Option<u64>) -> CanaryError {
        match &self.listener {
            Listener::Here(status) => {
                let status = status.borrow();
                match &status.link {
                    LinkState::Waiting { code, reason, .. }
                    | LinkState::Refused { code, reason } => {
                        return CanaryError::Link {
                            code,
                            reason: reason.clone(),
                        };
                    }
                    LinkState::Full => return CanaryError::Full,
                    LinkState::DiskFull => return CanaryError::DiskFull,
                    // Otherwise it is behind others, which come.
                    LinkState::Connected if Some(status.cursor) == before => {
                        return CanaryError::Silent {
                            seconds: self.timeout.as_secs_f64(),
                        };
                    }
                    _ => {}
                }
            }
            Listener::Elsewhere(data) if !is_listening(data, &self.name) => {
                return CanaryError::NoListener {
                    name: self.name.clone(),
                };
            }
            Listener::Elsewhere(_) => {}
        }
        CanaryError::NotStored {
            seconds: self.timeout.as_secs_f64(),
        }
    }
}

async fn pass_on(
    target: &Sender,
    id: EventId,
    body: Bytes,
    mac: Vec<u8>,
) -> Result<(), CanaryError> {
    let header = |name: &str, value: Bytes| Header {
        name: name.into(),
        value,
    };
    let request = event::Request {
        method: "POST".into(),
        path: String::new(),
        peer: String::new(),
        headers: vec![
            header("content-type", Bytes::from_static(b"application/json")),
            header(HEADER, mac.into()),
        ],
        body,
    };
    let stored = StoredRequest {
        id,
        endpoint: String::new(),
        seq: 0,
        forward: ForwardState::Pending,
        edited_from: None,
        request,
    };
    let delivery = target.deliver(&stored, Cause::Replay, || {}).await;
    match delivery.attempt.outcome {
        Outcome::Status(200..=299) => Ok(()),
        Outcome::Status(status) => Err(CanaryError::App(format!("the app answered {status}"))),
        Outcome::Error { message, .. } => Err(CanaryError::App(message)),
    }
}

/// Where and why a canary was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// The history does not take it, so no event either.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The endpoint's URL is not one.
    #[error("the endpoint's URL is not one that a canary can be sent to")]
    Url,
    /// The endpoint's URL has no host.
    #[error(transparent)]
    Host(#[from] BadRelayUrl),
    /// The relay does not take it.
    #[error(transparent)]
    Relay(#[from] ApiError),
    /// The link is down.
    #[error("the relay has it, and the link is down: {reason}")]
    Link {
        /// Code of the link's trouble.
        code: &'static str,
        /// The trouble.
        reason: String,
    },
    /// The link seems to be up.
    #[error(
        "the relay has it, and the link seems to be up but did not bring it within {seconds} s; dialling again"
    )]
    Silent {
        /// How long was waited.
        seconds: f64,
    },
    /// Pending events fill the history.
    #[error("pending events fill the history, so it waits on the relay")]
    Full,
    /// The disk of the history is full.
    #[error("this machine's disk is full, so it waits on the relay")]
    DiskFull,
    /// No client listens.
    #[error("the relay has it, and no `ringtail listen` runs on endpoint {name} with this history")]
    NoListener {
        /// The endpoint's name.
        name: String,
    },
    /// It did not come in time.
    #[error("the relay has it, and it was not in the history after {seconds} s")]
    NotStored {
        /// How long was waited.
        seconds: f64,
    },
    /// The app does not take requests.
    #[error("the app does not take requests: {0}")]
    App(String),
}

impl CanaryError {
    /// Returns the hop that did not pass it on.
    #[must_use]
    pub fn hop(&self) -> &'static str {
        match self {
            Self::Store(_) | Self::Read(_) | Self::Full | Self::DiskFull => "history",
            Self::Url | Self::Host(_) | Self::Relay(_) => "relay",
            Self::Link { .. } | Self::Silent { .. } => "link",
            Self::NoListener { .. } | Self::NotStored { .. } => "client",
            Self::App(_) => "app",
        }
    }
}

impl Coded for CanaryError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Read(error) => error.code(),
            Self::Relay(error) => error.code(),
            Self::Link { code, .. } => ringtail_errors::find(code).unwrap_or(&codes::CANARY),
            _ => &codes::CANARY,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Relay(error) => error.hint(),
            Self::NoListener { name } => Some(format!("run `ringtail listen --endpoint {name}`")),
            Self::Full => Some(
                "start the app, or raise --keep-bytes or --keep-events: nothing is lost meanwhile"
                    .to_owned(),
            ),
            Self::DiskFull => Some("free space on it: nothing is lost meanwhile".to_owned()),
            Self::App(_) => Some("start the app; its events stay pending meanwhile".to_owned()),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}
