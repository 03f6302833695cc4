//! What the relay lets strangers and clients use, in one place. Each limit has an answer and a test.
//!
//! | too much of | answer |
//! |---|---|
//! | connections, in all or from one address | the connection is closed |
//! | requests at once from one address, through a proxy | 503 with `Retry-After` |
//! | time for the TLS handshake and the first request | the connection is closed |
//! | header bytes | 431; over HTTP/2 the stream is refused |
//! | header fields | 431 |
//! | body bytes | 413 |
//! | bytes of a body that is refused | the connection is closed |
//! | time for a body | 408 |
//! | bodies in memory | 503 with `Retry-After` |
//! | events waiting to be written | 503 with `Retry-After` |
//! | events of an endpoint in a second | 503 with `Retry-After` |
//! | failed logins from an address | 429 with `Retry-After` |
//! | validations in a second | answered, and not noted |
//! | passthrough requests on a link | they wait, then 503 with `Retry-After` |
//! | time for the app's answer to begin | 504 |
//! | silence inside the app's answer | the answer breaks off |

use std::num::NonZeroU32;
use std::time::Duration;

use ringtail_protocol::frame;

/// Limits that an operator or a test may set. [`Limits::default`] is what the documentation states.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one IPv4 address or one IPv6 /64; through a proxy, requests being answered.
    pub connections_per_address: usize,
    /// How long to wait after an accept that failed for lack of something, such as file descriptors.
    pub accept_pause: Duration,
    /// From accept to the first whole request head, the TLS handshake included.
    pub establish_timeout: Duration,
    /// How long a connection may stay silent between requests, or take for a later request's head.
    pub idle_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// Bytes of one request's body; no more than [`frame::MAX_BODY_BYTES`].
    pub body_bytes: usize,
    /// Bytes of requests to endpoints in memory at once: their bodies, their heads and [`REQUEST_BYTES`] for each that
    /// is waited for.
    pub buffered_bytes: usize,
    /// The same for requests to endpoints that do not exist and to the relay's own paths, so that strangers take no
    /// room from those who know an endpoint.
    pub stray_bytes: usize,
    /// Events that one endpoint may take in a second, validations apart; a burst of [`EVENT_BURST_SECONDS`] passes.
    pub events_per_second: NonZeroU32,
    /// From a request whose answer is the app's to that answer's head.
    pub passthrough_deadline: Duration,
    /// How much of [`Limits::passthrough_deadline`] may pass in waiting for a place on a busy link.
    pub passthrough_wait: Duration,
    /// How long the app may be silent inside its answer.
    pub answer_idle_timeout: Duration,
    /// How long a client may take to answer the relay's first request on a link.
    pub link_timeout: Duration,
    /// How often a running relay looks whether tokens were rotated or revoked beside it.
    pub accounts_interval: Duration,
    /// How long connections are kept for requests that are on their way when the relay stops.
    pub linger: Duration,
    /// How long requests in flight may take to end when the relay stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS.get() as usize,
            connections_per_address: CONNECTIONS_PER_ADDRESS.get() as usize,
            accept_pause: Duration::from_millis(500),
            establish_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_bytes: frame::MAX_BODY_BYTES,
            buffered_bytes: 256 * 1024 * 1024,
            stray_bytes: 64 * 1024 * 1024,
            events_per_second: EVENTS_PER_SECOND,
            passthrough_deadline: Duration::from_secs(30),
            passthrough_wait: Duration::from_secs(10),
            answer_idle_timeout: Duration::from_secs(60),
            link_timeout: Duration::from_secs(10),
            accounts_interval: Duration::from_millis(500),
            linger: Duration::from_millis(300),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Connections open at once unless told otherwise: what fits a host with 2 GiB of memory when each holds the most that
/// it may, see `docs/LIMITS.md`.
pub const CONNECTIONS: NonZeroU32 = NonZeroU32::new(4_096).unwrap();

/// Connections open at once from one address unless told otherwise.
pub const CONNECTIONS_PER_ADDRESS: NonZeroU32 = NonZeroU32::new(1_024).unwrap();

/// What a request counts for that is waited for, beside its head and body: the task that waits, and what HTTP/2 keeps of
/// a stream.
pub const REQUEST_BYTES: usize = 8 * 1024;

/// What a header field counts for beside its name and its value.
pub const FIELD_BYTES: usize = 128;

/// Bytes of a body from which on it is looked at beside the runtime: its JSON takes about 10 ms for each MiB.
pub const LARGE_BODY_BYTES: usize = 128 * 1024;

