//! RingCentral's errors when it rejects an address while creating a subscription (docs/RINGCENTRAL.md 4.8).

use std::fmt;

use ringtail_errors::{Code, codes};
use ringtail_ringcentral::verdict::Fault;

use super::inspect::Finding;
use super::sender::Answered;

/// RingCentral's error for an address that failed the validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// RingCentral's code.
    pub code: &'static Code,
    /// Status of the response, if RingCentral's message contains it.
    pub status: Option<u16>,
    /// Ringtail's description of the fault.
    pub reason: String,
}

impl Refusal {
    /// Returns the error for a failed validation; `None` if it passed.
    #[must_use]
    pub fn of(finding: &Finding, answered: &Answered) -> Option<Self> {
        let fault = finding.verdict.faults().first()?;
        let error = answered.as_ref().err();
        let code = match error.is_some_and(|error| error.is_of_certificate) {
            true => &codes::SUB_524,
            false => code(fault),
        };
        Some(Self {
            code,
            status: match fault {
                Fault::WrongStatus { status } => Some(*status),
                _ => None,
            },
            reason: fault.to_string(),
        })
    }

    /// Returns RingCentral's message.
    fn message(&self) -> String {
        let message = self.code.message().unwrap_or_default();
        match self.status {
            Some(status) => format!("{message}. HTTP status is {status}"),
            None => message.to_owned(),
        }
    }

    /// Whether the address's certificate is at fault.
    #[must_use]
    pub fn is_of_certificate(&self) -> bool {
        self.code == &codes::SUB_524
    }
}

/// Returns the code that `ringtail check` names too.
fn code(fault: &Fault) -> &'static Code {
    match fault {
        Fault::WrongStatus { .. } => &codes::SUB_522,
        Fault::TokenMissing | Fault::TokenDiffers => &codes::SUB_520,
        Fault::TooLarge { .. } => &codes::SUB_525,
        _ => &codes::SUB_521,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code.id, self.message(), self.reason)
    }
}
