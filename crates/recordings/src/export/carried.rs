//! The header fields that a repeated request carries.

use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use ringtail_model::EventDetail;
use ringtail_protocol::event::{Header, header_map};
use ringtail_protocol::path::strip_hop_by_hop;

/// Returns the header fields of an event without those that belong to one connection, in order.
pub(super) fn carried(event: &EventDetail) -> impl Iterator<Item = &Header> {
    let mut map = header_map(&event.headers);
    strip_hop_by_hop(&mut map);
    for own in [CONTENT_LENGTH, EXPECT, HOST] {
        map.remove(own);
    }
    let headers = event.headers.iter();
    headers.filter(move |header| map.contains_key(&header.name))
}
