//! How RingCentral refuses an address when a subscription is created (docs/RINGCENTRAL.md 4.8).

use std::fmt;

use crate::{Finding, Problem};
use ringtail_ringcentral::verdict::{Fault, NoAnswer};

use ringtail_ringcentral::errors::webhook as code;

/// RingCentral's error for an address that fails the validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// RingCentral's code.
    pub code: &'static str,
    /// RingCentral's text.
    pub message: String,
    /// What was wrong, in words of ours.
    pub reason: String,
}

impl Refusal {
    /// Returns the error that a validation earns; `None` for one that passes.
    #[must_use]
    pub fn of(finding: &Finding) -> Option<Self> {
        if let Some(fault) = finding.verdict.faults().first() {
            let (code, message) = of_fault(fault);
            return Some(Self {
                code,
                message,
                reason: fault.to_string(),
            });
        }
        let problem = finding
            .problems
            .iter()
            .find(|problem| matches!(problem, Problem::TokenMissing | Problem::TokenDiffers))?;
        Some(Self {
            code: code::TOKEN,
            message: words(code::TOKEN),
            reason: problem.to_string(),
        })
    }

    /// Says whether the address's TLS, which comes before every answer, is at fault.
    #[must_use]
    pub fn is_of_certificate(&self) -> bool {
        self.code == code::CERTIFICATE
    }
}

fn of_fault(fault: &Fault) -> (&'static str, String) {
    let code = match fault {
        Fault::WrongStatus { status } => {
            let message = format!("{}. HTTP status is {status}", words(code::STATUS));
            return (code::STATUS, message);
        }
        Fault::TokenMissing | Fault::TokenDiffers => code::TOKEN,
        Fault::TooLarge { .. }
        | Fault::NoAnswer {
            reason: NoAnswer::NotHttp,
        } => code::RESPONSE,
        Fault::NoAnswer {
            reason: NoAnswer::Tls,
        } => code::CERTIFICATE,
        _ => code::UNREACHABLE,
    };
    (code, words(code))
}

fn words(code: &str) -> String {
    code::message(code).unwrap_or_default().to_owned()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.message, self.reason)
    }
}
