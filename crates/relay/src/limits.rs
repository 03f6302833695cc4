//! The relay's limits. `docs/LIMITS.md` says what happens at each.

use std::num::NonZeroU32;
use std::time::Duration;

use ringtail_protocol::{frame, http2};

/// Limits that an operator or a test may set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one IPv4 address or one IPv6 /64; through a proxy, requests being answered.
    pub connections_per_address: usize,
    /// Time from accept to the first complete request head, including the TLS handshake.
    pub establish_timeout: Duration,
    /// Silence between requests, or time for the head of a later request.
    pub idle_timeout: Duration,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Bytes of one request's body; no more than [`frame::MAX_BODY_BYTES`].
    pub body_bytes: usize,
    /// Memory of all requests to endpoints and of accounts, in bytes: bodies, heads, [`REQUEST_BYTES`] for each in flight,
    /// and [`PASSTHROUGH_BYTES`] for each that an app answers.
    pub buffered_bytes: usize,
    /// The same for requests of those who know neither an endpoint nor a token.
    pub stray_bytes: usize,
    /// Memory of events that wait for the disk: about what a disk that stalls for a second leaves behind on a busy relay.
    pub queued_bytes: usize,
    /// Events of one endpoint in a second, except validations; [`EVENT_BURST_SECONDS`] worth may come at once. An account
    /// may have [`ACCOUNT_EVENT_RATE`] times as many.
    pub events_per_second: NonZeroU32,
    /// Time from a passthrough request to the head of the app's response.
    pub passthrough_deadline: Duration,
    /// Part of [`Limits::passthrough_deadline`] that may be spent waiting for a permit on a busy link.
    pub passthrough_wait: Duration,
    /// Silence of the app inside its response, and of a caller that does not read it.
    pub answer_idle_timeout: Duration,
    /// Time for a client to answer the relay's first request on a link.
    pub link_timeout: Duration,
    /// Time for a client to take a page of events.
    pub page_timeout: Duration,
    /// Interval of the checks for tokens that another process rotated or revoked.
    pub accounts_interval: Duration,
    /// How long a stopping relay keeps idle connections, for requests that are on their way.
    pub linger: Duration,
    /// How long a stopping relay waits for requests in flight.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS.get() as usize,
            connections_per_address: CONNECTIONS_PER_ADDRESS.get() as usize,
            establish_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_bytes: frame::MAX_BODY_BYTES,
            buffered_bytes: 256 * 1024 * 1024,
            stray_bytes: 64 * 1024 * 1024,
            queued_bytes: 64 * 1024 * 1024,
            events_per_second: EVENTS_PER_SECOND,
            passthrough_deadline: Duration::from_secs(30),
            passthrough_wait: Duration::from_secs(10),
            answer_idle_timeout: Duration::from_secs(60),
            link_timeout: Duration::from_secs(10),
            page_timeout: Duration::from_secs(60),
            accounts_interval: Duration::from_millis(500),
            linger: Duration::from_millis(300),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Links open at once: a third of all connections.
    pub(crate) fn links(&self) -> usize {
        self.connections.div_ceil(3)
    }
}

/// How a budget is divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// The most that one address may hold; the same for an account and an endpoint.
    pub(crate) address: usize,
    pub(crate) account: usize,
    pub(crate) endpoint: usize,
    /// The part of the sum that is given out last: `each` to a payer, and a quarter of that to an address.
    pub(crate) kept: usize,
    pub(crate) each: usize,
}

/// How [`Limits::buffered_bytes`] are divided. The largest body fits the share of an address.
pub(crate) fn request_shares(total: usize) -> Shares {
    Shares {
        address: total / 32 * 3,
        account: total / 4,
        endpoint: total / 8,
        kept: total / 2,
        each: total / 64,
    }
}

/// How [`Limits::queued_bytes`] are divided: the largest event fits an account's share.
pub(crate) fn queue_shares(total: usize) -> Shares {
    Shares {
        address: 0,
        account: total / 8 * 3,
        endpoint: 0,
        kept: total / 2,
        each: total / 64,
    }
}

/// How [`Limits::stray_bytes`] are divided. Nothing here belongs to an account.
pub(crate) fn stray_shares(total: usize) -> Shares {
    Shares {
        address: total / 8,
        account: 0,
        endpoint: 0,
        kept: total / 2,
        each: total / 64,
    }
}

