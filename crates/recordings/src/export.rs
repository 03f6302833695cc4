//! Events in forms that other programs read: shell commands, raw requests, HAR, files.
//!
//! Every form gives the method, the path, the header fields and the body as they were received; what belongs to one
//! connection alone (`Connection`, `Transfer-Encoding`, `Host`, `Content-Length`) is left to whoever sends it next.
//! Commands are printable ASCII and letters, whatever the event holds, so that a terminal shows what it runs.

mod file;
mod har;
mod shell;

use http::header::{CONTENT_LENGTH, EXPECT, HOST};

use ringtail_protocol::event::{Header, header_map};
use ringtail_protocol::path::strip_hop_by_hop;

pub use self::file::{fixture_name, headers, raw};
pub use self::har::{Creator, HarWriter};
pub use self::shell::{curl, httpie};
use ringtail_model::EventDetail;

/// Returns the header fields that a repetition of the request carries, in their order.
fn carried(event: &EventDetail) -> impl Iterator<Item = &Header> {
    let mut map = header_map(&event.headers);
    strip_hop_by_hop(&mut map);
    for own in [CONTENT_LENGTH, EXPECT, HOST] {
        map.remove(own);
    }
    let headers = event.headers.iter();
    headers.filter(move |header| map.contains_key(&header.name))
}

#[cfg(test)]
mod tests;
