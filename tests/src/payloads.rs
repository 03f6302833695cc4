//! RingCentral's documented bodies, as it sends them: compact.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;

/// One body with the name of its file.
#[derive(Debug, Clone)]
pub struct Payload {
    /// File name without its ending. Several come from one file when it holds a stream.
    pub name: String,
    /// The body, compact.
    pub body: Bytes,
}

/// Reads every payload in order of file name.
///
/// # Errors
/// When the directory is missing or a file is not JSON.
pub fn all() -> anyhow::Result<Vec<Payload>> {
    let directory = directory();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&directory)
        .with_context(|| format!("{} could not be read", directory.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    ensure!(
        !paths.is_empty(),
        "{} holds no payload",
        directory.display()
    );
    let mut payloads = Vec::new();
    for path in paths {
        let name = name_of(&path);
        for value in stream_at(&path)? {
            payloads.push(Payload {
                name: name.clone(),
                body: compact(&value),
            });
        }
    }
    Ok(payloads)
}

/// Reads one payload by the name of its file, to be changed before it is sent.
///
/// # Errors
/// When there is no such file.
pub fn one(name: &str) -> anyhow::Result<Value> {
    stream(name)?
        .into_iter()
        .next()
        .with_context(|| format!("{name} is an empty stream"))
}

/// Reads a payload that is a list of bodies sent one after the other.
///
/// # Errors
/// When there is no such file.
pub fn stream(name: &str) -> anyhow::Result<Vec<Value>> {
    stream_at(&directory().join(format!("{name}.json")))
}

/// Writes a body as RingCentral does.
#[must_use]
pub fn compact(value: &Value) -> Bytes {
    value.to_string().into()
}

fn stream_at(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text =
        std::fs::read(path).with_context(|| format!("{} could not be read", path.display()))?;
    let value =
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(match value {
        Value::Array(values) => values,
        value => vec![value],
    })
}

fn name_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ringcentral/payloads")
}
