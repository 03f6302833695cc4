//! Templates: one for each kind of event and each callback.

use http::Method;
use serde_json::Value;

use super::fill::{FillError, escape, fill_json, fill_text};
use super::fresh::{Fresh, Parameters};
use super::request::{self, Secrets, SimRequest};
use ringtail_ringcentral::classify::Callback;

/// One kind of request that RingCentral sends.
#[derive(Debug)]
#[non_exhaustive]
pub struct Template {
    /// Its name, such as `sms.inbound`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// What it is to RingCentral.
    pub callback: Callback,
    /// Where its shape is from.
    pub origin: Origin,
    pub(super) method: Method,
    pub(super) below: &'static str,
    pub(super) body: Body,
    pub(super) defaults: &'static [(&'static str, &'static str)],
}

/// Where the shape of a template is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A payload of this crate, by name; `#` and a number for one of a stream.
    Sample(&'static str),
    /// A description in words, or a payload of a sibling.
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
    /// Finds a template by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        super::table::all().find(|template| template.name == name)
    }

    /// Returns every template, in the order of a list.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        super::table::all()
    }

    /// Makes a request of it: ids and times are new, and `given` covers every other value.
    ///
    /// # Errors
    /// When a value is missing or does not fit.
    pub fn build(
        &self,
        given: &Parameters,
        fresh: &mut Fresh,
        secrets: &Secrets,
    ) -> Result<SimRequest, FillError> {
        let given = Parameters::from_iter(self.defaults.iter().copied()).covered_by(given);
        let mut headers = request::headers(self.callback, matches!(self.body, Body::Form(_)));
        if self.callback == Callback::Validation {
            let token = fill_text("${validation_token}", &given, fresh)?;
            request::with_validation_token(&mut headers, &token);
        }
        let body = self.body(&given, fresh)?;
        let (below, shown) = below(self.below, &given, fresh, secrets)?;
        Ok(SimRequest {
            callback: self.callback,
            method: self.method.clone(),
            below,
            shown,
            headers,
            body,
            unsigned: false,
        })
    }

    fn body(&self, given: &Parameters, fresh: &mut Fresh) -> Result<Vec<u8>, FillError> {
        let fill = |text: &str, fresh: &mut Fresh| {
            let value: Value = serde_json::from_str(text).expect("templates are JSON, by test");
            fill_json(&value, given, fresh)
        };
        Ok(match self.body {
            Body::Empty => Vec::new(),
            Body::Json(text) => fill(text, fresh)?.to_string().into_bytes(),
            Body::Form(text) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fill(text, fresh)?.as_object().into_iter().flatten() {
                    form.append_pair(name, value.as_str().unwrap_or_default());
                }
                form.finish().into_bytes()
            }
        })
    }
}

/// Fills path and query: as they are sent, and as they may be shown.
pub(super) fn below(
    text: &str,
    given: &Parameters,
    fresh: &mut Fresh,
    secrets: &Secrets,
) -> Result<(String, String), FillError> {
    let mut given = given.clone();
    given.set("verify_token", "(secret)");
    let shown = fill_text(text, &given, fresh)?;
    let token = secrets.digital_verify_token.as_deref().unwrap_or_default();
    let token: String = form_urlencoded::byte_serialize(token).collect();
    given.set("verify_token", escape(&token));
    Ok((fill_text(text, &given, fresh)?, shown))
}
