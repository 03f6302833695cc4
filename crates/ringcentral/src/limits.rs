//! RingCentral's documented limits, each with the section of docs/RINGCENTRAL.md that states it.

/// Most bytes of headers and body together in an answer to a validation or a platform notification.
///
/// Section 1.3 (required response) for the validation, where more means SUB-525; section 2.5 (response to a
/// notification) for the rest, where more means the blacklist.
pub const ANSWER_MAX_BYTES: usize = 1024;

/// Longest time to an answer in milliseconds, by the editions since 2021 (section 1.3, required response).
pub const ANSWER_MAX_MS: u64 = 3000;

/// Longest time to an answer in milliseconds, by the editions before 2021 and the copies of them that are
/// still online (section 1.3). Staying under it is right under both readings.
pub const ANSWER_MAX_MS_OLD: u64 = 1000;

/// Milliseconds an interactive message may take by a paragraph that was never published (section 7.5, details).
pub const INTERACTIVE_MAX_MS: u64 = 5000;

/// Minutes of failing answers after which a subscription is blacklisted (section 2.6, blacklisting).
pub const BLACKLIST_WINDOW_MINUTES: u64 = 10;
