//! Templates: one for each kind of event and each callback. The `table` module lists them.

use http::{HeaderValue, Method};
use serde_json::Value;

use super::fill::{FillError, escape, fill_json, fill_text};
use super::generator::{Generator, Parameters};
use super::request::{self, SimRequest};
use ringtail_model::secrets::Secrets;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::validation::VALIDATION_TOKEN;
use secrecy::ExposeSecret;

/// One kind of request that RingCentral sends.
#[derive(Debug)]
#[non_exhaustive]
pub struct Template {
    /// Its name, such as `sms.inbound`.
    pub name: &'static str,
    /// One-line description.
    pub about: &'static str,
    /// The callback that it simulates.
    pub callback: Callback,
    /// The source of its shape.
    pub origin: Origin,
    /// Path and query; what has some is a GET.
    pub(super) below: &'static str,
    pub(super) body: Body,
    pub(super) defaults: &'static [(&'static str, &'static str)],
}

/// The source of a template's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A sample payload, by name; `#` and a number select one of a stream.
    Sample(&'static str),
    /// RingCentral's description in words, or the sample of a similar event.
    Described,
}

/// The body of a template.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// JSON, sent compact as RingCentral does.
    Json(&'static str),
    /// JSON of one level, sent as a form.
    Form(&'static str),
}

impl Template {
    /// Builds a request with new ids and times; `given` overrides any value.
    ///
    /// # Errors
    /// When a value is missing or has the wrong type.
    pub(super) fn build(
        &self,
        given: &Parameters,
        generator: &mut Generator,
        secrets: &Secrets,
    ) -> Result<SimRequest, FillError> {
        let defaults = self.defaults.iter();
        let defaults = defaults.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut values: Parameters = defaults.collect();
        values.extend(given.clone());
        let mut headers = request::headers(self.callback, matches!(self.body, Body::Form(_)));
        if self.callback == Callback::Validation {
            let token = fill_text("${validation_token}", &values, generator)?;
            if let Ok(value) = HeaderValue::from_bytes(token.as_bytes()) {
                headers.insert(VALIDATION_TOKEN, value);
            }
        }
        let body = self.body(&values, generator)?;
        let (below, shown) = below(self.below, &values, generator, secrets)?;
        Ok(SimRequest {
            callback: self.callback,
            method: match self.below {
                "" => Method::POST,
                _ => Method::GET,
            },
            below,
            shown,
            headers,
            body,
            unsigned: false,
        })
    }

    fn body(&self, given: &Parameters, generator: &mut Generator) -> Result<Vec<u8>, FillError> {
        let fill = |text: &str, generator: &mut Generator| {
            let value: Value = serde_json::from_str(text).expect("templates are JSON, by test");
            fill_json(&value, given, generator)
        };
        Ok(match self.body {
            Body::Empty => Vec::new(),
            Body::Json(text) => fill(text, generator)?.to_string().into_bytes(),
            Body::Form(text) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fill(text, generator)?.as_object().into_iter().flatten() {
                    form.append_pair(name, value.as_str().unwrap_or_default());
                }
                form.finish().into_bytes()
            }
        })
    }
}

/// Fills path and query: the form to send, and the form to show, without the secret.
pub(super) fn below(
    text: &str,
    given: &Parameters,
    generator: &mut Generator,
    secrets: &Secrets,
) -> Result<(String, String), FillError> {
    let mut given = given.clone();
    given.insert("verify_token".to_owned(), "(secret)".to_owned());
    let shown = fill_text(text, &given, generator)?;
    let token = secrets
        .digital_verify_token()
        .map_or("", |token| token.expose_secret());
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    given.insert("verify_token".to_owned(), escape(&token));
    Ok((fill_text(text, &given, generator)?, shown))
}
