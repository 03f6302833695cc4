//! `POST` [`path::ENDPOINTS`](ringtail_protocol::path::ENDPOINTS): finds or creates an endpoint of the caller's account.

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use ringtail_protocol::name::Name;
use ringtail_protocol::path::{EndpointAnswer, EndpointInfo, code};
use serde::Deserialize;

use super::ApiContext;
use super::denied::Denied;
use crate::accounts::{AccountsError, VerifyTokenHash};
use crate::budget::{Owner, request_bytes};
use crate::limits::API_BODY_BYTES;
use crate::metrics::Limit;
use crate::net::proxies::Caller;
use crate::response::{self, RelayResponse};

#[derive(Deserialize)]
struct EndpointRequest {
    name: String,
    /// Whether to create the endpoint if it does not exist.
    #[serde(default = "yes")]
    create: bool,
    /// Verify token of a RingCX Digital webhook, for its challenges. Empty removes it; absent leaves it unchanged.
    #[serde(default)]
    digital_verify_token: Option<String>,
}

fn yes() -> bool {
    true
}

impl EndpointRequest {
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

pub(super) async fn find_or_create(
    api: &ApiContext,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<RelayResponse, Denied> {
    let limits = &api.links.metrics.limits;
    let (head, body) = request.into_parts();
    let caller = api.proxies.owner(caller);
    let account = api.auth.authenticate(caller, &head.headers).await;
    let (memory, limit, payer) = match &account {
        Ok(account) => (
            &api.memory,
            Limit::BufferedBytes,
            Some(Owner::Account(account.key)),
        ),
        Err(_) => (&api.stray_memory, Limit::StrayBytes, None),
    };
    let Some(_share) = memory.take(payer.into_iter().chain(caller), request_bytes(&head)) else {
        limits.hit(limit);
        return Err(Denied::unavailable());
    };
    // Read even if it is refused: callers that write it whole before they read would miss an earlier response.
    let body = tokio::time::timeout(
        api.links.limits.body_timeout,
        Limited::new(body, API_BODY_BYTES).collect(),
    )
    .await;
    let account = account?;
    let body = body
        .map_err(|_elapsed| Denied::bad_request("the body took too long"))?
        .map_err(|_| Denied::bad_request("the body broke off or is too long"))?
        .to_bytes();
    let request: EndpointRequest = serde_json::from_slice(&body)
        .map_err(|_| Denied::bad_request("the body must be JSON: {\"name\": …}"))?;
    let verify_token = request.verify_token()?;
    let name = Name::parse(&request.name)
        .map_err(|error| Denied::new(StatusCode::BAD_REQUEST, code::BAD_NAME, error.to_string()))?;
    let accounts = &api.links.accounts;
    let found = match request.create {
        true => accounts.endpoint(account, name, verify_token).await,
        false => match accounts.find_endpoint(account, name).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => return Err(Denied::no_endpoint()),
            Err(error) => Err(error),
        },
    };
    let endpoint = found.map_err(|error| match error {
        AccountsError::TooManyEndpoints => {
            limits.hit(Limit::EndpointsPerAccount);
            Denied::new(
                StatusCode::BAD_REQUEST,
                code::BAD_REQUEST,
                error.to_string(),
            )
        }
        error => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "could not find or create an endpoint");
            Denied::unavailable()
        }
    })?;
    let info = EndpointInfo {
        endpoint: endpoint.id.clone(),
        url: api.hosts.url_of(&endpoint.id),
        journal: api.links.journal.id().to_owned(),
    };
    let answer = EndpointAnswer {
        info,
        last_validation: api.validations.last(endpoint.key),
        has_other_relays: accounts.has_other_relays(),
    };
    let json = serde_json::to_vec(&answer).map_err(|_| Denied::unavailable())?;
    Ok(response::with_body(
        StatusCode::OK,
        "application/json",
        json,
    ))
}
