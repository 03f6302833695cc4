//! RingCentral's documented limits, each with the section of RINGCENTRAL.md that states it.

/// Most bytes of headers and body together in an answer to a handshake or a platform notification.
///
/// Section 1.3 (required response) for the handshake, where more means SUB-525; section 2.5 (response to a
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

/// Minutes between the reconciliations that may revive a blacklisted subscription (section 2.6; a later source
/// calls the suspension permanent, so nobody should wait for it).
pub const RECONCILIATION_MINUTES: u64 = 15;

/// Milliseconds after which an agent-state receiver counts as failed (section 7.3: the same as section 1.3).
pub const AGENT_STATE_MAX_MS: u64 = ANSWER_MAX_MS;

/// Most retries of a RingCX agent-state subscription (section 7.3; the default is 3).
pub const AGENT_STATE_MAX_RETRIES: u32 = 10;

/// Retries of a RingCX Digital webhook, spread over about three hours (section 7.1, details).
pub const DIGITAL_RETRIES: u32 = 5;

/// Seconds a subscription lives when its creator did not say (section 4.4, lifetime: seven days).
pub const SUBSCRIPTION_DEFAULT_SECONDS: u64 = 604_800;

/// Longest life of a subscription in seconds (section 4.4: ten years by the newest source).
pub const SUBSCRIPTION_MAX_SECONDS: u64 = 315_360_000;

/// Most subscriptions of one user in one app (section 4.6: 30 by the newest source, 20 by an older one).
pub const SUBSCRIPTIONS_PER_APP: usize = 30;