/// Pause after an accept that failed, such as for lack of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Links of one account.
pub const LINKS_PER_ACCOUNT: usize = 64;

/// Links to one endpoint.
pub const LINKS_PER_ENDPOINT: usize = 16;

/// How [`Limits::links`] are divided: four laptops with as many endpoints as they may have, and one endpoint on 16.
pub(crate) fn link_shares(total: usize) -> Shares {
    Shares {
        address: 0,
        account: LINKS_PER_ACCOUNT,
        endpoint: LINKS_PER_ENDPOINT,
        kept: total / 2,
        each: total / 64,
    }
}

/// Passthrough requests of one address in flight on a link: whoever knows the URL must leave some for others.
pub const PASSTHROUGHS_PER_ADDRESS: usize = http2::MAX_PASSTHROUGHS * 3 / 4;

/// How the passthrough requests in flight on a link are divided.
pub(crate) const PASSTHROUGH_SHARES: Shares = Shares {
    address: PASSTHROUGHS_PER_ADDRESS,
    account: 0,
    endpoint: 0,
    kept: http2::MAX_PASSTHROUGHS / 4,
    each: 1,
};

/// Memory of a passthrough request beyond its body: the app's response in the link's window, the caller's send buffer
/// ([`SEND_BUFFER`]), and two heads.
pub const PASSTHROUGH_BYTES: usize = 448 * 1024;

/// Receive window of a connection between relays: a stream window for each request, so that none waits for a stalled one.
pub(crate) const RELAY_WINDOW: u32 = RELAY_STREAMS * http2::STREAM_WINDOW;

/// Requests in flight from one relay to another: about as many as [`Limits::buffered_bytes`] allows.
pub(crate) const RELAY_STREAMS: u32 = 512;

/// Connections from relays, and from those who claim to be one.
pub(crate) const RELAY_CONNECTIONS: usize = 64;

/// Memory of a request that another relay carries here: [`PASSTHROUGH_BYTES`], and its body in the connection's window.
pub(crate) const CARRIED_BYTES: usize = PASSTHROUGH_BYTES + http2::STREAM_WINDOW as usize;

/// Silence after which a relay asks another, which owes it a response, whether it is still there.
pub(crate) const RELAY_PING_INTERVAL: Duration = Duration::from_secs(1);

/// How long the other may take to say so. RingCentral gives a callback three seconds in all.
pub(crate) const RELAY_PING_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Default of [`Limits::connections`]. Fits a host with 2 GiB of memory if each connection holds as much as it may, see
/// `docs/LIMITS.md`.
pub const CONNECTIONS: NonZeroU32 = NonZeroU32::new(3_072).unwrap();

/// Default of [`Limits::connections_per_address`].
pub const CONNECTIONS_PER_ADDRESS: NonZeroU32 = NonZeroU32::new(1_024).unwrap();

/// Memory of a request in flight beyond its head and body: its task and the state of its HTTP/2 stream.
pub const REQUEST_BYTES: usize = 8 * 1024;

/// Memory of a header field beyond its name and value.
pub const FIELD_BYTES: usize = 128;

/// Longer bodies are classified on a blocking thread: parsing JSON takes about 10 ms per MiB.
pub const LARGE_BODY_BYTES: usize = 128 * 1024;

/// Large bodies that are classified at once.
pub const LARGE_BODIES: usize = 2;

/// [`Limits::drain_timeout`] of a relay that hands its socket to the next one: new connections wait meanwhile, and
/// RingCentral's older documents give a validation 1000 ms.
pub const HAND_OVER: Duration = Duration::from_millis(400);

/// Time for the responses and goodbyes that tell callers and clients that the relay stops.
pub const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bytes of an HTTP/1.1 request's head. RingCentral's largest is under 1 KiB.
pub const HEADER_BYTES: usize = 32 * 1024;

/// Bytes of an HTTP/2 request's header list, by HTTP/2's count: 32 more for each field.
pub const HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Bytes of a refused body that are read and dropped, so that a caller that is still sending gets the response.
pub const LINGER_BYTES: usize = frame::MAX_BODY_BYTES;

