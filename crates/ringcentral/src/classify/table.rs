//! The table of callbacks (docs/RINGCENTRAL.md 1.5 and 7).

use ringtail_protocol::event::Kind;

use super::clues::{Clues, Field};
use crate::headers::{DIMELO_SECRET, GLIP_SIGNATURE, SOURCE_SDK_SIGNATURE};

/// One callback: its name, how it is recognized, who answers it, and what RingCentral expects.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The callback.
    pub callback: Callback,
    /// Stable machine word.
    pub name: &'static str,
    /// Section of docs/RINGCENTRAL.md.
    pub section: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    /// What kind of event it becomes.
    pub kind: Kind,
    /// The relay's response when no client answers.
    pub fallback: Fallback,
    /// What RingCentral wants of the answer.
    pub expectation: Expectation,
    pub(super) recognise: fn(&Clues<'_>) -> bool,
}

/// Section 1.3: exactly 200, in time, small.
const STRICT: Expectation = expect(StatusRule::Exactly200, true);

const fn expect(status: StatusRule, limited: bool) -> Expectation {
    Expectation { status, limited }
}

/// Every callback, in the order in which they are tried.
pub const TABLE: &[Rule] = &[
    // A header without a body: the guide's 2023 edition says that notifications carry the header too, so the
    // header alone would swallow events. POST is documented; no other method with this header has another
    // meaning, so a probe by GET gets the same answer. With a body it is an event, and the edge echoes the token.
    Rule {
        callback: Callback::Validation,
        name: "validation",
        section: "1.5",
        about: "RingCentral checks that the address answers",
        kind: Kind::Validation,
        fallback: Fallback::Refuse,
        expectation: STRICT,
        recognise: |clues| clues.has_validation_token() && clues.is_empty(),
    },
    // The app compares `hub.verify_token`, which the edge does not know. Validation repeats by itself.
    Rule {
        callback: Callback::DigitalChallenge,
        name: "digital-challenge",
        section: "7.1",
        about: "RingCX Digital checks that the address answers its challenge",
        kind: Kind::Passthrough,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Exactly200, false),
        recognise: |clues| {
            clues.is_get() && !clues.is_delivery() && clues.query(Field::HubChallenge)
        },
    },
    // The answer is data signed with the app's secret, so only the app can make it.
    Rule {
        callback: Callback::SourceSdk,
        name: "source-sdk",
        section: "7.2",
        about: "RingCX Digital calls the source SDK and reads the signed answer",
        kind: Kind::Passthrough,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Success, false),
        recognise: |clues| {
            let signed = clues.query(Field::Signature) && clues.body(Field::Action);
            !clues.is_delivery()
                && (clues.has(&SOURCE_SDK_SIGNATURE) || signed && !clues.is_marked())
        },
    },
    // Subscriptions are not signed, but much public code believes they are. If RingCentral began to, an event
    // must still be a notification, so a signature alone does not outweigh the marks of a subscription.
    Rule {
        callback: Callback::InteractiveMessage,
        name: "interactive-message",
        section: "7.5",
        about: "A user pressed a button on an adaptive card",
        kind: Kind::Passthrough,
        fallback: Fallback::Accept,
        expectation: expect(StatusRule::Exactly200, false),
        recognise: |clues| {
            clues.is_post()
                && !clues.is_delivery()
                && (clues.body(Field::ButtonSubmit)
                    || clues.has(&GLIP_SIGNATURE) && !clues.is_marked())
        },
    },
    Rule {
        callback: Callback::BotInstallPrivate,
        name: "bot-install-private",
        section: "7.6",
        about: "A private bot was installed; the request carries its token",
        kind: Kind::Passthrough,
        fallback: Fallback::Accept,
        expectation: expect(StatusRule::Exactly200, false),
        recognise: |clues| {
            clues.is_post()
                && !clues.is_delivery()
                && clues.body(Field::AccessToken)
                && (clues.body(Field::CreatorExtensionId) || clues.body(Field::CreatorAccountId))
        },
    },
    // A code lives for a minute or so: refusing shows the installer an error to try again from, while an
    // accepted one would be stale by the time the app sees it.
    Rule {
        callback: Callback::BotInstallPublic,
        name: "bot-install-public",
        section: "7.7",
        about: "A public bot was installed; the request carries an OAuth code",
        kind: Kind::Passthrough,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Exactly200, false),
        recognise: |clues| {
            clues.is_get()
                && !clues.is_delivery()
                && clues.query(Field::Code)
                && clues.query(Field::CreatorExtensionId)
        },
    },
    // OAuth reports a refusal as `error` with the app's `state`. A subscription's address may have a `code` of its own,
    // as functions in the cloud do.
    Rule {
        callback: Callback::OAuthRedirect,
        name: "oauth-redirect",
        section: "7.8",
        about: "A browser comes back from RingCentral's login",
        kind: Kind::Passthrough,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::NotAnError, false),
        recognise: |clues| {
            clues.is_get()
                && !clues.is_marked()
                && (clues.query(Field::Code)
                    || clues.query(Field::Error) && clues.query(Field::State))
        },
    },
    Rule {
        callback: Callback::AddInSetup,
        name: "add-in-setup",
        section: "7.9",
        about: "RingCentral shows the add-in's set-up page",
        kind: Kind::Passthrough,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::NotAnError, false),
        recognise: |clues| {
            clues.is_get() && !clues.is_marked() && clues.query(Field::WebhookAddress)
        },
    },
    // The secret is a header of every request of the webhook (section 3), also of one whose body cannot be read.
    Rule {
        callback: Callback::DigitalNotification,
        name: "digital-notification",
        section: "7.1",
        about: "Events of RingCX Digital",
        kind: Kind::Notification,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Exactly200, false),
        recognise: |clues| {
            clues.is_post()
                && !clues.is_delivery()
                && (clues.body(Field::DomainId) && clues.body(Field::Events)
                    || clues.has(&DIMELO_SECRET))
        },
    },
    // No source shows the body. These names are those of the subscription API and of the guide's sample
    // receiver; a body without them is a passthrough request, which RingCX repeats up to ten times.
    Rule {
        callback: Callback::AgentState,
        name: "agent-state",
        section: "7.3",
        about: "A RingCX agent changed state",
        kind: Kind::Notification,
        fallback: Fallback::Refuse,
        expectation: STRICT,
        recognise: |clues| {
            clues.is_post()
                && !clues.is_delivery()
                && (clues.body(Field::SubAccountId) || clues.body(Field::CamelAgentId))
                && (clues.body(Field::SubscriptionId) || clues.body(Field::EventId))
        },
    },
    // Method and place are the administrator's choice; every documented default has these fields. A call that no agent
    // took has no `agent_id`.
    Rule {
        callback: Callback::WfmNotification,
        name: "wfm-notification",
        section: "7.4",
        about: "RingCX Voice reports on an agent or a call",
        kind: Kind::Notification,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Any, false),
        recognise: |clues| {
            !clues.is_delivery()
                && clues.anywhere(Field::EventType)
                && clues.anywhere(Field::AccountId)
                && (clues.anywhere(Field::AgentId) || clues.anywhere(Field::CallId))
        },
    },
    Rule {
        callback: Callback::AiResult,
        name: "ai-result",
        section: "7.10",
        about: "A result of the AI API",
        kind: Kind::Notification,
        fallback: Fallback::Refuse,
        expectation: expect(StatusRule::Any, false),
        recognise: |clues| {
            clues.is_post()
                && !clues.is_delivery()
                && clues.body(Field::JobId)
                && (clues.body(Field::Api) || clues.body(Field::Response))
        },
    },
    // What bears a subscription's marks is an event, whatever its method and body: RingCentral blacklists an address that
    // refuses what it sends, and does not send it again.
    Rule {
        callback: Callback::PlatformNotification,
        name: "platform-notification",
        section: "2",
        about: "An event of a platform subscription",
        kind: Kind::Notification,
        fallback: Fallback::Refuse,
        expectation: STRICT,
        recognise: |clues| clues.is_marked(),
    },
    OTHER,
];

