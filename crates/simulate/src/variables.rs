//! The variables of templates, such as people, numbers, ids and times, with their default values.

use std::iter::repeat_with;

use fastrand::Rng;
use jiff::Timestamp;

/// A variable that a template uses as `${name}`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// One-line description.
    pub about: &'static str,
    /// Where its default value comes from.
    pub source: Source,
}

/// Where the default value of a variable comes from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Source {
    /// A fixed text, which may use other variables.
    Fixed(&'static str),
    /// Generated once per run, so that all events of one call share it.
    Run(IdFormat),
    /// Generated for each event.
    Event(IdFormat),
    /// The time of the event minus an offset.
    Clock {
        /// A `strftime` format.
        format: &'static str,
        /// Milliseconds to subtract from the time of the event.
        before_ms: i64,
    },
    /// The start of the run.
    Began,
    /// Part of the other side's number, in North American form.
    PeerDigits {
        /// Digits to skip at the front.
        skip: usize,
        /// Digits to take.
        take: usize,
    },
}

/// The format of a generated id.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum IdFormat {
    /// Decimal digits; the first is not 0.
    Digits(usize),
    /// Hexadecimal digits.
    Hex(usize),
    /// A UUID.
    Uuid,
}

impl IdFormat {
    pub(super) fn generate(self, rng: &mut Rng) -> String {
        match self {
            Self::Digits(count) => {
                let first = rng.char('1'..='9');
                let rest = repeat_with(|| rng.digit(10)).take(count.saturating_sub(1));
                std::iter::once(first).chain(rest).collect()
            }
            Self::Hex(count) => repeat_with(|| rng.digit(16)).take(count).collect(),
            Self::Uuid => {
                let mut hex = |count| Self::Hex(count).generate(rng);
                let (a, b, c, d, e) = (hex(8), hex(4), hex(3), hex(3), hex(12));
                format!("{a}-{b}-4{c}-a{d}-{e}")
            }
        }
    }
}

/// Time between an event and its notification; RingCentral's captures show 20 to 170 ms.
const EVENT_BEFORE_MS: i64 = 70;

/// RingCentral's usual format of a time.
pub(super) const MILLIS: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
const MICROS: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
const SECONDS: &str = "%Y-%m-%dT%H:%M:%SZ";
const PLAIN: &str = "%Y-%m-%d %H:%M:%S";

/// Formats a time in milliseconds since 1970; a time out of range becomes the latest one.
pub(super) fn format_time(at_ms: i64, format: &str) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX);
    at.strftime(format).to_string()
}

/// Finds a variable by its name.
pub(super) fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

macro_rules! variables {
    ($($name:literal: $source:expr, $about:literal;)*) => {
        &[$(Variable { name: $name, about: $about, source: $source }),*]
    };
}

use IdFormat::{Digits, Hex, Uuid};
use Source::{Began, Clock, Event, Fixed, PeerDigits, Run};

