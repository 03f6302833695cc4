//! Builds the requests of a scenario.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::{RehearseError, Scenario, Shot, Step, parameters};
use crate::fill::{FillError, fill_json, fill_text};
use crate::generator::{Generator, Parameters};
use crate::request::SimRequest;
use crate::template::{Template, below};
use crate::variables::variable;
use ringtail_model::secrets::Secrets;
use ringtail_ringcentral::classify::Callback;

impl Scenario {
    /// Builds every request, sorted by time, for a run that starts at `began_ms` milliseconds since 1970. `given`
    /// overrides the scenario's values; a step's values override both.
    ///
    /// # Errors
    /// When a variable has no value, `given` has an unknown name, or a step is not a valid HTTP request.
    pub fn rehearse(
        &self,
        given: &Parameters,
        secrets: &Secrets,
        seed: u64,
        began_ms: i64,
    ) -> Result<Vec<Shot>, RehearseError> {
        self.check_names(given)?;
        let mut of_run = parameters(&self.vars);
        of_run.extend(given.clone());
        let mut due: Vec<(u64, usize, u32)> = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let times = 0..step.times();
            due.extend(times.map(|nth| (step.at + u64::from(nth) * step.every, index, nth + 1)));
        }
        due.sort_by_key(|(at_ms, _, _)| *at_ms);
        let mut generator = Generator::new(seed, began_ms);
        due.into_iter()
            .map(|(at_ms, index, nth)| {
                generator.next_event(at_ms);
                let step = &self.steps[index];
                let mut of_step = of_run.clone();
                of_step.extend(parameters(&step.set));
                of_step.insert("nth".to_owned(), nth.to_string());
                let shot = step.shot(at_ms, &of_step, &mut generator, secrets);
                let number = index + 1;
                shot.map_err(|source| RehearseError::Fill { number, source })
            })
            .collect()
    }

    /// Rejects a misspelt name, which would have no effect.
    fn check_names(&self, given: &Parameters) -> Result<(), RehearseError> {
        let known = |name: &str| variable(name).is_some() || self.vars.contains_key(name);
        match given.keys().find(|name| !known(name)) {
            Some(name) => Err(RehearseError::UnknownValue { name: name.clone() }),
            None => Ok(()),
        }
    }
}

impl Step {
    fn shot(
        &self,
        at_ms: u64,
        given: &Parameters,
        generator: &mut Generator,
        secrets: &Secrets,
    ) -> Result<Shot, FillError> {
        let template = self.template.as_deref().and_then(Template::find);
        let mut request = match template {
            Some(template) => template.build(given, generator, secrets)?,
            None => self.inline(given, generator, secrets)?,
        };
        request.sign(secrets, self.forge);
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
        generator: &mut Generator,
        secrets: &Secrets,
    ) -> Result<SimRequest, FillError> {
        let body = self.body(given, generator)?;
        let wrong = |what: &str, text: &str| FillError::Request {
            reason: format!("\"{text}\" is not a valid {what}"),
        };
        let method = self.method.as_deref().unwrap_or("POST");
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| wrong("HTTP method", method))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let filled = fill_text(value, given, generator)?;
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("header", name))?,
                HeaderValue::from_str(&filled).map_err(|_| wrong("header value", value))?,
            );
        }
        let (below, shown) = below(&self.path, given, generator, secrets)?;
        let mut request = SimRequest {
            callback: Callback::Other,
            method,
            below,
            shown,
            headers,
            body,
            unsigned: false,
        };
        request.callback = Self::callback_of(&request);
        Ok(request)
    }

    /// Classifies the request. A signature marks calls of the source SDK, and recorded steps have none, so an
    /// unknown request is also classified with one.
    fn callback_of(request: &SimRequest) -> Callback {
        let unsigned = request.classify();
        if unsigned != Callback::Other {
            return unsigned;
        }
        let mut signed = request.clone();
        signed.headers.insert(
            ringtail_ringcentral::headers::SOURCE_SDK_SIGNATURE,
            HeaderValue::from_static("0"),
        );
        let is_call = serde_json::from_slice(&request.body)
            .is_ok_and(|body: Value| body["action"].is_string() && body["time"].is_string());
        if is_call { signed.classify() } else { unsigned }
    }

    fn body(&self, given: &Parameters, generator: &mut Generator) -> Result<Vec<u8>, FillError> {
        if let Some(base64) = &self.body_base64 {
            let wrong = |_| FillError::Request {
                reason: "body_base64 is not base64".to_owned(),
            };
            return STANDARD.decode(base64.trim()).map_err(wrong);
        }
        let text = self.body.as_deref().unwrap_or_default();
        if self.exact {
            return Ok(text.as_bytes().to_vec());
        }
        Ok(match serde_json::from_str::<Value>(text) {
            Ok(json) => fill_json(&json, given, generator)?.to_string().into_bytes(),
            Err(_) => fill_text(text, given, generator)?.into_bytes(),
        })
    }
}
