//! Calls to the relay that are not the link: so far, getting an endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::{ENDPOINTS, EndpointInfo, code};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Account;
use crate::link::dial::{DialError, dial};
use crate::link::refusal::{MAX_ANSWER_BYTES, Refusal};

/// How long a call may take once the connection stands.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest id of an endpoint or a journal, in bytes.
const MAX_ID_BYTES: usize = 200;

/// The API of one relay, as one account sees it.
#[derive(Debug, Clone)]
pub struct RelayApi {
    account: Account,
}

impl RelayApi {
    /// Makes the API of an account. Nothing is called yet.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self { account }
    }

    /// Gets the account's endpoint of this name, which the relay makes when it is not there. With a verify token of
    /// RingCX Digital the relay answers challenges that carry it, with an empty one none any more; without, it goes on as
    /// it did.
    ///
    /// # Errors
    /// When the relay cannot be reached or refuses; [`ApiError::is_final`] tells whether to ask again.
    pub async fn endpoint(
        &self,
        name: &str,
        digital_verify_token: Option<&SecretString>,
    ) -> Result<EndpointInfo, ApiError> {
        let mut body = serde_json::json!({ "name": name });
        if let Some(token) = digital_verify_token {
            body["digital_verify_token"] = token.expose_secret().into();
        }
        let body = body.to_string();
        let (status, answer) = self.call(Method::POST, ENDPOINTS, body).await?;
        let wrong = || ApiError::NotARelay { status };
        let info: EndpointInfo = serde_json::from_slice(&answer).map_err(|_| wrong())?;
        let is_url =
            info.url.starts_with("https://") && info.url.bytes().all(|b| b.is_ascii_graphic());
        if is_id(&info.endpoint) && is_id(&info.journal) && is_url {
            Ok(info)
        } else {
            Err(wrong())
        }
    }

    /// Checks that the relay is one and takes the token, and changes nothing there.
    ///
    /// # Errors
    /// When the relay cannot be reached or does not take the token.
    pub async fn verify(&self) -> Result<(), ApiError> {
        // An empty name is nobody's: the relay knows the token before it looks at the name.
        match self.endpoint("", None).await {
            Err(ApiError::Refused(refusal)) if refusal.code == code::BAD_NAME => Ok(()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &'static str,
        body: String,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let stream = dial(&self.account.relay, &self.account.trust).await?;
        let call = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(header::HOST, self.account.relay.authority())
                .header(header::AUTHORIZATION, bearer(&self.account))
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::USER_AGENT, USER_AGENT)
                .body(Full::new(Bytes::from(body)))
                .expect("the parts are valid by their types");
            let answer = async {
                let response = sender.send_request(request).await?;
                let status = response.status();
                if !status.is_success() {
                    let refusal = Refusal::read(status, response.into_body()).await;
                    return Err(ApiError::Refused(refusal));
                }
                let whole = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                    .collect()
                    .await
                    .map_err(|_| ApiError::NotARelay { status })?;
                Ok((status, whole.to_bytes()))
            };
            // The connection does the reading and writing; it ends when the answer is here and dropped.
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
}

/// Ids go into queries, file names and terminals as they are.
fn is_id(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(unreserved)
}

/// What the client calls itself.
pub(crate) const USER_AGENT: &str = concat!("ringtail/", env!("CARGO_PKG_VERSION"));

/// Returns the header that carries the token, marked so that nothing prints it.
pub(crate) fn bearer(account: &Account) -> HeaderValue {
    let text = format!("Bearer {}", account.token.expose_secret());
    // A token with a line break in it was refused when the configuration was read.
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
    /// No answer in time.
    #[error("the relay did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// The relay said no.
    #[error(transparent)]
    Refused(Refusal),
    /// The answer makes no sense.
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

impl ApiError {
    /// Says whether asking again can never help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_final())
    }
}
