//! What calls of the API need.

use std::sync::Arc;

use super::auth::Authenticator;
use crate::hosts::Hosts;
use crate::links::context::LinkContext;
use crate::memory::MemoryBudget;

/// What calls of the API need.
#[derive(Debug)]
pub(crate) struct ApiContext {
    pub(crate) auth: Authenticator,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) links: LinkContext,
    pub(crate) memory: Arc<MemoryBudget>,
}
