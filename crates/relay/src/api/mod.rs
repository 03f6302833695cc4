//! The relay's own paths, below [`ringtail_protocol::path::RESERVED`].

mod auth;
mod denied;
mod endpoints;
mod failed_logins;
mod link;
mod validations;

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use ringtail_protocol::path::{self, code};

pub(crate) use self::auth::Authenticator;
use self::denied::Denied;
pub(crate) use self::validations::Validations;
use crate::budget::Budget;
use crate::hosts::Hosts;
use crate::links::LinkContext;
use crate::net::proxies::{Caller, Proxies};
use crate::response::{self, RelayResponse};

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

/// Returns true if a path is the relay's own.
pub(crate) fn is_reserved(path: &str) -> bool {
    path.starts_with(path::RESERVED)
}

/// Answers a request to one of the relay's own paths.
pub(crate) async fn respond(
    api: &ApiContext,
    caller: Caller,
    request: Request<Incoming>,
) -> RelayResponse {
    let response = match (request.uri().path(), request.method()) {
        (path::HEALTH, &Method::GET | &Method::HEAD) => Ok(response::text(StatusCode::OK, "ok\n")),
        (path::LINK, _) => link::open(api, caller, request).await,
        (path::ENDPOINTS, &Method::POST) => endpoints::find_or_create(api, caller, request).await,
        (path::HEALTH | path::ENDPOINTS, _) => Err(Denied::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::BAD_REQUEST,
            "this path does not accept this method",
        )),
        _ => Err(Denied::no_path()),
    };
    response.unwrap_or_else(Denied::into_response)
}
