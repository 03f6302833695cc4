//! The relay's own paths, below [`ringtail_protocol::path::RESERVED`].

mod denied;

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use ringtail_protocol::name::Name;
use ringtail_protocol::path::{self, EndpointInfo, code};
use serde::Deserialize;

pub(crate) use self::denied::Denied;
use crate::accounts::{EndpointError, VerifyTokenHash};
use crate::answer::{self, Answer};
use crate::limits::API_BODY_BYTES;
use crate::links::attach;
use crate::metrics::Limit;
use crate::proxies::Caller;
use crate::relay::Relay;

/// Says that the relay is up, to whoever asks.
const HEALTH: &str = "/_ringtail/health";

/// Says whether a path is the relay's own.
pub(crate) fn is_reserved(path: &str) -> bool {
    path.starts_with(path::RESERVED)
}

/// Answers a request to one of the relay's own paths.
pub(crate) async fn answer(
    relay: &Arc<Relay>,
    caller: Caller,
    request: Request<Incoming>,
) -> Answer {
    let answered = match (request.uri().path(), request.method()) {
        (HEALTH, &Method::GET | &Method::HEAD) => Ok(answer::text(StatusCode::OK, "ok\n")),
        (path::LINK, _) => attach::attach(relay, caller, request).await,
        (path::ENDPOINTS, &Method::POST) => endpoints(relay, caller, request).await,
        (HEALTH | path::ENDPOINTS, _) => Err(Denied::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::BAD_REQUEST,
            "this path does not take that method",
        )),
        _ => Err(Denied::no_path()),
    };
    answered.unwrap_or_else(Denied::into_answer)
}

#[derive(Deserialize)]
struct Wish {
    name: String,
    /// Verify token of the RingCX Digital webhook: answers its challenges at the edge. Empty to forget it; without,
    /// it stays as it is.
    #[serde(default)]
    digital_verify_token: Option<String>,
}

impl Wish {
    fn verify_token(&self) -> Result<Option<Option<VerifyTokenHash>>, Denied> {
        match self.digital_verify_token.as_deref() {
            None => Ok(None),
            Some("") => Ok(Some(None)),
            Some(token) => VerifyTokenHash::of(token)
                .map(|hash| Some(Some(hash)))
                .ok_or_else(|| Denied::bad_request("digital_verify_token is too long")),
        }
    }
}

/// Makes an endpoint or finds it.
async fn endpoints(
    relay: &Relay,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Answer, Denied> {
    let (head, body) = request.into_parts();
    let _share = relay.stray_memory.request(None, &head).ok_or_else(|| {
        relay.metrics.limits.hit(Limit::StrayBytes);
        Denied::unavailable()
    })?;
    // The body first: an answer before its end is lost on callers that do not read while they write.
    let body = tokio::time::timeout(
        relay.limits.body_timeout,
        Limited::new(body, API_BODY_BYTES).collect(),
    )
    .await;
    let account = relay.authenticate(caller, &head.headers).await?;
    let body = body
        .map_err(|_elapsed| Denied::bad_request("the body took too long"))?
        .map_err(|_| Denied::bad_request("the body broke off or is too long"))?
        .to_bytes();
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|_| Denied::bad_request("the body must be JSON: {\"name\": …}"))?;
    let verify_token = wish.verify_token()?;
    let name = Name::parse(&wish.name)
        .map_err(|error| Denied::new(StatusCode::BAD_REQUEST, code::BAD_NAME, error.to_string()))?;
    let endpoint = relay
        .accounts
        .endpoint(account, name, verify_token)
        .await
        .map_err(|error| match error {
            EndpointError::TooMany => {
                relay.metrics.limits.hit(Limit::EndpointsPerAccount);
                Denied::new(
                    StatusCode::BAD_REQUEST,
                    code::BAD_REQUEST,
                    error.to_string(),
                )
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "no endpoint made");
                Denied::unavailable()
            }
        })?;
    let info = EndpointInfo {
        endpoint: endpoint.id.clone(),
        url: relay.hosts.url_of(&endpoint.id),
        journal: relay.journal.id().to_owned(),
    };
    let json = serde_json::to_vec(&info).map_err(|_| Denied::unavailable())?;
    Ok(answer::with_body(StatusCode::OK, "application/json", json))
}
