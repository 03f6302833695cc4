//! What can be wrong with a chain, said apart, each with its fix.

use std::fmt;

use ringtail_outbound::certificate::day;

/// Something wrong with a chain. Names in it come from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A certificate is none.
    Unreadable { number: usize },
    /// The server's certificate signed itself.
    SelfSigned,
    /// An intermediate certificate is not sent.
    Incomplete { subject: String, issuer: String },
    /// It ends at an authority that the public does not know.
    UnknownRoot { root: String, is_sent: bool },
    /// Every certificate is there, but one does not follow the other.
    OutOfOrder { found: Vec<String> },
    /// A certificate has ended: the server's, or the one named.
    Expired { of: Option<String>, at: i64 },
    /// A certificate has not begun.
    NotYetValid { of: Option<String>, at: i64 },
    /// The certificate is for other names.
    WrongName { host: String, names: Vec<String> },
    /// Any other fault.
    Other { reason: String },
}

/// Most names that are listed.
const MAX_NAMES: usize = 4;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { number } => write!(f, "certificate {number} cannot be read"),
            Self::SelfSigned => f.write_str("self-signed: the certificate vouches for itself"),
            Self::Incomplete { subject, issuer } => write!(
                f,
                "incomplete: \"{subject}\" is issued by \"{issuer}\", whose certificate is not sent"
            ),
            Self::UnknownRoot {
                root,
                is_sent: true,
            } => {
                write!(
                    f,
                    "unknown root: the chain ends at \"{root}\", which is no public authority"
                )
            }
            Self::UnknownRoot {
                root,
                is_sent: false,
            } => write!(
                f,
                "unknown root: the chain ends below \"{root}\", which is neither sent nor a public authority"
            ),
            Self::OutOfOrder { found } => write!(f, "in the wrong order: {}", quoted(found)),
            Self::Expired { of, at } => write!(f, "expired{} on {}", whose(of), day(*at)),
            Self::NotYetValid { of, at } => {
                write!(f, "not yet valid{}: begins on {}", whose(of), day(*at))
            }
            Self::WrongName { host, names } if names.is_empty() => {
                write!(
                    f,
                    "wrong name: the certificate is for no name, not for {host}"
                )
            }
            Self::WrongName { host, names } => {
                write!(
                    f,
                    "wrong name: the certificate is for {}, not for {host}",
                    quoted(names)
                )
            }
            Self::Other { reason } => write!(f, "not usable: {reason}"),
        }
    }
}

impl Fault {
    /// Returns what to do.
    pub(crate) fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Other { .. } => {
                "get a new certificate of a public authority, such as Let's Encrypt"
            }
            Self::SelfSigned => {
                "get a certificate of a public authority, such as Let's Encrypt: RingCentral trusts no other, and \
                 none can be added. An app behind `ringtail listen` may keep its own, with --insecure"
            }
            Self::Incomplete { .. } => {
                "let the server send the intermediate certificates behind its own: with certbot that is \
                 fullchain.pem and not cert.pem. Browsers hide this fault by fetching them"
            }
            Self::UnknownRoot { .. } => {
                "get a certificate of a public authority, such as Let's Encrypt; if the one named is an \
                 intermediate of one, let the server send its certificate too"
            }
            Self::OutOfOrder { .. } => {
                "write the file anew: first the server's own certificate, then its issuer's, then that one's \
                 issuer's; the root may be left out"
            }
            Self::Expired { .. } => {
                "renew the certificate, then reload the server: many go on sending the old one until then"
            }
            Self::NotYetValid { .. } => {
                "set the clock of the machine that issued it, and issue it again"
            }
            Self::WrongName { .. } => {
                "get a certificate for this name; if there is one, let the server choose it by the name that the \
                 caller asks for (SNI)"
            }
        }
    }
}

fn whose(of: &Option<String>) -> String {
    of.as_ref()
        .map(|name| format!(" (\"{name}\")"))
        .unwrap_or_default()
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| format!("\"{name}\""))
        .collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}
