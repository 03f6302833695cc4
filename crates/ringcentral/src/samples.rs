//! Requests for the tests of this crate: the payloads, posted as RingCentral posts them.

use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::sample::Index;
use serde_json::Value;

use crate::classify::{Classified, RequestView};

/// A request that owns its parts.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: String,
    pub method: Method,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Sample {
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            name: String::new(),
            method: Method::POST,
            query: None,
            headers: HeaderMap::from_iter([(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=UTF-8"),
            )]),
            body: body.into(),
        }
    }

    pub fn get(query: &str) -> Self {
        Self {
            method: Method::GET,
            query: Some(query.to_owned()),
            headers: HeaderMap::new(),
            ..Self::post("")
        }
    }

    pub fn form(body: &str) -> Self {
        Self::post(body).with(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub fn asking(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    /// Writes other bytes into the body.
    pub fn edited(mut self, edits: &[(Index, u8)]) -> Self {
        for (place, byte) in edits {
            let place = place.index(self.body.len());
            self.body[place] = *byte;
        }
        self
    }

    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            path: "/hook",
            query: self.query.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }
}

impl Sample {
    /// Returns the request, classified.
    #[must_use]
    pub fn classified(&self) -> Classified<'_> {
        Classified::of(self.view())
    }
}

/// Returns every payload that is posted to an endpoint, streams taken apart, in the order of their names.
pub fn payloads() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json") && is_posted(name))
        .collect();
    names.sort();
    names
        .iter()
        .flat_map(|name| read(name, &fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// Answers of RingCentral's own API and of apps are in the folder too.
fn is_posted(name: &str) -> bool {
    !name.starts_with("api-") && !name.contains("-response")
}

fn read(name: &str, bytes: &[u8]) -> Vec<Sample> {
    let bodies: Vec<Vec<u8>> = match serde_json::from_slice(bytes).unwrap() {
        Value::Array(events) => events
            .iter()
            .map(|event| serde_json::to_vec(event).unwrap())
            .collect(),
        _ => vec![bytes.to_vec()],
    };
    let count = bodies.len();
    let name = name.trim_end_matches(".json");
    bodies
        .into_iter()
        .enumerate()
        .map(|(index, body)| {
            let sample = Sample {
                name: match count {
                    1 => name.to_owned(),
                    _ => format!("{name} {:02}", index + 1),
                },
                ..Sample::post(body)
            };
            if name.starts_with("interactive-message") {
                sample.with("x-glip-signature", "00ff")
            } else if name.starts_with("ringcx-source-sdk") {
                sample.with("x-smccsdk-signature", "00ff")
            } else {
                sample
            }
        })
        .collect()
}
