//! From steps to requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::{RehearseError, Scenario, Shot, Step, parameters};
use crate::fill::{FillError, fill_json, fill_text};
use crate::fresh::{Fresh, Parameters};
use crate::request::{Secrets, SimRequest};
use crate::template::{Template, below};
use crate::variables::variable;
use ringtail_ringcentral::classify::Callback;

impl Scenario {
    /// Makes every request, in the order of their times, as if the run began at `began_ms` milliseconds since
    /// 1970. What `given` says counts before the scenario's own values, and a step's before both.
    ///
    /// # Errors
    /// When a name has no value, a value fits nowhere, or a step makes no HTTP request.
    pub fn rehearse(
        &self,
        given: &Parameters,
        secrets: &Secrets,
        seed: u64,
        began_ms: i64,
    ) -> Result<Vec<Shot>, RehearseError> {
        self.check_names(given)?;
        let given = parameters(&self.vars).covered_by(given);
        let mut due: Vec<(u64, usize, u32)> = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let times = 0..step.times();
            due.extend(times.map(|nth| (step.at + u64::from(nth) * step.every, index, nth + 1)));
        }
        due.sort_by_key(|(at_ms, _, _)| *at_ms);
        let mut fresh = Fresh::new(seed, began_ms);
        due.into_iter()
            .map(|(at_ms, index, nth)| {
                fresh.next_event(at_ms);
                let step = &self.steps[index];
                let mut given = given.covered_by(&parameters(&step.set));
                given.set("nth", nth.to_string());
                let shot = step.shot(at_ms, &given, &mut fresh, secrets);
                shot.map_err(|error| error.of_step(index + 1))
            })
            .collect()
    }

    /// Finds a value whose name is a mistake: it would silently do nothing.
    fn check_names(&self, given: &Parameters) -> Result<(), RehearseError> {
        let known = |name: &str| variable(name).is_some() || self.vars.contains_key(name);
        match given.names().find(|name| !known(name)) {
            Some(name) => Err(RehearseError::Unused {
                name: name.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

enum StepError {
    Fill(FillError),
    Request(String),
}

impl StepError {
    fn of_step(self, number: usize) -> RehearseError {
        match self {
            Self::Fill(source) => RehearseError::Fill { number, source },
            Self::Request(reason) => RehearseError::Request { number, reason },
        }
    }
}

impl From<FillError> for StepError {
    fn from(error: FillError) -> Self {
        Self::Fill(error)
    }
}

impl Step {
    fn shot(
        &self,
        at_ms: u64,
        given: &Parameters,
        fresh: &mut Fresh,
        secrets: &Secrets,
    ) -> Result<Shot, StepError> {
        let template = self.template.as_deref().and_then(Template::find);
        let mut request = match template {
            Some(template) => template.build(given, fresh, secrets)?,
            None => self.inline(given, fresh, secrets)?,
        };
        request.prove(secrets, self.forge);
        Ok(Shot {
            at_ms,
            name: template
                .map_or("request", |template| template.name)
                .to_owned(),
            request,
            expect: self.expect,
        })
    }

    fn inline(
        &self,
        given: &Parameters,
        fresh: &mut Fresh,
        secrets: &Secrets,
    ) -> Result<SimRequest, StepError> {
        let body = self.body(given, fresh)?;
        let wrong = |what: &str, text: &str| StepError::Request(format!("{text:?} is no {what}"));
        let method = self.method.as_deref().unwrap_or("POST");
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| wrong("HTTP method", method))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let filled = fill_text(value, given, fresh)?;
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("header", name))?,
                HeaderValue::from_str(&filled).map_err(|_| wrong("value of a header", value))?,
            );
        }
        let (below, shown) = below(&self.path, given, fresh, secrets)?;
        let mut request = SimRequest {
            callback: Callback::Other,
            method,
            below,
            shown,
            headers,
            body,
            unsigned: false,
        };
        request.callback = self.recognised(&request);
        Ok(request)
    }

    /// What the request is to RingCentral. Cutting takes signatures out, by which some are known, so a step that
    /// is nothing else is also looked at with one.
    fn recognised(&self, request: &SimRequest) -> Callback {
        let plain = request.seen_as();
        if plain != Callback::Other {
            return plain;
        }
        let mut signed = request.clone();
        signed.headers.insert(
            ringtail_ringcentral::signature::SOURCE_SDK_SIGNATURE,
            HeaderValue::from_static("0"),
        );
        let is_call = serde_json::from_slice(&request.body)
            .is_ok_and(|body: Value| body["action"].is_string() && body["time"].is_string());
        if is_call { signed.seen_as() } else { plain }
    }

    fn body(&self, given: &Parameters, fresh: &mut Fresh) -> Result<Vec<u8>, StepError> {
        if let Some(base64) = &self.body_base64 {
            let wrong = |_| StepError::Request("body_base64 is not base64".to_owned());
            return STANDARD.decode(base64.trim()).map_err(wrong);
        }
        let text = self.body.as_deref().unwrap_or_default();
        if self.exact {
            return Ok(text.as_bytes().to_vec());
        }
        Ok(match serde_json::from_str::<Value>(text) {
            Ok(json) => fill_json(&json, given, fresh)?.to_string().into_bytes(),
            Err(_) => fill_text(text, given, fresh)?.into_bytes(),
        })
    }
}