/// Large bodies that are looked at at once; others wait for their turn.
pub const LARGE_BODIES: usize = 2;
/// [`Limits::drain_timeout`] of a relay whose socket another one takes over: whoever connects meanwhile waits, and
/// RingCentral's older documents give a validation 1000 ms in all.
pub const HAND_OVER: Duration = Duration::from_millis(400);

/// How long it may take to say that what is in flight will not be finished.
pub const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bytes of an HTTP/1.1 request's head. RingCentral's largest is under 1 KiB.
pub const HEADER_BYTES: usize = 32 * 1024;

/// Bytes of an HTTP/2 request's header list, counted as HTTP/2 counts: 32 more for each field.
pub const HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Bytes that are read and thrown away behind the answer to a body that is refused, so that the answer is not lost on
/// whoever is still sending: as many as the largest body that the relay takes has.
pub const LINGER_BYTES: usize = frame::MAX_BODY_BYTES;

/// Requests in flight on one HTTP/2 connection.
pub const STREAMS: u32 = 128;

/// Streams that one HTTP/2 connection may open and reset before the relay has looked at them, and streams that it may
/// make the relay reset: more is an attack, and ends the connection.
pub const RESETS: usize = 64;

/// As [`RESETS`], on the connection of a trusted proxy: what its callers take back, all together.
pub const PROXY_RESETS: usize = 1024;

/// Bytes that an HTTP/2 stream may send ahead of being read.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// Bytes that all streams of an HTTP/2 connection may send ahead of being read.
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of the body of a call to the relay's own API.
pub const API_BODY_BYTES: usize = 4 * 1024;

/// Connections that the kernel may hold before they are accepted.
pub const BACKLOG: i32 = 1024;

/// How long sent bytes may stay unacknowledged by a peer's kernel before its connection counts as dead.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of RingCentral's `uuid` by which duplicates are known; a longer one is no such id (RINGCENTRAL.md 2.3).
pub const UUID_BYTES: usize = 128;

/// Validations that are noted in one second. More are answered all the same, and not kept: RingCentral sends one for each
/// subscription, and a flood of them must push neither real events out of the journal nor the journal out of time.
pub const NOTED_VALIDATIONS: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// Events that one endpoint takes in a second unless told otherwise. An answered call makes about ten notifications
/// (RINGCENTRAL.md 6), so this is a hundred calls a second: a company of 30,000 that telephones all day long.
pub const EVENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// Seconds of [`Limits::events_per_second`] that may come at once: what RingCentral held back for a while is not
/// refused when it comes.
pub const EVENT_BURST_SECONDS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Failed logins after which an address has to wait. A client stops at its first; an office may have many clients.
pub const FAILED_LOGINS: u32 = 30;

/// Time in which [`FAILED_LOGINS`] are counted, and until whose end the address waits.
pub const FAILED_LOGIN_WINDOW: Duration = Duration::from_secs(60);

/// Addresses whose failed logins are remembered, about 1 MiB. Beyond that, new ones are not.
pub const FAILED_LOGIN_ADDRESSES: usize = 16_384;

/// Value of `Retry-After` on every 503, in seconds.
pub const RETRY_AFTER: u64 = 1;

/// Orders for certificates that the relay places in an hour, restarts or not. Let's Encrypt takes five failed
/// validations of a name by an account in an hour, and 300 orders of an account in three
/// (<https://letsencrypt.org/docs/rate-limits/>).
pub const ORDERS_PER_HOUR: usize = 4;

/// Orders in a day: an authority that has refused for months would put a name on hold (Let's Encrypt after 1,152
/// failures in a row).
pub const ORDERS_PER_DAY: usize = 20;

/// Certificates in a week. Let's Encrypt issues five for the same set of names.
pub const CERTIFICATES_PER_WEEK: usize = 4;

/// How long an order may take from its start to its certificate.
pub const ORDER_TIMEOUT: Duration = Duration::from_secs(180);

/// How long the authority may take for one answer.
pub const ACME_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of one answer of the authority's; a chain of certificates has a tenth of them.
pub const ACME_ANSWER_BYTES: usize = 128 * 1024;

/// Connections to the plain listener, in all and from one address; each is closed after its answer.
pub const PLAIN_CONNECTIONS: usize = 256;

/// Connections to the plain listener from one IPv4 address or one IPv6 /64.
pub const PLAIN_CONNECTIONS_PER_ADDRESS: usize = 32;

/// How long a connection to the plain listener may last.
pub const PLAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a running relay looks whether PEM files have changed, or a renewal was asked for beside it.
pub const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(2);
