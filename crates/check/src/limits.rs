//! How long a check waits, and how much it reads.

use std::time::Duration;

/// Longest wait for a name's addresses.
pub(super) const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// Longest wait for a connection.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Longest wait for a TLS handshake.
pub(super) const TLS_TIME: Duration = Duration::from_secs(5);

/// Longest wait for an answer: far over the 3000 ms that count, to distinguish late from never.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Longest check. What is left then is not tried.
pub(super) const TOTAL_TIME: Duration = Duration::from_secs(90);

/// Most addresses of a name that are tried.
pub(super) const MAX_ADDRESSES: usize = 8;

/// Most bytes of a body that are read: far over the 1024 that count.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most bytes of a request or answer that are kept to be shown.
pub(super) const MAX_SHOWN_BYTES: usize = 16 * 1024;
