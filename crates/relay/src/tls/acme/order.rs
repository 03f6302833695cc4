//! One order, from the account's request to the chain that is issued for it.

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier,
    NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};

use super::challenges::Challenges;
use super::pace::Kind;
use crate::config::Domain;
use crate::limits::ORDER_TIMEOUT;
use crate::tls::state::message;

/// Longest text of an authority that is repeated.
const DETAIL_CHARS: usize = 500;

/// An order to place.
pub(super) struct Wanted<'a> {
    pub(super) domains: &'a [Domain],
    pub(super) kind: Kind,
    /// The certificate that it replaces, where the authority wants to know.
    pub(super) replaces: Option<CertificateIdentifier<'a>>,
}

/// An order whose names are all proven.
pub(super) struct Ready(Order);

/// Places the order, and answers the challenges.
pub(super) async fn place(
    account: &Account,
    wanted: Wanted<'_>,
    challenges: &Challenges,
) -> Result<Ready, OrderError> {
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
        return Ok(Ready(order));
    }
    let polled = order.poll_ready(&patience()).await;
    match (order.state().status, polled) {
        (OrderStatus::Ready, _) => Ok(Ready(order)),
        // Some authorities say why in the order, some in the authorization alone.
        (OrderStatus::Invalid, _) | (_, Ok(_)) => Err(reason(&mut order, wanted.kind).await),
        (_, Err(error)) => Err(refused(error)),
    }
}

impl Ready {
    /// Asks for the certificate, and returns its new key and its chain, as PEM.
    pub(super) async fn finalize(self) -> Result<String, OrderError> {
        let mut order = self.0;
        let key = order.finalize().await.map_err(refused)?;
        let chain = order.poll_certificate(&patience()).await.map_err(refused)?;
        Ok(key + &chain)
    }
}

/// Makes the answers to all challenges first, and then says so: the authority may come at once.
async fn answer(order: &mut Order, kind: Kind, challenges: &Challenges) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(refused)?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            // Proven for an order before this one.
            AuthorizationStatus::Valid => continue,
            status => {
                return Err(OrderError::Invalid {
                    kind,
                    detail: format!("the authorization is {status:?} from the start"),
                });
            }
        }
        let wanted = match kind {
            Kind::TlsAlpn => ChallengeType::TlsAlpn01,
            Kind::Http => ChallengeType::Http01,
        };
        let Some(mut challenge) = authorization.challenge(wanted) else {
            return Err(OrderError::NotOffered { kind });
        };
        let proof = challenge.key_authorization();
        match kind {
            Kind::TlsAlpn => {
                let name = challenge.identifier().to_string();
                challenges.answer_tls(name, proof.digest().as_ref())?;
            }
            Kind::Http => {
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

/// Finds what the authority says of the challenge that failed.
async fn reason(order: &mut Order, kind: Kind) -> OrderError {
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

/// What an authority says is a stranger's text, for logs and terminals.
fn readable(text: &str) -> String {
    let short: String = text.chars().take(DETAIL_CHARS).collect();
    short.escape_debug().to_string()
}

/// Sorts what went wrong by what the relay does about it.
pub(super) fn refused(error: Error) -> OrderError {
    let Error::Api(problem) = error else {
        return OrderError::NoAnswer(readable(&message(&error)));
    };
    let kind = problem.r#type.as_deref().unwrap_or_default();
    match kind.strip_prefix("urn:ietf:params:acme:error:") {
        Some("rateLimited") => OrderError::RateLimited(said(&problem)),
        Some("accountDoesNotExist") => OrderError::UnknownAccount,
        _ => OrderError::Refused(format!("{} ({})", said(&problem), readable(kind))),
    }
}

/// Why an order brought no certificate. Texts of the authority's are escaped and cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum OrderError {
    /// The authority cannot be reached, or does not speak ACME.
    #[error("the authority did not answer: {0}")]
    NoAnswer(String),
    /// It refuses.
    #[error("the authority refuses: {0}")]
    Refused(String),
    /// It has had too many orders.
    #[error("the authority asks for patience: {0}")]
    RateLimited(String),
    /// It does not know the account any more.
    #[error("the authority does not know the account any more; the next attempt makes another")]
    UnknownAccount,
    /// It has no such challenge.
    #[error("the authority offers no {}", kind.name())]
    NotOffered {
        /// Which.
        kind: Kind,
    },
    /// It could not convince itself.
    #[error("{} failed: {detail}", kind.name())]
    Invalid {
        /// By which challenge.
        kind: Kind,
        /// Why, in the authority's words.
        detail: String,
    },
    /// The challenge's certificate could not be made.
    #[error("the challenge could not be answered")]
    Challenge(#[from] rcgen::Error),
}

impl OrderError {
    /// Says whether another kind of challenge may do better.
    pub(super) fn concerns_challenge(&self) -> bool {
        matches!(self, Self::NotOffered { .. } | Self::Invalid { .. })
    }
}
