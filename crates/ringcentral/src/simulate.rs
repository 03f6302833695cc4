//! RingCentral's traffic without RingCentral: what it would send, when, and whether an answer satisfies it.
//!
//! A [`Template`] is one kind of request. A [`Scenario`] is a file of steps that name templates, with times
//! between them as in RingCentral's own captures. [`Scenario::rehearse`] makes the requests, new ids and times
//! in them; [`plan()`] says when each is sent and brings about the faults that were asked for; [`inspect()`] judges
//! the app's answers; [`cut()`] makes a scenario of recorded events. The same seed and beginning give the same
//! bytes.
//!
//! Nothing here sends anything, or knows what time it is.

mod chance;
mod cut;
mod fill;
mod fresh;
mod inspect;
mod plan;
mod request;
mod scenario;
mod table;
mod template;
mod variables;

pub use self::chance::Chance;
pub use self::cut::{Recorded, cut};
pub use self::fill::FillError;
pub use self::fresh::{Fresh, Parameters};
pub use self::inspect::{Finding, Problem, Received, inspect};
pub use self::plan::{Faults, OVERTAKEN_BY, Plan, Send, Slot, plan};
pub use self::request::{Secrets, SimRequest};
pub use self::scenario::{Expect, RehearseError, Scenario, ScenarioError, Shot, Step, builtins};
pub use self::template::{Origin, Template};
pub use self::variables::{Make, Source, VARIABLES, Variable};

#[cfg(test)]
mod tests;
