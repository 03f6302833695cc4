//! Simulates RingCentral's traffic: the requests, their timing, and the judgement of the answers.
//!
//! A [`Template`] is one kind of request. A [`Scenario`] is a file of steps that use templates, with the spacing of
//! RingCentral's own captures. [`Scenario::rehearse`] builds the requests with new ids and times, [`plan()`] decides
//! when each is sent and simulates faults, and [`cut()`] writes recorded events as a scenario. The same seed and start
//! time give the same bytes.
//!
//! [`run()`] sends a scenario to an address and judges the answers. It sends one request at a time, in the order of the
//! plan, each on a new connection and only once unless the plan duplicates it. A slow answer delays what follows;
//! reordering is left to [`plan()`], so that the same seed gives the same order. Only [`run()`] uses the network and the
//! clock.

mod cut;
mod fill;
mod generator;
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

pub use self::cut::{TooLong, cut};
pub use self::fill::FillError;
pub use self::generator::Parameters;
pub use self::inspect::{Finding, Problem, Received};
pub use self::plan::{Faults, Plan, Send, Slot, plan};
pub use self::refusal::Refusal;
pub use self::request::SimRequest;
pub use self::run::{End, Options, Pace, Report, Summary, rehearse, run};
pub use self::scenario::{Expect, RehearseError, Scenario, ScenarioError, Shot, builtins};
pub use self::sender::{Answered, NewSenderError, NoAnswerError, SimSender};
pub use self::template::{Origin, Template};
pub use self::variables::{IdFormat, Source, VARIABLES, Variable};

#[cfg(test)]
mod tests;
