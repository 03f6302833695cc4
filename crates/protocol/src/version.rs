//! The version of the link, agreed by WebSocket subprotocol.

/// Version that this build speaks.
pub const SUBPROTOCOL: &str = "ringtail.v1";

/// Finds the version to speak among those that a client offers in `Sec-WebSocket-Protocol`.
///
/// # Errors
/// When no offered version is supported.
pub fn negotiate(offered: &str) -> Result<&'static str, VersionMismatch> {
    if offered.split(',').any(|name| name.trim() == SUBPROTOCOL) {
        Ok(SUBPROTOCOL)
    } else {
        Err(VersionMismatch)
    }
}

/// The peer speaks no version of the link that this build speaks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this relay speaks {SUBPROTOCOL} and the client does not: install ringtail {}",
    env!("CARGO_PKG_VERSION")
)]
pub struct VersionMismatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_ours_among_several() {
        assert_eq!(negotiate("ringtail.v9, ringtail.v1"), Ok(SUBPROTOCOL));
        for offered in ["", "ringtail.v2", "ringtail.v10", "xringtail.v1"] {
            assert_eq!(negotiate(offered), Err(VersionMismatch), "{offered}");
        }
    }

    #[test]
    fn an_old_peer_is_told_what_to_install() {
        assert_eq!(
            VersionMismatch.to_string(),
            format!(
                "this relay speaks ringtail.v1 and the client does not: install ringtail {}",
                env!("CARGO_PKG_VERSION")
            )
        );
    }
}
