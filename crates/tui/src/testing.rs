//! Histories of real states, and two ways to put them on a screen: step by step, or through the real loop.

mod book;
mod draft;
mod screen;
mod stage;

pub(crate) use self::book::{Book, NOW};
pub(crate) use self::draft::Draft;
pub(crate) use self::screen::Screen;
pub(crate) use self::stage::{Stage, keys};
