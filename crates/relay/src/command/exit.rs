//! How the program ends, for scripts and service managers.

use std::process::ExitCode;

use super::code;

/// Part of the help.
pub(super) const TABLE: &str = "\
First steps:
  ringtail-relay serve --dev            try it on this machine, where RingCentral does not reach it
  ringtail-relay serve --domain NAME    answer RingCentral at a name that leads to this machine
  ringtail-relay accounts add me        in another terminal: print a token, for `ringtail login`

Exit codes:
  0   done; for `serve`, stopped with everything in flight finished
  1   failed; stderr says why
  64  the arguments are not right
  69  for `status`: no relay serves from the data directory
  75  stopped, and requests in flight were cut off";

/// How the program ends.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done; for `serve`, stopped by a signal with everything in flight finished |
/// | 1 | failed; stderr says why |
/// | 64 | the arguments are not right |
/// | 69 | for `status`: no relay serves from the data directory |
/// | 75 | stopped by a signal, and requests in flight were cut off |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Failed.
    Failure = 1,
    /// The arguments are not right.
    Usage = 64,
    /// No relay serves.
    NotRunning = 69,
    /// Requests were cut off.
    CutOff = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Returns an error with its code and causes, and its hint, which a message carries on a line of its own, at the end.
pub(super) fn message(error: &anyhow::Error) -> String {
    let mut lines = Vec::new();
    let mut hints = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let mut parts = text.splitn(2, "\nhint: ");
        let said = parts.next().unwrap_or_default();
        // A transparent error says what its source says.
        if lines.last().is_none_or(|last: &String| last != said) {
            lines.push(said.to_owned());
        }
        hints.extend(parts.map(str::to_owned));
    }
    let code = code::of(error).code;
    let mut message = format!("error[{code}]: {}", lines.join(": "));
    if let Some(hint) = hints.first() {
        message.push_str("\nhint: ");
        message.push_str(hint);
    }
    message
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn hints_come_last_and_repetitions_go() {
        let error = anyhow!("no file")
            .context("cannot open\nhint: try another")
            .context("cannot start");
        assert_eq!(
            message(&error),
            "error[RT-600]: cannot start: cannot open: no file\nhint: try another"
        );
        let error = anyhow!("same").context("same");
        assert_eq!(message(&error), "error[RT-600]: same");
    }
}
