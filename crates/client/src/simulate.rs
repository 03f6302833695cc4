//! Plays RingCentral against an address: sends what a scenario says when it says so, and judges the answers.
//!
//! Requests go out one at a time, in the order of the plan, each on a connection of its own and never twice
//! unless the plan doubles it. An answer that takes long therefore puts off what follows; disorder is what
//! `ringcentral::simulate::plan` decides, so that the same seed shows an app the same.

mod refusal;
mod run;
mod sender;

pub use self::refusal::Refusal;
pub use self::run::{End, Options, Pace, Report, Summary, rehearse, run};
pub use self::sender::{Answered, NewSenderError, NoAnswerError, SimSender};

#[cfg(test)]
mod tests;
