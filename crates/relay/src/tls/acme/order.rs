//! One order, from the request to the issued chain.

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier,
    NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};

use super::challenges::Challenges;
use super::pace::ChallengeKind;
use crate::limits::ORDER_TIMEOUT;
use crate::tls::settings::Domain;

/// Characters of an authority's message, at most.
const DETAIL_CHARS: usize = 500;

/// An order to place.
pub(super) struct Wanted<'a> {
    pub(super) domains: &'a [Domain],
    pub(super) kind: ChallengeKind,
    /// The certificate that it replaces, if the authority should know.
    pub(super) replaces: Option<CertificateIdentifier<'a>>,
}

/// Places the order, answers the challenges, and returns the order once all its names are validated.
pub(super) async fn place(
    account: &Account,
    wanted: Wanted<'_>,
    challenges: &Challenges,
) -> Result<Order, OrderError> {
    let names: Vec<Identifier> = wanted
        .domains
        .iter()
        .map(|domain| Identifier::Dns(domain.to_string()))
        .collect();
    let new = NewOrder::new(&names);
    let new = match wanted.replaces {
        Some(replaced) => new.replaces(replaced),
        None => new,
    };
    let mut order = account.new_order(&new).await.map_err(refused)?;
    answer(&mut order, wanted.kind, challenges).await?;
    if order.state().status == OrderStatus::Ready {
        return Ok(order);
    }
    let polled = order.poll_ready(&patience()).await;
    match (order.state().status, polled) {
        (OrderStatus::Ready, _) => Ok(order),
        // Some authorities give the reason in the order, some only in the authorization.
        (OrderStatus::Invalid, _) | (_, Ok(_)) => Err(reason(&mut order, wanted.kind).await),
        (_, Err(error)) => Err(refused(error)),
    }
}

/// Requests the certificate of an order that [`place`] returned, and returns its new key and its chain as PEM.
pub(super) async fn finalize(mut order: Order) -> Result<String, OrderError> {
    let key = order.finalize().await.map_err(refused)?;
    let chain = order.poll_certificate(&patience()).await.map_err(refused)?;
    Ok(key + &chain)
}

/// Prepares the answer to each challenge before announcing it: the authority may connect at once.
async fn answer(
    order: &mut Order,
    kind: ChallengeKind,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(refused)?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            // Validated for an earlier order.
            AuthorizationStatus::Valid => continue,
            status => {
                return Err(OrderError::Invalid {
                    kind,
                    detail: format!("the authorization is {status:?} from the start"),
                });
            }
        }
        let wanted = match kind {
            ChallengeKind::TlsAlpn => ChallengeType::TlsAlpn01,
            ChallengeKind::Http => ChallengeType::Http01,
        };
        let Some(mut challenge) = authorization.challenge(wanted) else {
            return Err(OrderError::NotOffered { kind });
        };
        let proof = challenge.key_authorization();
        match kind {
            ChallengeKind::TlsAlpn => {
                let name = challenge.identifier().to_string();
                challenges.answer_tls(name, proof.digest().as_ref())?;
            }
            ChallengeKind::Http => {
                challenges.answer_http(challenge.token.clone(), proof.as_str().to_owned())
            }
        }
        challenge.set_ready().await.map_err(refused)?;
    }
    Ok(())
}

fn patience() -> RetryPolicy {
    RetryPolicy::new().backoff(1.5).timeout(ORDER_TIMEOUT)
}

/// Finds the authority's reason for the failed challenge.
async fn reason(order: &mut Order, kind: ChallengeKind) -> OrderError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = readable(&authorization.identifier().to_string());
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let mut errors = state.challenges.iter().filter_map(|one| one.error.as_ref());
        if let Some(error) = errors.next() {
            let detail = format!("{name}: {}", said(error));
            return OrderError::Invalid { kind, detail };
        }
    }
    let detail = match &order.state().error {
        Some(error) => said(error),
        None => "no reason is given".to_owned(),
    };
    OrderError::Invalid { kind, detail }
}

fn said(problem: &Problem) -> String {
    readable(problem.detail.as_deref().unwrap_or("no reason is given"))
}

/// Escapes and shortens an authority's text for logs and terminals.
fn readable(text: &str) -> String {
    ringtail_text::one_line(text, DETAIL_CHARS)
}

/// Classifies an error by what the relay does next.
pub(super) fn refused(error: Error) -> OrderError {
    let Error::Api(problem) = error else {
        return OrderError::NoAnswer(readable(&ringtail_text::chain(&error)));
    };
    let kind = problem.r#type.as_deref().unwrap_or_default();
    match kind.strip_prefix("urn:ietf:params:acme:error:") {
        Some("rateLimited") => OrderError::RateLimited(said(&problem)),
        Some("accountDoesNotExist") => OrderError::UnknownAccount,
        _ => OrderError::Refused(format!("{} ({})", said(&problem), readable(kind))),
    }
}

/// Why an order failed. The authority's texts are escaped and shortened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum OrderError {
    /// The authority cannot be reached, or does not speak ACME.
    #[error("the authority did not answer: {0}")]
    NoAnswer(String),
    /// It refused.
    #[error("the authority refused: {0}")]
    Refused(String),
    /// Too many orders.
    #[error("the authority's rate limit is reached: {0}")]
    RateLimited(String),
    /// It no longer knows the account.
    #[error("the authority no longer knows the account; the next attempt creates another")]
    UnknownAccount,
    /// It does not offer this challenge.
    #[error("the authority does not offer {}", kind.name())]
    NotOffered {
        /// The challenge.
        kind: ChallengeKind,
    },
    /// The validation failed.
    #[error("{} failed: {detail}", kind.name())]
    Invalid {
        /// The challenge.
        kind: ChallengeKind,
        /// The authority's reason.
        detail: String,
    },
    /// The challenge's certificate could not be created.
    #[error("the challenge could not be answered")]
    Challenge(#[from] rcgen::Error),
}

impl OrderError {
    /// Returns whether another kind of challenge may succeed.
    pub(super) fn concerns_challenge(&self) -> bool {
        matches!(self, Self::NotOffered { .. } | Self::Invalid { .. })
    }
}
