//! What templates can name: people, numbers, ids and times, each with a default or generated value.

use jiff::Timestamp;

use super::chance::Chance;

/// Something that a template names as `${name}`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Source of its value when none is given.
    pub source: Source,
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Source {
    /// Fixed; may name other variables.
    Fixed(&'static str),
    /// Made once for a run, so that events of one call share it.
    Run(Make),
    /// Made for each event.
    Event(Make),
    /// The time of the event, less some milliseconds.
    Clock {
        /// How it is written, as `strftime` has it.
        format: &'static str,
        /// Milliseconds before the event was sent.
        before: i64,
    },
    /// The time when the run began.
    Began,
    /// Part of the other side's number, in North American form.
    PeerDigits {
        /// Digits to leave out at the front.
        skip: usize,
        /// Digits to take.
        take: usize,
    },
}

/// How an id is made up.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Make {
    /// Decimal digits.
    Digits(usize),
    /// Hexadecimal digits.
    Hex(usize),
    /// A UUID.
    Uuid,
}

impl Make {
    pub(super) fn make(self, chance: &mut Chance) -> String {
        match self {
            Self::Digits(count) => chance.digits(count),
            Self::Hex(count) => chance.hex(count),
            Self::Uuid => chance.uuid(),
        }
    }
}

/// RingCentral notes an event some time before it sends the notification; its captures show 20 to 170 ms.
const EVENT_BEFORE_MS: i64 = 70;

const MILLIS: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
const MICROS: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
const SECONDS: &str = "%Y-%m-%dT%H:%M:%SZ";
const PLAIN: &str = "%Y-%m-%d %H:%M:%S";

/// Returns the time as text; times beyond the calendar are written as its end.
pub(super) fn written(at_ms: i64, before: i64, format: &str) -> String {
    let at = at_ms.saturating_sub(before);
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
    at.strftime(format).to_string()
}

/// Returns the time when a run began as text.
pub(super) fn began(at_ms: i64) -> String {
    written(at_ms, 0, MILLIS)
}

/// Returns the variable of a name.
pub(super) fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

const fn fixed(name: &'static str, value: &'static str, about: &'static str) -> Variable {
    let source = Source::Fixed(value);
    Variable {
        name,
        about,
        source,
    }
}

const fn run(name: &'static str, make: Make, about: &'static str) -> Variable {
    let source = Source::Run(make);
    Variable {
        name,
        about,
        source,
    }
}

const fn event(name: &'static str, make: Make, about: &'static str) -> Variable {
    let source = Source::Event(make);
    Variable {
        name,
        about,
        source,
    }
}

const fn clock(
    name: &'static str,
    format: &'static str,
    before: i64,
    about: &'static str,
) -> Variable {
    let source = Source::Clock { format, before };
    Variable {
        name,
        about,
        source,
    }
}

use Make::{Digits, Hex, Uuid};

