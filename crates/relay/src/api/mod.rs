//! The relay's own paths, below [`ringtail_protocol::path::RESERVED`].

mod auth;
mod context;
mod denied;
mod endpoints;
mod failed_logins;
mod link;
mod validations;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use ringtail_protocol::path::{self, code};

pub(crate) use self::auth::Authenticator;
pub(crate) use self::context::ApiContext;
use self::denied::Denied;
pub(crate) use self::validations::Validations;
use crate::net::proxies::Caller;
use crate::response::{self, RelayResponse};

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
