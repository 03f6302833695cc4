//! What a request to an endpoint is, decided from the request alone.
//!
//! The rules are a table, [`TABLE`], one row per callback of RINGCENTRAL.md 7; the first row that recognises
//! the request wins, and the last recognises everything. The relay asks on its hot path, so the body is looked
//! at once, only when it can be JSON or a form, and no further than needed.

mod clues;
mod table;

use http::{HeaderMap, Method};
use ringtail_protocol::event::Kind;

use self::clues::Clues;
pub use self::table::{Row, TABLE};

/// A request as the edge received it, all of it in memory.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path below the endpoint, without the query.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// The headers as received.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Returns what the request is.
pub fn classify(request: &RequestView<'_>) -> Callback {
    let clues = Clues::gather(request);
    TABLE
        .iter()
        .find(|row| (row.recognise)(&clues))
        .map_or(Callback::Other, |row| row.callback)
}

/// The callbacks of RingCentral that a developer may point at an endpoint (RINGCENTRAL.md 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Callback {
    /// Validation of an address, for platform webhooks and RingCX agent-state subscriptions.
    Validation,
    /// RingCX Digital's validation of an address.
    DigitalChallenge,
    /// A call of the RingCX Digital source SDK, whose signed answer is data.
    SourceSdk,
    /// A button pressed on an adaptive card.
    InteractiveMessage,
    /// An event of a platform subscription.
    PlatformNotification,
    /// Events of RingCX Digital.
    DigitalNotification,
    /// An event of a RingCX agent-state subscription.
    AgentState,
    /// A RingCX Voice web service or workforce-management post.
    WfmNotification,
    /// A result of the deprecated AI API.
    AiResult,
    /// The token of a private bot that has just been installed.
    BotInstallPrivate,
    /// The OAuth code of a public bot that has just been installed.
    BotInstallPublic,
    /// A user's browser coming back from RingCentral's login.
    OAuthRedirect,
    /// The set-up page of an add-in, shown in a frame.
    AddInSetup,
    /// Anything else.
    Other,
}

impl Callback {
    /// Returns what kind of event the request becomes.
    pub fn kind(self) -> Kind {
        self.row().kind
    }

    /// Returns the callback as a stable machine word.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns what the edge answers when nobody else can.
    pub fn fallback(self) -> Fallback {
        self.row().fallback
    }

    /// Returns what RingCentral wants of the answer.
    pub fn expectation(self) -> Expectation {
        self.row().expectation
    }

    /// Says whether RingCentral reads the answer. It does not where a browser or somebody unknown asks.
    pub fn is_judged(self) -> bool {
        self.expectation().status != StatusRule::NotAnError
    }

    /// Returns the section of RINGCENTRAL.md that describes the callback.
    pub fn section(self) -> &'static str {
        self.row().section
    }

    /// Returns one sentence about the callback for people.
    pub fn about(self) -> &'static str {
        self.row().about
    }

    fn row(self) -> &'static Row {
        TABLE
            .iter()
            .find(|row| row.callback == self)
            .unwrap_or(&table::OTHER)
    }
}

/// What the edge answers when nobody else can: to a passthrough request that no client takes, or to anything that could
/// not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// 200 with a small body, after the event is stored durably; the app is still owed it.
    Accept {
        /// Value of the `Content-Type` header.
        content_type: &'static str,
        /// The body.
        body: &'static str,
    },
    /// 503: the caller can come again.
    Refuse,
}

/// What RingCentral wants of the answer to a callback, as far as it can be told from outside the app.
///
/// Whether a challenge is answered with the challenge, or a source SDK call with a signed body, is the app's
/// secret and is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// Which statuses count as success.
    pub status: StatusRule,
    /// Whether the time and size limits of RINGCENTRAL.md 1.3 hold.
    pub limited: bool,
}

/// Which statuses count as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusRule {
    /// 200 and no other.
    Exactly200,
    /// Any 2xx.
    Success,
    /// Anything below 400: a browser follows redirects.
    NotAnError,
    /// The caller does not look at it.
    Any,
}

impl StatusRule {
    /// Says whether the status counts as success.
    pub fn allows(self, status: u16) -> bool {
        match self {
            Self::Exactly200 => status == 200,
            Self::Success => (200..300).contains(&status),
            Self::NotAnError => status < 400,
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests;
