//! The relay's HTTP API.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::{ENDPOINTS, EndpointAnswer, EndpointInfo, HEALTH, code};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Account, RelayUrl};
use crate::link::dial::{DialError, dial};
use crate::link::refusal::{MAX_ANSWER_BYTES, Refusal};

/// Timeout of a call, or of the WebSocket handshake, after the connection is established.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum bytes of an endpoint's or journal's id.
const MAX_ID_BYTES: usize = 200;

/// The API of one relay for one account.
#[derive(Debug, Clone)]
pub struct RelayApi {
    account: Account,
}

impl RelayApi {
    /// Creates the API; makes no call.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self { account }
    }

    /// Gets the account's endpoint of this name, which the relay creates if needed. A RingCX Digital verify token makes
    /// the relay answer challenges that carry it, an empty one stops that, and `None` changes nothing.
    ///
    /// # Errors
    /// When the relay cannot be reached or refuses.
    pub async fn endpoint(
        &self,
        name: &str,
        digital_verify_token: Option<&SecretString>,
    ) -> Result<EndpointInfo, ApiError> {
        let mut body = serde_json::json!({ "name": name });
        if let Some(token) = digital_verify_token {
            body["digital_verify_token"] = token.expose_secret().into();
        }
        Ok(self.ask(body.to_string()).await?.info)
    }

    /// Gets the account's endpoint of this name, with what the relay saw of it; `None` if there is none.
    ///
    /// # Errors
    /// When the relay cannot be reached or refuses.
    pub async fn find(&self, name: &str) -> Result<Option<EndpointAnswer>, ApiError> {
        let body = serde_json::json!({ "name": name, "create": false });
        match self.ask(body.to_string()).await {
            Ok(found) => Ok(Some(found)),
            Err(ApiError::Refused(refusal)) if refusal.code == code::NO_ENDPOINT => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, body: String) -> Result<EndpointAnswer, ApiError> {
        let answer = self.call(Method::POST, ENDPOINTS, body).await?;
        let status = answer.status();
        let wrong = || ApiError::NotARelay { status };
        let answer: EndpointAnswer = serde_json::from_slice(answer.body()).map_err(|_| wrong())?;
        let info = &answer.info;
        // It is printed in commands to be pasted into a shell.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b":/.-_~%[]".contains(&b);
        let is_url = info.url.starts_with("https://") && info.url.bytes().all(is_plain);
        if is_id(&info.endpoint) && is_id(&info.journal) && is_url {
            Ok(answer)
        } else {
            Err(wrong())
        }
    }

    /// Checks that the server is a relay and accepts the token; changes nothing.
    ///
    /// # Errors
    /// When the relay cannot be reached or rejects the token.
    pub async fn verify(&self) -> Result<(), ApiError> {
        // The relay checks the token first and then rejects the empty name.
        match self.endpoint("", None).await {
            Err(ApiError::Refused(refusal)) if refusal.code == code::BAD_NAME => Ok(()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the relay for its time; `None` if its answer has none.
    ///
    /// # Errors
    /// When the relay cannot be reached.
    pub async fn time(&self) -> Result<Option<jiff::Timestamp>, ApiError> {
        let answer = self.call(Method::GET, HEALTH, String::new()).await?;
        let date = answer.headers().get(header::DATE);
        let date = date.and_then(|date| date.to_str().ok());
        let time = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok(time.map(|time| time.timestamp()))
    }

    async fn call(
        &self,
        method: Method,
        path: &'static str,
        body: String,
    ) -> Result<Response<Bytes>, ApiError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.account.relay.authority())
            .header(header::AUTHORIZATION, bearer(&self.account))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(Bytes::from(body)))
            .expect("the parts are valid by their types");
        round_trip(&self.account.relay, &self.account, request).await
    }
}

/// Sends one request to a relay over a new connection, and reads a response of success.
pub(crate) async fn round_trip(
    relay: &RelayUrl,
    account: &Account,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, ApiError> {
    let stream = dial(relay, account).await?;
    let call = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            if !status.is_success() {
                let refusal = Refusal::read(status, response.into_body()).await;
                return Err(ApiError::Refused(refusal));
            }
            let (head, body) = response.into_parts();
            let whole = Limited::new(body, MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|_| ApiError::NotARelay { status })?;
            Ok(Response::from_parts(head, whole.to_bytes()))
        };
        // The connection task does the I/O; it ends after the response.
        tokio::pin!(answer, connection);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            ended = &mut connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(error.into()),
            },
        }
    };
    tokio::time::timeout(CALL_TIMEOUT, call)
        .await
        .unwrap_or(Err(ApiError::Timeout))
}

/// Ids are used unescaped in queries, file names and terminals.
fn is_id(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(unreserved)
}

/// The client's `User-Agent`.
pub(crate) const USER_AGENT: &str = concat!("ringtail/", env!("CARGO_PKG_VERSION"));

/// Returns the `Authorization` header, marked as sensitive.
pub(crate) fn bearer(account: &Account) -> HeaderValue {
    let text = format!("Bearer {}", account.token.expose_secret());
    // The configuration accepts only tokens that are valid header values.
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

/// Why a call to the relay failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke.
    #[error("the connection to the relay broke")]
    Http(#[from] hyper::Error),
    /// A timeout.
    #[error("the relay did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// The relay said no.
    #[error(transparent)]
    Refused(Refusal),
    /// The response is not a relay's.
    #[error("the answer ({status}) is not a ringtail relay's: is the URL right?")]
    NotARelay {
        /// Status of the answer.
        status: StatusCode,
    },
}

impl Coded for ApiError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Dial(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::NotARelay { .. } => &codes::NOT_A_RELAY,
            Self::Http(_) | Self::Timeout => &codes::RELAY_BROKE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Dial(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}