/// Tasks of connections that the runtime is given at a time, for each CPU: none has to wait for work, and no task for many.
pub(crate) const TURNS: usize = 4;

/// Requests in flight on one HTTP/2 connection.
pub const STREAMS: u32 = 128;

/// Streams that one HTTP/2 connection may reset before the relay has accepted them, or cause the relay to reset. More is
/// an attack and ends the connection.
pub const RESETS: usize = 64;

/// [`RESETS`] on the connection of a trusted proxy, which carries many callers.
pub const PROXY_RESETS: usize = 1024;

/// Frames of a connection or link in a second that bring little; its next ones are read later.
pub const EMPTY_FRAMES_PER_SECOND: u32 = 1_000;

/// Such frames that may come at once. They take about as long as a TLS handshake.
pub const EMPTY_FRAME_BURST: u32 = 10_000;

/// Receive window of one HTTP/2 stream in bytes.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// Bytes of a response that one HTTP/2 stream may hold for a caller that does not read.
pub const SEND_BUFFER: usize = 64 * 1024;

/// Receive window of one HTTP/2 connection in bytes.
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of a request body of the relay's API.
pub const API_BODY_BYTES: usize = 4 * 1024;

/// Connections that wait in the kernel to be accepted.
pub const BACKLOG: i32 = 1024;

/// How long a peer's kernel may leave bytes unacknowledged before its connection is dead.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Validations of one endpoint stored in one second. More are answered and not stored: RingCentral sends one for each
/// subscription, and a flood must neither push events out of the journal nor slow down the relay and the clients.
pub const STORED_VALIDATIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Validations of one endpoint that may be stored at once: as many as an app makes subscriptions in a row.
pub const STORED_VALIDATIONS_BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Time for an event without a waiting caller to share a transaction and its sync of the disk.
pub const DETACHED_WITHIN: Duration = Duration::from_millis(20);

/// Default of [`Limits::events_per_second`]. An answered call makes about ten notifications (docs/RINGCENTRAL.md 6), so this is
/// a hundred calls a second: a company of 30,000 people who telephone all day.
pub const EVENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// Seconds of [`Limits::events_per_second`] that may come at once: RingCentral may send what it has queued for a while.
pub const EVENT_BURST_SECONDS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Times [`Limits::events_per_second`] that an account's endpoints may have together: an account may have 256 of them.
pub const ACCOUNT_EVENT_RATE: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Failed logins after which an address must wait. A client stops at its first; an office may have many clients.
pub const FAILED_LOGINS: u32 = 30;

/// Window in which [`FAILED_LOGINS`] are counted; the address waits until it ends.
pub const FAILED_LOGIN_WINDOW: Duration = Duration::from_secs(60);

/// Addresses whose failed logins are counted, about 1 MiB. More are not counted.
pub const FAILED_LOGIN_ADDRESSES: usize = 16_384;

/// Value of `Retry-After` on every 503, in seconds.
pub const RETRY_AFTER: u64 = 1;

/// Certificate orders in an hour, across restarts. Let's Encrypt takes five failed
/// validations of a name by an account in an hour, and 300 orders of an account in three
/// (<https://letsencrypt.org/docs/rate-limits/>).
pub const ORDERS_PER_HOUR: usize = 4;

/// Certificate orders in a day: Let's Encrypt pauses a name after 1,152 failures in a row.
pub const ORDERS_PER_DAY: usize = 20;

/// Certificates in a week. Let's Encrypt issues five for the same set of names.
pub const CERTIFICATES_PER_WEEK: usize = 4;

/// Time for an order, from its start to its certificate.
pub const ORDER_TIMEOUT: Duration = Duration::from_secs(180);

/// Time for one response of the authority.
pub const ACME_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of one response of the authority; a certificate chain has a tenth of that.
pub const ACME_ANSWER_BYTES: usize = 128 * 1024;

/// Connections to the plain-HTTP listener; each is closed after its response.
pub const PLAIN_CONNECTIONS: usize = 256;

/// Connections to the plain-HTTP listener from one IPv4 address or one IPv6 /64.
pub const PLAIN_CONNECTIONS_PER_ADDRESS: usize = 32;

/// Lifetime of a connection to the plain-HTTP listener.
pub const PLAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of the checks for changed PEM files, and for a renewal that another process asks for.
pub const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(2);
