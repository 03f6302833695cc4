//! RingCentral's documented bodies, compact, as it sends them.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

/// A body with the name of its file.
#[derive(Debug, Clone)]
pub struct Payload {
    /// File name without `.json`; a file with a list gives several payloads.
    pub name: String,
    /// The body, compact.
    pub body: Bytes,
}

/// Reads every payload, ordered by file name.
///
/// # Panics
/// When a file cannot be read or is not JSON.
#[must_use]
pub fn all() -> Vec<Payload> {
    let entries = fs::read_dir(directory()).expect("the payloads' directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    paths.sort();
    let named = paths.iter().flat_map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let bodies = list(&name);
        bodies.into_iter().map(move |body| Payload {
            name: name.clone().into_owned(),
            body: compact(&body),
        })
    });
    named.collect()
}

/// Reads the bodies of one file.
///
/// # Panics
/// When it cannot be read or is not JSON.
#[must_use]
pub fn list(name: &str) -> Vec<Value> {
    let text = fs::read(directory().join(format!("{name}.json"))).expect("a payload's file");
    match serde_json::from_slice(&text).expect("a payload is JSON") {
        Value::Array(bodies) => bodies,
        body => vec![body],
    }
}

/// Writes a body as RingCentral does.
#[must_use]
pub fn compact(body: &Value) -> Bytes {
    body.to_string().into()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/ringcentral/payloads")
}