/// Every variable.
pub const VARIABLES: &[Variable] = &[
    fixed("account", "80964016008", "your account's id"),
    fixed("extension", "62289326016", "your extension's id"),
    fixed("number", "+16505550100", "your telephone number"),
    fixed("short", "101", "your extension's number"),
    fixed("name", "Pat Agent", "your name"),
    fixed("peer", "+14155550123", "the other side's telephone number"),
    fixed("peer_name", "Alex Caller", "the other side's name"),
    fixed(
        "peer_extension",
        "62289329016",
        "the other side's extension id, for colleagues",
    ),
    fixed(
        "peer_short",
        "102",
        "the other side's extension number, for colleagues",
    ),
    fixed(
        "third_extension",
        "62289330016",
        "id of one more colleague's extension",
    ),
    fixed("text", "Hello from Ringtail", "text of a message"),
    fixed("team", "Ringtail team", "name of a team"),
    fixed(
        "first_name",
        "Alex",
        "first name of the user who pressed a button",
    ),
    fixed(
        "last_name",
        "Caller",
        "last name of the user who pressed a button",
    ),
    fixed(
        "nth",
        "1",
        "which repetition of its step an event is, from 1",
    ),
    fixed(
        "sequence",
        "2",
        "sequence number in a call or of a presence",
    ),
    fixed("status", "Answered", "status code of a party to a call"),
    fixed("missed", "false", "whether a party missed the call"),
    fixed("leg", "2", "number of a party to a call"),
    fixed(
        "leg_extension",
        "${extension}",
        "extension id of a party to a call",
    ),
    fixed("leg_name", "${name}", "name of a party to a call"),
    fixed(
        "menu",
        "62242421016",
        "extension id of the menu that takes calls",
    ),
    fixed(
        "menu_name",
        "IVR Menu 1001",
        "name of the menu that takes calls",
    ),
    fixed("queue", "62242430016", "id of a call queue"),
    fixed(
        "telephony_status",
        "CallConnected",
        "telephony status in a presence",
    ),
    fixed("presence_status", "Busy", "presence status"),
    fixed("dnd_status", "TakeAllCalls", "do-not-disturb status"),
    fixed("new", "1", "new messages in a message store"),
    fixed("updated", "0", "changed messages in a message store"),
    fixed(
        "threshold",
        "86400",
        "seconds before expiry when reminders begin",
    ),
    fixed("interval", "3600", "seconds between reminders"),
    fixed(
        "expires_in",
        "86399",
        "seconds until a subscription expires",
    ),
    fixed(
        "event_type",
        "intervention.assigned",
        "type of a RingCX Digital event",
    ),
    fixed("agent_state", "ENGAGED", "state of a RingCX agent"),
    fixed(
        "since",
        "2523423",
        "last message that RingCX Digital has of a source",
    ),
    fixed("cx_account", "15300002", "account id in RingCX"),
    fixed("agent", "1369310", "agent id in RingCX"),
    fixed(
        "dnis",
        "4155550110",
        "number that was called, as RingCX writes it",
    ),
    fixed(
        "ani",
        "5105550111",
        "number that called, as RingCX writes it",
    ),
    fixed("app", "simulated-app-id", "client id of the app"),
    fixed("state", "simulated-state", "OAuth state"),
    fixed(
        "verify_token",
        "",
        "RingCX Digital's verify token; given as a secret, not here",
    ),
    run("subscription", Uuid, "id of the subscription"),
    run("session", Digits(12), "id of the call"),
    run("telephony", Hex(32), "telephony session of the call"),
    run("other_session", Digits(12), "id of a second call"),
    run(
        "other_telephony",
        Hex(32),
        "telephony session of a second call",
    ),
    run("active_call", Hex(32), "id of a call in a presence"),
    run(
        "other_active_call",
        Hex(32),
        "id of a second call in a presence",
    ),
    fixed("server", "10.13.22.27.TAM", "server that holds the call"),
    run("sid", Digits(14), "call id for pick-up by a mobile"),
    run("device", Digits(12), "id of a device"),
    run("conversation", Digits(19), "id of an SMS conversation"),
    run("chat", Digits(12), "id of a chat or team"),
    run("batch", Uuid, "id of a batch of messages"),
    run("webhook", Uuid, "id of an incoming webhook"),
    run("webinar", Digits(12), "id of a webinar"),
    run("domain", Hex(24), "id of a RingCX Digital domain"),
    run("source", Hex(24), "id of a RingCX Digital source"),
    run("thread", Hex(24), "id of a RingCX Digital thread"),
    run("identity", Hex(24), "id of a RingCX Digital identity"),
    run(
        "intervention",
        Hex(24),
        "id of a RingCX Digital intervention",
    ),
    run("agent_user", Hex(24), "id of a RingCX Digital user"),
    run("agent_login", Digits(9), "id of a RingCX agent's login"),
    run("cx_call", Digits(30), "id of a RingCX call"),
    run("bot_token", Hex(40), "token of a bot; opens nothing"),
    event("challenge", Hex(32), "challenge of RingCX Digital"),
    event("code", Hex(40), "OAuth code; opens nothing"),
    event("validation_token", Uuid, "token of a validation"),
    event("message", Digits(13), "id of a message"),
    event("other_message", Digits(13), "id of a second message"),
    event("post", Digits(14), "id of a post"),
    event("delivery", Hex(24), "id of a RingCX Digital delivery"),
    event("event_id", Hex(24), "id of a RingCX Digital event"),
    // 19 digits, of which RingCentral's captures have 18 to 20, stay in a signed 64-bit number.
    event("uuid_tail", Digits(18), "digits of a notification id"),
    fixed("uuid", "5${uuid_tail}", "id of a notification"),
    event("uuid_hex", Uuid, "id of a notification as a UUID"),
    clock("timestamp", MILLIS, 0, "when the event is sent"),
    clock(
        "timestamp_seconds",
        SECONDS,
        0,
        "when the event is sent, in whole seconds",
    ),
    clock(
        "event_time",
        MILLIS,
        EVENT_BEFORE_MS,
        "when the event happened",
    ),
    clock(
        "event_time_micros",
        MICROS,
        EVENT_BEFORE_MS,
        "when the event happened, in microseconds",
    ),
    clock(
        "date_time",
        PLAIN,
        EVENT_BEFORE_MS,
        "when the event happened, as RingCX writes it",
    ),
    Variable {
        name: "started",
        about: "when the run began",
        source: Source::Began,
    },
    Variable {
        name: "peer_area",
        about: "area code of the other side",
        source: Source::PeerDigits { skip: 1, take: 3 },
    },
    Variable {
        name: "peer_subscriber",
        about: "the other side's number behind the area code",
        source: Source::PeerDigits { skip: 4, take: 7 },
    },
];
