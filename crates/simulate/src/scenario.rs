//! Scenarios: files of requests with their times.
//!
//! ```toml
//! about = "A missed call"
//!
//! [vars]
//! status = "Setup"
//!
//! [[step]]
//! at = 0                          # milliseconds after the start
//! template = "telephony.setup"
//! set = { sequence = 3 }
//! ```
//!
//! A step names a template or describes a request: `method`, `path`, `headers`, `body` or `body_base64`.

mod build;

use std::collections::BTreeMap;

use ringtail_errors::{Code, Coded, codes};
use serde::Deserialize;

use super::fill::FillError;
use super::generator::Parameters;
use super::request::SimRequest;
use super::template::Template;

/// The most requests of one scenario.
const MAX_REQUESTS: u64 = 10_000;

/// The longest scenario in milliseconds: a day.
pub(super) const MAX_AT_MS: u64 = 24 * 60 * 60 * 1000;

/// A sequence of requests with their times.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One-line description.
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    vars: BTreeMap<String, Scalar>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
}

/// One step: a request, or the same request several times.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    at: u64,
    times: Option<u32>,
    every: u64,
    template: Option<String>,
    set: BTreeMap<String, Scalar>,
    expect: Expect,
    forge: bool,
    method: Option<String>,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    exact: bool,
}

/// The expected answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// An answer that RingCentral accepts.
    #[default]
    Accepted,
    /// A 4xx, because a careful app refuses the request.
    Refused,
    /// Any answer, or none.
    Anything,
}

/// A value in a scenario file.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

fn parameters(values: &BTreeMap<String, Scalar>) -> Parameters {
    let values = values.iter();
    values
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect()
}

/// A request and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// Milliseconds after the start of the run.
    pub at_ms: u64,
    /// Name of the template, or `request`.
    pub name: String,
    /// The request.
    pub request: SimRequest,
    /// The expected answer.
    pub expect: Expect,
}

impl Scenario {
    /// Parses and checks a scenario.
    ///
    /// # Errors
    /// When it is not TOML, has an unknown key or an invalid step.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            ScenarioError::Syntax {
                line: before.map_or(1, |before| before.matches('\n').count() + 1),
                message: error.message().to_owned(),
            }
        })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Returns a scenario of one request.
    #[must_use]
    pub fn single(template: &Template) -> Self {
        Self {
            about: template.about.to_owned(),
            vars: BTreeMap::new(),
            steps: vec![Step {
                template: Some(template.name.to_owned()),
                ..Step::default()
            }],
        }
    }

    /// Returns the number of its requests.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        let times = self.steps.iter().map(|step| u64::from(step.times()));
        times.sum()
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.request_count() == 0 {
            return Err(ScenarioError::Empty);
        }
        if self.request_count() > MAX_REQUESTS {
            return Err(ScenarioError::TooMany);
        }
        for (index, step) in self.steps.iter().enumerate() {
            let number = index + 1;
            step.check()
                .map_err(|reason| ScenarioError::Step { number, reason })?;
        }
        Ok(())
    }
}

impl Step {
    fn times(&self) -> u32 {
        self.times.unwrap_or(1)
    }

    fn check(&self) -> Result<(), String> {
        let inline = self.method.is_some()
            || !self.path.is_empty()
            || !self.headers.is_empty()
            || self.body.is_some()
            || self.body_base64.is_some()
            || self.exact;
        match &self.template {
            Some(_) if inline => {
                return Err("a step has a template or a request of its own, not both".to_owned());
            }
            Some(name) if Template::find(name).is_none() => {
                return Err(format!("there is no template \"{name}\""));
            }
            None if !inline => return Err("a step needs a template or a body".to_owned()),
            _ => {}
        }
        if self.body.is_some() && self.body_base64.is_some() {
            return Err("a step has a body or a body_base64, not both".to_owned());
        }
        if !self.path.is_empty() && !self.path.starts_with(['/', '?']) {
            return Err(format!(
                "path \"{}\" must begin with a slash or a question mark",
                self.path
            ));
        }
        let last = u64::from(self.times()).saturating_mul(self.every);
        if self.at.saturating_add(last) > MAX_AT_MS {
            return Err("a scenario lasts at most a day".to_owned());
        }
        Ok(())
    }
}

/// Returns the name and text of each built-in scenario, in the order of the list that users see.
#[must_use]
pub fn builtins() -> &'static [(&'static str, &'static str)] {
    macro_rules! files {
        ($($name:literal),* $(,)?) => {
            &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),*]
        };
    }
    files![
        "call.inbound-answered",
        "call.outbound-answered",
        "call.missed",
        "call.held",
        "call.transferred",
        "sms.conversation",
        "voicemail",
        "fax",
        "team.messaging",
        "presence.storm",
        "renewal.reminder",
        "bot.install-private",
        "bot.install-public",
        "interactive.message",
        "digital.challenge-and-events",
        "source-sdk",
        "wfm.shift",
        "validation.good",
        "validation.bad-token",
        "signatures.forged",
    ]
}

/// Why a scenario is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It is not TOML, or has an unknown key.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line of the error.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// It has no step.
    #[error("the scenario has no [[step]]")]
    Empty,
    /// It has too many requests.
    #[error("the scenario makes more than {MAX_REQUESTS} requests")]
    TooMany,
    /// A step is invalid.
    #[error("step {number}: {reason}")]
    Step {
        /// Number of the step, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Coded for ScenarioError {
    fn code(&self) -> &'static Code {
        &codes::SCENARIO
    }
}

/// Why the requests of a scenario cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RehearseError {
    /// A step's request cannot be built.
    #[error("step {number}: {source}")]
    Fill {
        /// Number of the step, from 1.
        number: usize,
        /// The cause.
        source: FillError,
    },
    /// A given value has an unknown name.
    #[error("there is no value called \"{name}\"")]
    UnknownValue {
        /// Its name.
        name: String,
    },
}

impl Coded for RehearseError {
    fn code(&self) -> &'static Code {
        &codes::SCENARIO
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownValue { .. } => {
                Some("run `ringtail simulate --list` to see the values".to_owned())
            }
            Self::Fill { .. } => None,
        }
    }
}
