//! How RingCentral refuses an address when a subscription is created (docs/RINGCENTRAL.md 4.8).

use std::fmt;

use ringtail_errors::{Code, codes};
use ringtail_ringcentral::verdict::{Fault, NoAnswer};

use crate::{Finding, Problem};

/// RingCentral's error for an address that fails the validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// RingCentral's code.
    pub code: &'static Code,
    /// Status of the response, where RingCentral's message has it.
    pub status: Option<u16>,
    /// What was wrong, in words of ours.
    pub reason: String,
}

impl Refusal {
    /// Returns the error that a validation earns; `None` for one that passes.
    #[must_use]
    pub fn of(finding: &Finding) -> Option<Self> {
        if let Some(fault) = finding.verdict.faults().first() {
            return Some(Self {
                code: code(fault),
                status: match fault {
                    Fault::WrongStatus { status } => Some(*status),
                    _ => None,
                },
                reason: fault.to_string(),
            });
        }
        let problem = finding
            .problems
            .iter()
            .find(|problem| matches!(problem, Problem::TokenMissing | Problem::TokenDiffers))?;
        Some(Self {
            code: &codes::SUB_520,
            status: None,
            reason: problem.to_string(),
        })
    }

    /// Returns RingCentral's message.
    #[must_use]
    pub fn message(&self) -> String {
        let message = self.code.message().unwrap_or_default();
        match self.status {
            Some(status) => format!("{message}. HTTP status is {status}"),
            None => message.to_owned(),
        }
    }

    /// Returns true if the address's TLS, which comes before every answer, is at fault.
    #[must_use]
    pub fn is_of_certificate(&self) -> bool {
        self.code == &codes::SUB_524
    }
}

fn code(fault: &Fault) -> &'static Code {
    match fault {
        Fault::WrongStatus { .. } => &codes::SUB_522,
        Fault::TokenMissing | Fault::TokenDiffers => &codes::SUB_520,
        Fault::TooLarge { .. }
        | Fault::NoAnswer {
            reason: NoAnswer::NotHttp,
        } => &codes::SUB_525,
        Fault::NoAnswer {
            reason: NoAnswer::Tls,
        } => &codes::SUB_524,
        _ => &codes::SUB_521,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code.id, self.message(), self.reason)
    }
}