/// The last row, which recognises everything: only the app can know what an unknown caller wants.
const OTHER: Rule = Rule {
    callback: Callback::Other,
    name: "other",
    section: "7",
    about: "A request that Ringtail does not know",
    kind: Kind::Passthrough,
    fallback: Fallback::Refuse,
    expectation: expect(StatusRule::NotAnError, false),
    recognise: |_| true,
};

/// The callbacks of RingCentral that a developer may point at an endpoint (docs/RINGCENTRAL.md 7).
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

    /// Returns the relay's response when no client answers.
    pub fn fallback(self) -> Fallback {
        self.row().fallback
    }

    /// Returns what RingCentral wants of the answer.
    pub fn expectation(self) -> Expectation {
        self.row().expectation
    }

    /// Returns true if RingCentral reads the answer. It does not for browsers and unknown callers.
    pub fn is_judged(self) -> bool {
        self.expectation().status != StatusRule::NotAnError
    }

    /// Returns the section of docs/RINGCENTRAL.md that describes the callback.
    pub fn section(self) -> &'static str {
        self.row().section
    }

    /// Returns one sentence about the callback for people.
    pub fn about(self) -> &'static str {
        self.row().about
    }

    fn row(self) -> &'static Rule {
        TABLE
            .iter()
            .find(|row| row.callback == self)
            .unwrap_or(&OTHER)
    }
}

/// The relay's response to a passthrough request that no client answers, and to a request that could
/// not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// 200 with an empty JSON object, which satisfies the caller, after the event is stored durably; the event is then
    /// pending. For callbacks that are sent once.
    Accept,
    /// 503: the caller can come again.
    Refuse,
}

/// What RingCentral expects of the answer to a callback, as far as it is visible from outside the app.
///
/// Whether a challenge is answered with the challenge, or a source SDK call with a signed body, is the app's
/// secret and is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// Which statuses count as success.
    pub status: StatusRule,
    /// Whether the time and size limits of docs/RINGCENTRAL.md 1.3 hold.
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
    /// Returns true if the status counts as success.
    pub fn allows(self, status: u16) -> bool {
        match self {
            Self::Exactly200 => status == 200,
            Self::Success => (200..300).contains(&status),
            Self::NotAnError => status < 400,
            Self::Any => true,
        }
    }
}
