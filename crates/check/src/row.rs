//! Rows of a check: requirement, observation, consequence. Data without layout.

use ringtail_errors::Code;

/// Makes the enum of requirements with their words and titles.
macro_rules! requirements {
    ($($(#[$doc:meta])* $name:ident: $word:literal, $title:literal;)*) => {
        /// What RingCentral, or good sense, requires of a webhook address; in order from the outside in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Requirement {
            $($(#[$doc])* $name,)*
        }

        impl Requirement {
            /// Every requirement, in order.
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the requirement as a stable machine word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Returns the requirement in words for people, 18 columns at most.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

requirements! {
    /// The address is one that can be reached from the internet, by HTTPS.
    Address: "address", "Address";
    /// Its name has public addresses.
    Name: "name", "Name";
    /// Something listens there.
    Connection: "connection", "Connection";
    /// TLS 1.2 or higher is spoken.
    TlsVersion: "tls-version", "TLS version";
    /// Both sides know a common set of algorithms.
    TlsAlgorithms: "tls-algorithms", "TLS algorithms";
    /// The chain of certificates is valid for the name and reaches a public root.
    Certificate: "certificate", "Certificate";
    /// There is an answer, and it is HTTP.
    Answer: "answer", "Answer";
    /// The answer does not send elsewhere.
    Redirect: "redirect", "No redirect";
    /// The answer is the app's and not a page that something between puts in its place.
    Page: "page", "No page between";
    /// The status is 200.
    Status: "status", "Status 200";
    /// `Validation-Token` is echoed unchanged.
    Token: "token", "Token echoed";
    /// `Content-Type` is `application/json`.
    ContentType: "content-type", "Content type";
    /// The answer is not compressed.
    Compression: "compression", "Not compressed";
    /// Headers and body together are at most 1024 bytes.
    Size: "size", "Within 1024 bytes";
    /// What proxies add leaves room.
    Overhead: "overhead", "Room left";
    /// The answer comes within 3000 ms.
    Time: "time", "Within 3000 ms";
    /// The answer comes within the 1000 ms of older editions.
    OldTime: "old-time", "Within 1000 ms";
    /// The first answer is as fast as later ones.
    ColdStart: "cold-start", "No cold start";
    /// The address answers a notification.
    NotificationAnswer: "notification-answer", "Notification";
    /// A notification's status is 200.
    NotificationStatus: "notification-status", "  status 200";
    /// The answer to a notification is at most 1024 bytes.
    NotificationSize: "notification-size", "  within 1024 bytes";
    /// The answer to a notification comes within 3000 ms.
    NotificationTime: "notification-time", "  within 3000 ms";
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
    /// Whether nothing answers at the address any more, for any caller: what this machine alone may be to blame for is not that.
    pub is_dead: bool,
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
            is_dead: false,
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

    /// Says that nothing answers at the address any more.
    pub(super) fn dead(mut self, is_dead: bool) -> Self {
        self.is_dead = is_dead && self.outcome == Outcome::Fail;
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