/// Every variable, in the order of the list that users see.
pub const VARIABLES: &[Variable] = variables! {
    "account": Fixed("80964016008"), "your account's id";
    "extension": Fixed("62289326016"), "your extension's id";
    "number": Fixed("+16505550100"), "your telephone number";
    "short": Fixed("101"), "your extension's number";
    "name": Fixed("Pat Agent"), "your name";
    "peer": Fixed("+14155550123"), "the other side's telephone number";
    "peer_name": Fixed("Alex Caller"), "the other side's name";
    "peer_extension": Fixed("62289329016"), "the other side's extension id, for colleagues";
    "peer_short": Fixed("102"), "the other side's extension number, for colleagues";
    "third_extension": Fixed("62289330016"), "id of one more colleague's extension";
    "text": Fixed("Hello from Ringtail"), "text of a message";
    "team": Fixed("Ringtail team"), "name of a team";
    "first_name": Fixed("Alex"), "first name of the user who pressed a button";
    "last_name": Fixed("Caller"), "last name of the user who pressed a button";
    "nth": Fixed("1"), "which repetition of its step an event is, from 1";
    "sequence": Fixed("2"), "sequence number in a call or of a presence";
    "status": Fixed("Answered"), "status code of a party to a call";
    "missed": Fixed("false"), "whether a party missed the call";
    "leg": Fixed("2"), "number of a party to a call";
    "leg_extension": Fixed("${extension}"), "extension id of a party to a call";
    "leg_name": Fixed("${name}"), "name of a party to a call";
    "menu": Fixed("62242421016"), "extension id of the menu that takes calls";
    "menu_name": Fixed("IVR Menu 1001"), "name of the menu that takes calls";
    "queue": Fixed("62242430016"), "id of a call queue";
    "telephony_status": Fixed("CallConnected"), "telephony status in a presence";
    "presence_status": Fixed("Busy"), "presence status";
    "dnd_status": Fixed("TakeAllCalls"), "do-not-disturb status";
    "new": Fixed("1"), "new messages in a message store";
    "updated": Fixed("0"), "changed messages in a message store";
    "threshold": Fixed("86400"), "seconds before expiry when reminders begin";
    "interval": Fixed("3600"), "seconds between reminders";
    "expires_in": Fixed("86399"), "seconds until a subscription expires";
    "event_type": Fixed("intervention.assigned"), "type of a RingCX Digital event";
    "agent_state": Fixed("ENGAGED"), "state of a RingCX agent";
    "since": Fixed("2523423"), "last message that RingCX Digital has of a source";
    "cx_account": Fixed("15300002"), "account id in RingCX";
    "agent": Fixed("1369310"), "agent id in RingCX";
    "dnis": Fixed("4155550110"), "number that was called, as RingCX writes it";
    "ani": Fixed("5105550111"), "number that called, as RingCX writes it";
    "app": Fixed("simulated-app-id"), "client id of the app";
    "state": Fixed("simulated-state"), "OAuth state";
    "verify_token": Fixed(""), "RingCX Digital's verify token; given as a secret, not here";
    "subscription": Run(Uuid), "id of the subscription";
    "session": Run(Digits(12)), "id of the call";
    "telephony": Run(Hex(32)), "telephony session of the call";
    "other_session": Run(Digits(12)), "id of a second call";
    "other_telephony": Run(Hex(32)), "telephony session of a second call";
    "active_call": Run(Hex(32)), "id of a call in a presence";
    "other_active_call": Run(Hex(32)), "id of a second call in a presence";
    "server": Fixed("10.13.22.27.TAM"), "server that holds the call";
    "sid": Run(Digits(14)), "call id for pick-up by a mobile";
    "device": Run(Digits(12)), "id of a device";
    "conversation": Run(Digits(19)), "id of an SMS conversation";
    "chat": Run(Digits(12)), "id of a chat or team";
    "batch": Run(Uuid), "id of a batch of messages";
    "webhook": Run(Uuid), "id of an incoming webhook";
    "webinar": Run(Digits(12)), "id of a webinar";
    "domain": Run(Hex(24)), "id of a RingCX Digital domain";
    "source": Run(Hex(24)), "id of a RingCX Digital source";
    "thread": Run(Hex(24)), "id of a RingCX Digital thread";
    "identity": Run(Hex(24)), "id of a RingCX Digital identity";
    "intervention": Run(Hex(24)), "id of a RingCX Digital intervention";
    "agent_user": Run(Hex(24)), "id of a RingCX Digital user";
    "agent_login": Run(Digits(9)), "id of a RingCX agent's login";
    "cx_call": Run(Digits(30)), "id of a RingCX call";
    "bot": Fixed("${extension}"), "extension id of a bot";
    "card": Run(Digits(14)), "id of an adaptive card";
    "data": Fixed("{\"foo1\":\"${text}\",\"foo2\":\"approve\"}"), "what an adaptive card submits, as JSON";
    "bot_token": Run(Hex(40)), "token of a bot; not a real one";
    "challenge": Event(Hex(32)), "challenge of RingCX Digital";
    "code": Event(Hex(40)), "OAuth code; not a real one";
    "validation_token": Event(Uuid), "token of a validation";
    "message": Event(Digits(13)), "id of a message";
    "other_message": Event(Digits(13)), "id of a second message";
    "post": Event(Digits(14)), "id of a post";
    "delivery": Event(Hex(24)), "id of a RingCX Digital delivery";
    "event_id": Event(Hex(24)), "id of a RingCX Digital event";
    // RingCentral's captures have 18 to 20 digits; 19 that begin with 5 fit a signed 64-bit number.
    "uuid_tail": Event(Digits(18)), "digits of a notification id";
    "uuid": Fixed("5${uuid_tail}"), "id of a notification";
    "uuid_hex": Event(Uuid), "id of a notification as a UUID";
    "timestamp": Clock { format: MILLIS, before_ms: 0 }, "when the event is sent";
    "timestamp_seconds": Clock { format: SECONDS, before_ms: 0 }, "when the event is sent, in whole seconds";
    "event_time": Clock { format: MILLIS, before_ms: EVENT_BEFORE_MS }, "when the event happened";
    "event_time_micros": Clock { format: MICROS, before_ms: EVENT_BEFORE_MS },
        "when the event happened, in microseconds";
    "date_time": Clock { format: PLAIN, before_ms: EVENT_BEFORE_MS }, "when the event happened, as RingCX writes it";
    "started": Began, "when the run began";
    "peer_area": PeerDigits { skip: 1, take: 3 }, "area code of the other side";
    "peer_subscriber": PeerDigits { skip: 4, take: 7 }, "the other side's number behind the area code";
};
