//! What renews certificates while a relay runs.

use std::sync::Arc;

use super::clock::Clock;
use super::resolver::Certificates;
use super::state::StateSender;

/// What every keeper needs.
#[derive(Debug)]
pub(super) struct KeeperContext {
    pub(super) certificates: Arc<Certificates>,
    pub(super) state: StateSender,
    pub(super) clock: Clock,
}
