//! The newest validation request of each endpoint. RingCentral tells its caller only that it refuses an address; with this, the
//! client can say what came and how it was answered, even if no client was connected.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::header;
use http_body::Body as _;
use parking_lot::Mutex;
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::path::LastValidation;
use ringtail_ringcentral::verdict::wire_size;

use crate::journal::EndpointKey;
use crate::response::RelayResponse;

/// The field that hyper adds to every response.
const DATE: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// The newest validation request of each endpoint since the start. Strangers cannot create endpoints, so the rows are few; those of
/// deleted endpoints stay.
#[derive(Debug, Default)]
pub(crate) struct Validations(Mutex<HashMap<EndpointKey, Answered>>);

#[derive(Debug)]
struct Answered {
    received_at: Timestamp,
    began: Instant,
    took: Duration,
    status: u16,
    bytes: u64,
}

impl Validations {
    /// Notes a request whose head was complete at `began`, and its response.
    pub(crate) fn note(&self, endpoint: EndpointKey, began: Instant, response: &RelayResponse) {
        let took = began.elapsed();
        let body = response.body().size_hint().lower();
        let status = response.status().as_u16();
        let mut bytes = wire_size(status, response.headers(), body) + DATE.len() as u64;
        if !response.headers().contains_key(header::CONTENT_LENGTH) {
            bytes += format!("content-length: {body}\r\n").len() as u64;
        }
        let answered = Answered {
            received_at: Timestamp(Timestamp::now().0.saturating_sub_unsigned(micros(took))),
            began,
            took,
            status,
            bytes,
        };
        self.0.lock().insert(endpoint, answered);
    }

    /// Returns what the API tells of an endpoint's newest one.
    pub(super) fn last(&self, endpoint: EndpointKey) -> Option<LastValidation> {
        let validations = self.0.lock();
        let it = validations.get(&endpoint)?;
        Some(LastValidation {
            received_at: it.received_at.0,
            age_us: micros(it.began.elapsed()),
            status: it.status,
            took_us: micros(it.took),
            bytes: it.bytes,
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
