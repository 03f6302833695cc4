//! Scenarios: files that say what comes when.
//!
//! ```toml
//! about = "A call that nobody answers"
//!
//! [vars]
//! status = "Setup"
//!
//! [[step]]
//! at = 0                          # milliseconds after the beginning
//! template = "telephony.setup"
//! set = { sequence = 3 }
//! ```
//!
//! A step names a template, or is a request itself: `method`, `path`, `headers`, `body` or `body_base64`.

mod build;

use std::collections::BTreeMap;

use ringtail_errors::{Code, Coded, codes};
use serde::Deserialize;

use super::fill::FillError;
use super::fresh::Parameters;
use super::request::SimRequest;
use super::template::Template;

/// Most requests of one scenario.
const MAX_REQUESTS: u64 = 10_000;

/// Longest scenario in milliseconds: a day.
const MAX_AT_MS: u64 = 24 * 60 * 60 * 1000;

/// What comes when.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line for people.
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    vars: BTreeMap<String, Word>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
}

/// One step, which is one request or the same several times.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    at: u64,
    times: Option<u32>,
    every: u64,
    template: Option<String>,
    set: BTreeMap<String, Word>,
    expect: Expect,
    forge: bool,
    method: Option<String>,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    exact: bool,
}

/// What the answer should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// One that RingCentral accepts.
    #[default]
    Accepted,
    /// A 4xx: the request is one that a careful app refuses.
    Refused,
    /// Any, or none.
    Anything,
}

/// A value as people write it: a text, a number, or true or false.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Whole(i64),
    Part(f64),
    Truth(bool),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => number.fmt(f),
            Self::Part(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
        }
    }
}

fn parameters(words: &BTreeMap<String, Word>) -> Parameters {
    let pairs = words.iter();
    Parameters::from_iter(pairs.map(|(name, word)| (name.clone(), word.to_string())))
}

/// A finished request and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// Milliseconds after the beginning.
    pub at_ms: u64,
    /// Name of the template, or `request`.
    pub name: String,
    /// The request.
    pub request: SimRequest,
    /// What the answer should be.
    pub expect: Expect,
}

impl Scenario {
    /// Reads a scenario and checks that it can be played.
    ///
    /// # Errors
    /// When it is not TOML, has a key that does not exist, or a step that makes no sense.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            ScenarioError::Wrong {
                line: before.map_or(1, |before| before.matches('\n').count() + 1),
                message: error.message().to_owned(),
            }
        })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Returns the scenario that is one template, once.
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

    /// Returns how many requests it makes.
    #[must_use]
    pub fn len(&self) -> u64 {
        let times = self.steps.iter().map(|step| u64::from(step.times()));
        times.sum()
    }

    /// Returns true if it makes no request at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.is_empty() {
            return Err(ScenarioError::Empty);
        }
        if self.len() > MAX_REQUESTS {
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
                return Err("a step has a template, or a request of its own, not both".to_owned());
            }
            Some(name) if Template::find(name).is_none() => {
                return Err(format!("there is no template {name:?}"));
            }
            None if !inline => return Err("a step needs a template or a body".to_owned()),
            _ => {}
        }
        if self.body.is_some() && self.body_base64.is_some() {
            return Err("a step has one body".to_owned());
        }
        if !self.path.is_empty() && !self.path.starts_with(['/', '?']) {
            return Err(format!(
                "path {:?} must begin with a slash or a question mark",
                self.path
            ));
        }
        let last = u64::from(self.times()).saturating_mul(self.every);
        if self.at.saturating_add(last) > MAX_AT_MS {
            return Err("a scenario is at most a day long".to_owned());
        }
        Ok(())
    }
}

/// Returns the scenarios that come with Ringtail: name and text, in the order of a list.
#[must_use]
pub fn builtins() -> &'static [(&'static str, &'static str)] {
    macro_rules! shipped {
        ($($name:literal),* $(,)?) => {
            &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),*]
        };
    }
    shipped![
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

/// Why a scenario cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It is not TOML, or has a key that does not exist.
    Wrong {
        /// Line of the mistake.
        line: usize,
        /// The mistake.
        message: String,
    },
    /// It has no step.
    Empty,
    /// It has too many requests.
    TooMany,
    /// A step makes no sense.
    Step {
        /// Which, from 1.
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

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wrong { line, message } => write!(f, "line {line}: {message}"),
            Self::Empty => f.write_str("the scenario has no [[step]]"),
            Self::TooMany => write!(f, "the scenario makes more than {MAX_REQUESTS} requests"),
            Self::Step { number, reason } => write!(f, "step {number}: {reason}"),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// Why the requests of a scenario cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RehearseError {
    /// A name has no value.
    Fill {
        /// Which step, from 1.
        number: usize,
        /// Why.
        source: FillError,
    },
    /// The result is no HTTP request.
    Request {
        /// Which step, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value was given that nothing uses.
    Unused {
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
            Self::Unused { .. } => {
                Some("`ringtail simulate --list` shows the values that there are".to_owned())
            }
            Self::Fill { .. } | Self::Request { .. } => None,
        }
    }
}

impl std::fmt::Display for RehearseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fill { number, source } => write!(f, "step {number}: {source}"),
            Self::Request { number, reason } => write!(f, "step {number}: {reason}"),
            Self::Unused { name } => write!(f, "nothing has a value called {name:?}"),
        }
    }
}

impl std::error::Error for RehearseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fill { source, .. } => Some(source),
            Self::Request { .. } | Self::Unused { .. } => None,
        }
    }
}
