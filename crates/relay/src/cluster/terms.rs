//! What a relay tells another about a carried request, and how the other answers in the client's place.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::budget::Owner;
use crate::journal::EndpointKey;
use crate::links::passthrough::NoResponse;
use crate::links::registry::LinkId;

/// The endpoint's key.
const ENDPOINT: &str = "ringtail-relay-endpoint";

/// Address that the caller's share counts by; empty if it has none.
const CALLER: &str = "ringtail-relay-caller";

/// Links that the request was on already, with commas between them.
const TRIED: &str = "ringtail-relay-tried";

/// Milliseconds until the caller gets another response.
const WITHIN: &str = "ringtail-relay-within";

/// On the response: the link that it comes from.
const LINK: &str = "ringtail-relay-link";

/// On the response: why it is not a client's.
const NONE: &str = "ringtail-relay-none";

/// Header bytes of both, at most.
pub(super) const TERMS_BYTES: u32 = 4 * 1024;

/// What a relay tells another about a carried request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) endpoint: EndpointKey,
    pub(crate) caller: Option<Owner>,
    pub(crate) tried: Vec<LinkId>,
    pub(crate) within: Duration,
}

impl Terms {
    /// Writes them, over what a caller may have sent under the same names.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let caller = match self.caller {
            Some(Owner::Address(address)) => address.to_string(),
            _ => String::new(),
        };
        let tried: Vec<String> = self.tried.iter().map(LinkId::to_string).collect();
        let within = self.within.as_millis().to_string();
        for (name, value) in [
            (ENDPOINT, self.endpoint.0.to_string()),
            (CALLER, caller),
            (TRIED, tried.join(",")),
            (WITHIN, within),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    /// Takes them out; `None` if they are not as [`Terms::write`] writes them.
    pub(super) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let mut text = |name| {
            let value: HeaderValue = headers.remove(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (endpoint, caller, tried, within) =
            (text(ENDPOINT)?, text(CALLER)?, text(TRIED)?, text(WITHIN)?);
        let caller = match &*caller {
            "" => None,
            address => Some(Owner::Address(address.parse::<IpAddr>().ok()?)),
        };
        let tried = tried.split(',').filter(|id| !id.is_empty());
        Some(Self {
            endpoint: EndpointKey(endpoint.parse().ok()?),
            caller,
            tried: tried.map(LinkId::parse).collect::<Option<_>>()?,
            within: Duration::from_millis(within.parse().ok()?),
        })
    }
}

/// Why a relay has no client's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoClient {
    /// It has no link, or none that was not tried.
    Offline,
    /// Its link or memory is full.
    Busy,
    /// Its link failed.
    Link(NoResponse),
}

const WORDS: [(&str, NoClient); 6] = [
    ("offline", NoClient::Offline),
    ("busy", NoClient::Busy),
    ("not-sent", NoClient::Link(NoResponse::NotSent)),
    ("link-lost", NoClient::Link(NoResponse::LinkLost)),
    ("deadline", NoClient::Link(NoResponse::Deadline)),
    ("failed", NoClient::Link(NoResponse::Failed)),
];

/// Marks a response.
pub(super) fn write_link(headers: &mut HeaderMap, link: LinkId, none: Option<NoClient>) {
    headers.remove(NONE);
    if let Ok(link) = HeaderValue::try_from(link.to_string()) {
        headers.insert(LINK, link);
    }
    if let Some(none) = none {
        write_none(headers, none);
    }
}

/// Marks a response that is not a client's.
pub(super) fn write_none(headers: &mut HeaderMap, none: NoClient) {
    let word = WORDS.iter().find(|(_, it)| *it == none);
    let word = word.map_or("failed", |(word, _)| word);
    headers.insert(NONE, HeaderValue::from_static(word));
}

/// Takes the marks off a response: the link, and why it is not a client's.
pub(super) fn take_link(headers: &mut HeaderMap) -> (Option<LinkId>, Option<NoClient>) {
    let link = headers.remove(LINK);
    let link = link.and_then(|link| LinkId::parse(link.to_str().ok()?));
    let none = headers.remove(NONE).map(|word| {
        let known = WORDS
            .iter()
            .find(|(it, _)| it.as_bytes() == word.as_bytes());
        // A newer relay may have other reasons.
        known.map_or(NoClient::Link(NoResponse::Failed), |(_, none)| *none)
    });
    (link, none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_sends_under_these_names_does_not_count() {
        let link = LinkId::fresh();
        for (caller, tried) in [
            (None, vec![]),
            (
                Some(Owner::Address("::1".parse().unwrap())),
                vec![link, link],
            ),
        ] {
            let terms = Terms {
                endpoint: EndpointKey(7),
                caller,
                tried,
                within: Duration::from_millis(1_500),
            };
            let mut headers = HeaderMap::new();
            for name in [ENDPOINT, CALLER, TRIED, WITHIN, "x-theirs"] {
                headers.append(name, HeaderValue::from_static("1"));
                headers.append(name, HeaderValue::from_static("2"));
            }
            terms.write(&mut headers);
            assert_eq!(Terms::take(&mut headers), Some(terms));
            assert_eq!(headers.len(), 2, "{headers:?}");
            assert_eq!(Terms::take(&mut headers), None);
        }
    }

    #[test]
    fn an_apps_response_cannot_say_that_there_is_none() {
        let link = LinkId::fresh();
        let mut headers = HeaderMap::new();
        for name in [LINK, NONE, NONE] {
            headers.append(name, HeaderValue::from_static("busy"));
        }
        write_link(&mut headers, link, None);
        assert_eq!(take_link(&mut headers), (Some(link), None));
        assert!(headers.is_empty());
        for (_, none) in WORDS {
            write_link(&mut headers, link, Some(none));
            assert_eq!(take_link(&mut headers), (Some(link), Some(none)));
        }
    }
}
