//! Rows of a check: requirement, observation, consequence. Data without layout.

use ringtail_errors::Code;

/// What RingCentral, or good sense, requires of a webhook address; in order from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Requirement {
    /// The address is one that can be reached from the internet, by HTTPS.
    Address,
    /// Its name has public addresses.
    Name,
    /// Something listens there.
    Connection,
    /// TLS 1.2 or higher is spoken.
    TlsVersion,
    /// Both sides know a common set of algorithms.
    TlsAlgorithms,
    /// The chain of certificates is valid for the name and reaches a public root.
    Certificate,
    /// There is an answer, and it is HTTP.
    Answer,
    /// The answer does not send elsewhere.
    Redirect,
    /// The answer is the app's and not a page that something between puts in its place.
    Page,
    /// The status is 200.
    Status,
    /// `Validation-Token` is echoed unchanged.
    Token,
    /// `Content-Type` is `application/json`.
    ContentType,
    /// The answer is not compressed.
    Compression,
    /// Headers and body together are at most 1024 bytes.
    Size,
    /// What proxies add leaves room.
    Overhead,
    /// The answer comes within 3000 ms.
    Time,
    /// The answer comes within the 1000 ms of older editions.
    OldTime,
    /// The first answer is as fast as later ones.
    ColdStart,
    /// The address answers a notification.
    NotificationAnswer,
    /// A notification's status is 200.
    NotificationStatus,
    /// The answer to a notification is at most 1024 bytes.
    NotificationSize,
    /// The answer to a notification comes within 3000 ms.
    NotificationTime,
}

impl Requirement {
    /// The requirements of every check, in order.
    pub const VALIDATION: [Self; 18] = [
        Self::Address,
        Self::Name,
        Self::Connection,
        Self::TlsVersion,
        Self::TlsAlgorithms,
        Self::Certificate,
        Self::Answer,
        Self::Redirect,
        Self::Page,
        Self::Status,
        Self::Token,
        Self::ContentType,
        Self::Compression,
        Self::Size,
        Self::Overhead,
        Self::Time,
        Self::OldTime,
        Self::ColdStart,
    ];

    /// What a notification adds, in order.
    pub const NOTIFICATION: [Self; 4] = [
        Self::NotificationAnswer,
        Self::NotificationStatus,
        Self::NotificationSize,
        Self::NotificationTime,
    ];

    /// Returns the requirement as a stable machine word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::TlsVersion => "tls-version",
            Self::TlsAlgorithms => "tls-algorithms",
            Self::Certificate => "certificate",
            Self::Answer => "answer",
            Self::Redirect => "redirect",
            Self::Page => "page",
            Self::Status => "status",
            Self::Token => "token",
            Self::ContentType => "content-type",
            Self::Compression => "compression",
            Self::Size => "size",
            Self::Overhead => "overhead",
            Self::Time => "time",
            Self::OldTime => "old-time",
            Self::ColdStart => "cold-start",
            Self::NotificationAnswer => "notification-answer",
            Self::NotificationStatus => "notification-status",
            Self::NotificationSize => "notification-size",
            Self::NotificationTime => "notification-time",
        }
    }

    /// Returns the requirement in words for people, 18 columns at most.
    pub fn title(self) -> &'static str {
        match self {
            Self::Address => "Address",
            Self::Name => "Name",
            Self::Connection => "Connection",
            Self::TlsVersion => "TLS version",
            Self::TlsAlgorithms => "TLS algorithms",
            Self::Certificate => "Certificate",
            Self::Answer => "Answer",
            Self::Redirect => "No redirect",
            Self::Page => "No page between",
            Self::Status => "Status 200",
            Self::Token => "Token echoed",
            Self::ContentType => "Content type",
            Self::Compression => "Not compressed",
            Self::Size => "Within 1024 bytes",
            Self::Overhead => "Room left",
            Self::Time => "Within 3000 ms",
            Self::OldTime => "Within 1000 ms",
            Self::ColdStart => "No cold start",
            Self::NotificationAnswer => "Notification",
            Self::NotificationStatus => "  status 200",
            Self::NotificationSize => "  within 1024 bytes",
            Self::NotificationTime => "  within 3000 ms",
        }
    }
}

/// How a requirement is met. Later is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It could not be tried, or does not apply.
    Skipped,
    /// It is met.
    Pass,
    /// It is met by one reading of the rules, or just so, or was left aside as asked.
    Warn,
    /// It is not met.
    Fail,
}

impl Outcome {
    /// Returns the outcome as a stable machine word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One requirement and how it is met. Texts may hold what a stranger sent, and are escaped where they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What is required.
    pub requirement: Requirement,
    /// How it is met.
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// Code of the error that RingCentral would answer; for a warning, that it might.
    pub earns: Option<&'static Code>,
    /// What RingCentral would record when it gives the subscription up: notifications have reasons and no codes.
    pub records: Option<String>,
    /// What to do about it.
    pub fix: Option<String>,
    /// Whether this would be a failure and is a warning because it was asked to be left aside.
    pub set_aside: bool,
}

impl Row {
    pub(super) fn new(requirement: Requirement, outcome: Outcome, seen: impl Into<String>) -> Self {
        Self {
            requirement,
            outcome,
            seen: seen.into(),
            earns: None,
            records: None,
            fix: None,
            set_aside: false,
        }
    }

    pub(super) fn pass(requirement: Requirement, seen: impl Into<String>) -> Self {
        Self::new(requirement, Outcome::Pass, seen)
    }

    pub(super) fn warn(requirement: Requirement, seen: impl Into<String>) -> Self {
        Self::new(requirement, Outcome::Warn, seen)
    }

    pub(super) fn fail(requirement: Requirement, seen: impl Into<String>) -> Self {
        Self::new(requirement, Outcome::Fail, seen)
    }

    pub(super) fn skipped(requirement: Requirement, seen: impl Into<String>) -> Self {
        Self::new(requirement, Outcome::Skipped, seen)
    }

    /// Sets the error code of a failure; a pass has none.
    pub(super) fn earns(mut self, code: &'static Code) -> Self {
        if self.outcome > Outcome::Pass {
            self.earns = Some(code);
        }
        self
    }

    pub(super) fn records(mut self, reason: impl Into<String>) -> Self {
        self.records = Some(reason.into());
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Makes a failure a warning when `aside` was asked for.
    pub(super) fn aside(mut self, aside: bool) -> Self {
        if aside && self.outcome == Outcome::Fail {
            self.outcome = Outcome::Warn;
            self.set_aside = true;
        }
        self
    }

    /// Returns the code that the row earns.
    pub fn code(&self) -> Option<&'static str> {
        self.earns.map(|code| code.id)
    }

    /// Returns RingCentral's message for the code that the row earns.
    pub fn message(&self) -> Option<&'static str> {
        self.earns.and_then(Code::message)
    }
}
