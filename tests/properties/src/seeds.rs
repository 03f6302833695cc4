//! Inputs to begin with: RingCentral's documented requests and real frames, so that a fuzz target need not find out
//! first what they look like.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use ringtail_model::secrets::Secrets;
use ringtail_protocol::event::{Disposition, Event, EventId, Kind, RequestParts, Timestamp};
use ringtail_protocol::frame::{Down, Up};
use ringtail_simulate::{Parameters, Scenario, SimRequest, Template};

use crate::{payloads, request};

/// An input with its name.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its name, fit for a file.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

impl Seed {
    pub(crate) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// One request of each kind that RingCentral sends, and the documented bodies.
#[must_use]
pub fn classify() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = requests()
        .map(|(name, request)| {
            let first = format!("{} {}", request.method, request.below);
            Seed::new(name, request::write(&request, &first, "\n"))
        })
        .collect();
    seeds.extend(payloads::all().into_iter().map(|payload| {
        let bytes = request::with_json_body(&payload.body);
        Seed::new(payload.name, bytes)
    }));
    seeds
}

/// An event of each kind of request as a relay sends it, and the other frames.
#[must_use]
pub fn link() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for ((name, request), seq) in requests().zip(1..) {
        let parts = RequestParts {
            method: request.method.as_str(),
            path: &request.below,
            peer: "192.0.2.1:50000",
            headers: &request.headers,
            names: None,
            body: &request.body,
        };
        let event = Event {
            seq,
            id: EventId::from_bytes([7; 16]),
            received_at: Timestamp(1_700_000_000_000_000),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: (seq % 2 == 0).then_some(1),
            request: parts.encode().expect("it is small"),
        };
        seeds.push(frames(&name, &[Down::Event(event), Down::Head { seq }]));
    }
    let gap = Down::Gap { first: 1, last: 9 };
    seeds.push(frames("gap", &[gap, Down::Unknown(9)]));
    let mut up = BytesMut::from(&[3][..]);
    Up::Cursor { seq: 1 }.encode(&mut up);
    Up::Cursor { seq: 2 }.encode(&mut up);
    seeds.push(Seed::new("cursor", up.to_vec()));
    // What a WebSocket carries, unmasked as a client gets it and masked as a relay does.
    for (name, message) in [
        ("message", &b"\x82\x05hello\x89\x00\x8a\x00\x88\x00"[..]),
        ("masked", b"\x82\x85abcd\x09\x07\x0f\x08\x0e\x88\x80abcd"),
        ("fragments", b"\x02\x02he\x00\x02ll\x80\x01o"),
        ("text", b"\x81\x02no"),
        ("long", b"\x82\x7f\x00\x00\x00\x00\xff\xff\xff\xff"),
    ] {
        seeds.push(Seed::new(name, [&[1], message].concat()));
    }
    seeds
}

/// Every template's request, the same each time.
pub(crate) fn requests() -> impl Iterator<Item = (String, SimRequest)> {
    let secrets = Secrets::of_variables(|variable| {
        (variable == "RINGTAIL_DIGITAL_VERIFY_TOKEN").then(|| "verify".into())
    });
    let secrets = secrets.expect("the token is valid");
    Template::all().map(move |template| {
        let scenario = Scenario::single(template);
        let shots = scenario.rehearse(&Parameters::default(), &secrets, 1, 1_700_000_000_000);
        let mut shots = shots.expect("templates can be built, by test");
        (template.name.to_owned(), shots.remove(0).request)
    })
}

/// Lists the files of a directory by name; a missing directory is empty.
#[must_use]
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory can be listed").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn frames(name: &str, frames: &[Down]) -> Seed {
    let mut bytes = BytesMut::from(&[40][..]);
    for frame in frames {
        frame.encode(&mut bytes);
    }
    Seed::new(name, bytes.to_vec())
}
