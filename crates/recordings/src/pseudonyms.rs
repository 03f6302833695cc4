//! Events without personal data, masked by [`crate::mask`].
//!
//! The key belongs to the history, so recordings of one history share their pseudonyms and their readers cannot guess values.

use std::io;
use std::path::{Path, PathBuf};

use crate::mask::{KEY_BYTES, Masker};
use bytes::Bytes;
use ringtail_errors::{Code, Coded, codes};
use ringtail_files::read_or_make;
use ringtail_protocol::event::Header;
use ringtail_ringcentral::catalogue::summarize;
use ringtail_ringcentral::classify::{Classified, RequestHead};
use serde::de::IgnoredAny;

use ringtail_model::{AttemptDetail, EventDetail, Outcome, UNDECODABLE};

/// Name of the key's file in the data directory.
pub const KEY_FILE: &str = "mask.key";

/// The key cannot be read or created.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or create the masking key {path}; delete the file to get new pseudonyms", path = path.display())]
pub struct KeyError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub source: io::Error,
}

impl Coded for KeyError {
    fn code(&self) -> &'static Code {
        &codes::FAILED
    }
}

/// Returns a masker with the data directory's key, created if needed.
///
/// # Errors
/// When the key cannot be read or created.
pub fn masker(dir: &Path) -> Result<Masker, KeyError> {
    let path = dir.join(KEY_FILE);
    match key(&path) {
        Ok(key) => Ok(Masker::new(&key)),
        Err(source) => Err(KeyError { path, source }),
    }
}

fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let make = || {
        let mut key = vec![0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(key)
    };
    let key = read_or_make(path, KEY_BYTES as u64, make)?;
    let damaged = |_| io::Error::new(io::ErrorKind::InvalidData, "it holds no key");
    key.try_into().map_err(damaged)
}

/// Returns the masked event.
#[must_use]
pub fn event(masker: &Masker, detail: &EventDetail) -> EventDetail {
    let mut masked = detail.clone();
    masked.event.path = masker.path(&detail.event.path);
    masked.headers = headers(masker, &detail.headers);
    masked.body = body(masker, &detail.headers, &detail.body);
    masked.event.body_len = u64::try_from(masked.body.len()).unwrap_or(u64::MAX);
    masked.event.summary = summary(masker, &masked, detail.body.len());
    masked.attempts = detail
        .attempts
        .iter()
        .map(|it| attempt(masker, it))
        .collect();
    for field in masked
        .event
        .new_fields
        .iter_mut()
        .flat_map(|new| &mut new.fields)
    {
        field.path = masker.names(&field.path);
    }
    // The comment is private text.
    if let Some(mark) = &mut masked.event.bookmark {
        mark.comment.clear();
    }
    masked.event.last_attempt = masked
        .attempts
        .last()
        .map(|attempt| attempt.attempt.clone());
    masked
}

/// As [`event`], but with the original body sizes, which lists show.
#[must_use]
pub fn shown(masker: &Masker, detail: &EventDetail) -> EventDetail {
    let mut masked = event(masker, detail);
    masked.event.body_len = detail.event.body_len;
    for (masked, original) in masked.attempts.iter_mut().zip(&detail.attempts) {
        masked.body_len = original.body_len;
    }
    masked
}

fn attempt(masker: &Masker, detail: &AttemptDetail) -> AttemptDetail {
    let mut masked = detail.clone();
    masked.attempt.target = masker.path(&detail.attempt.target);
    if let Outcome::Error { message, .. } = &mut masked.attempt.outcome {
        *message = masker.path(message);
    }
    masked.headers = headers(masker, &detail.headers);
    masked.body = body(masker, &detail.headers, &detail.body);
    if detail.body_lost == 0 {
        masked.body_len = u64::try_from(masked.body.len()).unwrap_or(u64::MAX);
    }
    masked
}

fn headers(masker: &Masker, headers: &[Header]) -> Vec<Header> {
    let masked = headers.iter().map(|header| Header {
        name: header.name.clone(),
        value: Bytes::from(masker.header(&header.name, &header.value).into_owned()),
    });
    masked.collect()
}

fn body(masker: &Masker, headers: &[Header], body: &Bytes) -> Bytes {
    let kind = headers.iter().find(|header| header.is("content-type"));
    Bytes::from(masker.body(body, kind.map(|kind| &kind.value[..])))
}

/// Returns the summary of a masked event, with the original kind and size of the body.
fn summary(masker: &Masker, masked: &EventDetail, len: usize) -> String {
    let Ok(head) = RequestHead::of(&masked.event.method, &masked.headers) else {
        return masker.path(&masked.event.summary);
    };
    if masked.event.topic == UNDECODABLE {
        return masked.event.summary.clone();
    }
    let summary = summarize(&Classified::of(head.view(&masked.event.path, &masked.body)));
    // A masked body that is not JSON no longer shows its kind.
    let is_json = serde_json::from_slice::<IgnoredAny>(&masked.body).is_ok();
    if !is_json && !masked.body.is_empty() && summary.topic != masked.event.topic {
        return format!("{}, {len} bytes", masked.event.topic);
    }
    let sizes = |len: usize| {
        let size = ringtail_text::size(len as u64);
        [
            format!(", {len} bytes"),
            format!("subscription with {size} "),
        ]
    };
    let sizes = sizes(masked.body.len()).into_iter().zip(sizes(len));
    sizes.fold(summary.text, |text, (masked, original)| {
        text.replacen(&masked, &original, 1)
    })
}

#[cfg(test)]
mod tests {
    use ringtail_model::RowId;
    use ringtail_store::testing::{self, TestHistory};

    use super::*;

    #[test]
    fn a_directory_has_one_private_key() {
        let dir = tempfile::tempdir().unwrap();
        let first = masker(dir.path())
            .unwrap()
            .body(b"{\"text\":\"a b\"}", None);
        let again = masker(dir.path())
            .unwrap()
            .body(b"{\"text\":\"a b\"}", None);
        assert_eq!(first, again);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = dir
                .path()
                .join(KEY_FILE)
                .metadata()
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let other = tempfile::tempdir().unwrap();
        let other = masker(other.path())
            .unwrap()
            .body(b"{\"text\":\"a b\"}", None);
        assert_ne!(first, other);
    }

    #[test]
    fn those_who_ask_at_once_get_the_same_key() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(KEY_FILE);
            let keys: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key(&path))).collect();
                let keys = threads.into_iter().map(|it| it.join().unwrap().unwrap());
                keys.collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]));
        }
    }

    #[tokio::test]
    async fn a_masked_summary_has_the_size_of_what_was_received() {
        let kept = TestHistory::open();
        for (seq, body) in [(1, "x".repeat(262)), (2, "[\"Ada Lovelace\"]".to_owned())] {
            kept.receives(vec![testing::event(seq, &body)]).await;
        }
        let masker = Masker::new(&[7; KEY_BYTES]);
        for row in kept.history.events_after(RowId(0), 10).await.unwrap() {
            let detail = kept.history.event(row.id).await.unwrap().unwrap();
            assert!(row.summary.contains(" with "), "{}", row.summary);
            assert_eq!(event(&masker, &detail).event.summary, row.summary);
        }
    }

    #[test]
    fn a_truncated_key_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(KEY_FILE), [1; KEY_BYTES - 1]).unwrap();
        assert!(masker(dir.path()).is_err());
    }
}
