//! What calls of the API need.

use std::sync::Arc;

use super::auth::Authenticator;
use super::validations::Validations;
use crate::budget::Budget;
use crate::hosts::Hosts;
use crate::links::context::LinkContext;
use crate::net::proxies::Proxies;

/// What calls of the API need.
#[derive(Debug)]
pub(crate) struct ApiContext {
    pub(crate) auth: Authenticator,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) links: LinkContext,
    pub(crate) proxies: Arc<Proxies>,
    /// Memory for requests of accounts, and to their endpoints.
    pub(crate) memory: Budget,
    /// Memory for all other requests.
    pub(crate) stray_memory: Budget,
    /// Places for links.
    pub(crate) link_places: Budget,
    pub(crate) validations: Validations,
}
