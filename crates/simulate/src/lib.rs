//! RingCentral's traffic without RingCentral: what it would send, when, and whether an answer satisfies it.
//!
//! A [`Template`] is one kind of request. A [`Scenario`] is a file of steps that name templates, with times
//! between them as in RingCentral's own captures. [`Scenario::rehearse`] makes the requests, new ids and times
//! in them; [`plan()`] says when each is sent and brings about the faults that were asked for; [`inspect()`] judges
//! the app's answers; [`cut()`] makes a scenario of recorded events. The same seed and beginning give the same
//! bytes.
//!
//! [`run()`] plays RingCentral against an address: it sends what a scenario says when it says so, and judges the answers.
//! Requests go out one at a time, in the order of the plan, each on a connection of its own and never twice unless the
//! plan doubles it. An answer that takes long therefore puts off what follows; disorder is what [`plan()`] decides, so
//! that the same seed shows an app the same. Nothing else here sends anything, or knows what time it is.

mod chance;
mod cut;
mod fill;
mod fresh;
mod inspect;
mod plan;
mod refusal;
mod request;
mod run;
mod scenario;
mod sender;
mod table;
mod template;
mod variables;

pub use self::chance::Chance;
pub use self::cut::{Recorded, cut};
pub use self::fill::FillError;
pub use self::fresh::{Fresh, Parameters};
pub use self::inspect::{Finding, Problem, Received, inspect};
pub use self::plan::{Faults, OVERTAKEN_BY, Plan, Send, Slot, plan};
pub use self::refusal::Refusal;
pub use self::request::{Secrets, SimRequest};
pub use self::run::{End, Options, Pace, Report, Summary, rehearse, run};
pub use self::scenario::{Expect, RehearseError, Scenario, ScenarioError, Shot, Step, builtins};
pub use self::sender::{Answered, NewSenderError, NoAnswerError, SimSender};
pub use self::template::{Origin, Template};
pub use self::variables::{Make, Source, VARIABLES, Variable};

#[cfg(test)]
mod tests;
