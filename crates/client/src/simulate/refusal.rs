//! How RingCentral refuses an address when a subscription is created (RINGCENTRAL.md 4.8).

use std::fmt;

use ringtail_ringcentral::simulate::{Finding, Problem};
use ringtail_ringcentral::verdict::{Fault, NoAnswer};

/// RingCentral's error for an address that fails the handshake.
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
    /// Returns the error that a handshake earns; `None` for one that passes.
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
            code: "SUB-520",
            message: "Validation Token is not returned".to_owned(),
            reason: problem.to_string(),
        })
    }
}

fn of_fault(fault: &Fault) -> (&'static str, String) {
    match fault {
        Fault::WrongStatus { status } => (
            "SUB-522",
            format!("WebHook responds with incorrect HTTP status. HTTP status is {status}"),
        ),
        Fault::TooLarge { .. } => ("SUB-525", "WebHook server response is invalid".to_owned()),
        Fault::NoAnswer {
            reason: NoAnswer::Tls,
        } => ("SUB-524", "HTTPS certificate is not valid".to_owned()),
        Fault::NoAnswer {
            reason: NoAnswer::NotHttp,
        } => ("SUB-525", "WebHook server response is invalid".to_owned()),
        _ => ("SUB-521", "WebHook is not reachable".to_owned()),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.message, self.reason)
    }
}
