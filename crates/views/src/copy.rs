//! Events in the formats of other programs.

use ringtail_client::endpoint_cache::command_target;
use ringtail_client::forward::Sender;
use ringtail_model::EventDetail;
use ringtail_recordings::export::{curl, httpie, raw};
use serde::Deserialize;

use crate::json;
use crate::store::Store;

/// The format of a copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFormat {
    /// A curl command.
    Curl,
    /// An HTTPie command.
    Httpie,
    /// The request in HTTP/1.1.
    Raw,
    /// A line of JSON with everything known about the event.
    #[default]
    #[serde(rename = "ndjson")]
    Json,
}

impl CopyFormat {
    /// Returns the extension of a file in this format.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Curl => "curl.sh",
            Self::Httpie => "httpie.sh",
            Self::Raw => "http",
            Self::Json => "ndjson",
        }
    }
}

impl Store {
    /// Returns an event in a format; commands send it to the target of this run, or to the last one.
    ///
    /// # Errors
    /// When a command cannot have its URL.
    pub fn formatted(
        &self,
        event: &EventDetail,
        format: CopyFormat,
    ) -> Result<Vec<u8>, http::Error> {
        let endpoint = &event.event.endpoint;
        let target = self.sender(endpoint).map(Sender::target);
        let target = command_target(&self.data, target, endpoint);
        let command = match format {
            CopyFormat::Curl => curl(event, &target),
            CopyFormat::Httpie => httpie(event, &target),
            CopyFormat::Raw => return Ok(raw(event)),
            CopyFormat::Json => return Ok(json::bytes(&json::event_with_attempts(event))),
        };
        Ok(command?.into_bytes())
    }
}
