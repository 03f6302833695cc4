//! The proxy on the way to the internet, as the environment names it, and connections through it.
//!
//! It is for HTTPS to other machines: the relay, a checked address, RingCentral. The hop to the app never uses it.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use ringtail_errors::{Code, Coded, codes};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::localhost::{Resolver, is_localhost};

/// Variables that name the proxy, the first that is set.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Variables that name the hosts that are called directly.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The environment's proxy, and where it is not used.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    proxy: Option<Arc<Proxy>>,
    exceptions: Vec<Exception>,
}

/// A proxy.
pub struct Proxy {
    variable: &'static str,
    /// As written, with its password.
    value: String,
    url: Uri,
    is_socks: bool,
}

/// Hosts that are called directly.
#[derive(Debug, Clone)]
struct Exception {
    hosts: String,
    port: Option<u16>,
}

impl Proxies {
    /// Reads the environment.
    ///
    /// # Errors
    /// When the proxy's URL cannot be used.
    pub fn from_env() -> Result<Self, ProxyUrlError> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Reads variables. An empty one counts as unset.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyUrlError> {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((*name, value))
            })
        };
        let proxy = first(&VARIABLES).map(|(name, value)| Proxy::parse(name, value));
        let exceptions = first(&EXCEPTIONS).map(|(_, list)| list).unwrap_or_default();
        let entries = exceptions.split([',', ' ', '\t']);
        Ok(Self {
            proxy: proxy.transpose()?.map(Arc::new),
            exceptions: entries
                .filter(|it| !it.is_empty())
                .map(Exception::parse)
                .collect(),
        })
    }

    /// Returns the proxy for a URL. Plain HTTP and this machine have none.
    #[must_use]
    pub fn proxy(&self, url: &Uri) -> Option<Arc<Proxy>> {
        let proxy = self.proxy.as_ref()?;
        let host = url.host()?.trim_end_matches('.');
        if url.scheme_str() != Some("https") || is_loopback(host) {
            return None;
        }
        let port = url.port_u16().unwrap_or(443);
        let hosts: Vec<&str> = (self.exceptions.iter())
            .filter(|exception| exception.port.is_none_or(|only| only == port))
            .map(|exception| exception.hosts.as_str())
            .collect();
        let url = format!("https://{host}").parse().ok()?;
        proxy
            .matches(&url, &hosts.join(","))
            .map(|_| Arc::clone(proxy))
    }
}

/// Returns whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => is_localhost(host),
    }
}

impl Exception {
    fn parse(entry: &str) -> Self {
        let (hosts, port) = match entry.rsplit_once(':') {
            Some((hosts, port)) if !hosts.contains(':') || hosts.ends_with(']') => {
                (hosts, port.parse().ok())
            }
            _ => (entry, None),
        };
        let hosts = hosts.trim_matches(['[', ']']).trim_end_matches('.');
        // `*.example.com` is how some write `.example.com`.
        let hosts = hosts
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(hosts);
        Self {
            hosts: hosts.to_owned(),
            port,
        }
    }
}

impl Proxy {
    fn parse(variable: &'static str, value: String) -> Result<Self, ProxyUrlError> {
        let wrong = || ProxyUrlError::NotAUrl { variable };
        let scheme = value.split_once("://").map_or("http", |(scheme, _)| scheme);
        let scheme = scheme.to_ascii_lowercase();
        let (is_socks, port) = match scheme.as_str() {
            "http" => (false, 80),
            "socks5" | "socks5h" => (true, 1080),
            _ => return Err(ProxyUrlError::Scheme { variable, scheme }),
        };
        let mut proxy = Self {
            variable,
            value,
            url: Uri::default(),
            is_socks,
        };
        let any = Uri::from_static("https://relay.example");
        let found = proxy.matches(&any, "").ok_or_else(wrong)?;
        let authority = found.uri().authority().ok_or_else(wrong)?;
        // The port is not a number.
        let has_port = authority.port_u16().is_some();
        if !has_port && authority.as_str() != authority.host() {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or(port);
        let url = format!("http://{}:{port}/", authority.host());
        proxy.url = url.parse().map_err(|_| wrong())?;
        Ok(proxy)
    }

    fn matches(&self, url: &Uri, exceptions: &str) -> Option<Intercept> {
        let matcher = Matcher::builder().https(&self.value).no(exceptions).build();
        matcher.intercept(url)
    }

    /// Returns its credentials.
    fn login(&self) -> Option<Intercept> {
        self.matches(&Uri::from_static("https://relay.example"), "")
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_socks { "socks5" } else { "http" };
        let place = self.url.authority().map_or("", |it| it.as_str());
        write!(f, "the proxy {scheme}://{place} ({})", self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Connects by TCP, through the environment's proxy if it applies.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Tries the addresses of both families as RFC 8305 says.
    tcp: HttpConnector<Resolver>,
    proxies: Proxies,
}

impl Connector {
    /// Creates a connector.
    #[must_use]
    pub fn new(proxies: Proxies) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, proxies }
    }

    /// Limits the time of connecting by TCP. It is divided among the addresses of a name, so that one that drops packets
    /// leaves time for the next.
    #[must_use]
    pub fn with_timeout(mut self, limit: std::time::Duration) -> Self {
        self.tcp.set_connect_timeout(Some(limit));
        self
    }

    /// Connects to a URL's host.
    ///
    /// # Errors
    /// When neither the host nor the proxy can be reached, or the proxy refuses.
    pub async fn connect(&self, url: Uri) -> Result<TcpStream, ConnectError> {
        match self.proxies.proxy(&url) {
            None => Ok(tcp(self.tcp.clone(), url)
                .await
                .map_err(ConnectError::Direct)?),
            Some(proxy) => through(&proxy, self.tcp.clone(), url)
                .await
                .map_err(|reason| ConnectError::Proxy(ProxyError { proxy, reason })),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(url).await.map(TokioIo::new) })
    }
}

async fn tcp(mut tcp: HttpConnector<Resolver>, url: Uri) -> Result<TcpStream, BoxedError> {
    poll_fn(|cx| tcp.poll_ready(cx)).await?;
    Ok(tcp.call(url).await?.into_inner())
}

async fn through(
    proxy: &Proxy,
    connector: HttpConnector<Resolver>,
    url: Uri,
) -> Result<TcpStream, Reason> {
    if proxy.is_socks {
        // The proxy looks the name up: this machine's name server may not know it.
        let mut socks = SocksV5::new(proxy.url.clone(), connector);
        if let Some((user, password)) = proxy.login().as_ref().and_then(Intercept::raw_auth) {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        let stream = socks.call(url).await;
        return Ok(stream
            .map_err(|error| Reason::Socks(error.into()))?
            .into_inner());
    }
    let stream = tcp(connector, proxy.url.clone())
        .await
        .map_err(Reason::Unreachable)?;
    let host = url.host().unwrap_or_default();
    let to = format!("{host}:{}", url.port_u16().unwrap_or(443));
    let mut request = Request::connect(&to).header(header::HOST, &to);
    if let Some(login) = proxy.login().as_ref().and_then(Intercept::basic_auth) {
        request = request.header(header::PROXY_AUTHORIZATION, login);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| Reason::Broke(error.into()))?;
    let broke = |error: hyper::Error| Reason::Broke(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broke)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(broke)?;
        match answer.status() {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(Reason::WantsLogin),
            status if status.is_success() => hyper::upgrade::on(answer).await.map_err(broke),
            status => Err(Reason::Refused { status }),
        }
    };
    let connection = connection.with_upgrades();
    tokio::pin!(answer, connection);
    let upgraded = tokio::select! {
        biased;
        answer = &mut answer => answer?,
        ended = &mut connection => match ended {
            Ok(()) => answer.await?,
            Err(error) => return Err(broke(error)),
        },
    };
    plain(upgraded)
}

/// Returns the connection to the proxy's other side, on which the caller speaks first.
fn plain(upgraded: Upgraded) -> Result<TcpStream, Reason> {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io.into_inner()),
        _ => {
            let early = io::Error::new(io::ErrorKind::InvalidData, "it sent bytes of its own");
            Err(Reason::Broke(early.into()))
        }
    }
}

type BoxedError = Box<dyn Error + Send + Sync>;

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host cannot be reached.
    #[error("cannot connect")]
    Direct(#[source] BoxedError),
    /// The proxy cannot be reached, or refuses.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// Why a proxy gave no connection.
#[derive(Debug, thiserror::Error)]
#[error("{proxy} {reason}")]
pub struct ProxyError {
    proxy: Arc<Proxy>,
    #[source]
    reason: Reason,
}

/// What a proxy did.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("cannot be reached")]
    Unreachable(#[source] BoxedError),
    #[error("wants a user name and password, or refuses those it got (407)")]
    WantsLogin,
    #[error("refused to connect: {status}")]
    Refused { status: StatusCode },
    #[error("gave no connection")]
    Broke(#[source] BoxedError),
    #[error("gave no connection")]
    Socks(#[source] BoxedError),
}

impl Coded for ProxyError {
    fn code(&self) -> &'static Code {
        &codes::PROXY
    }
}

/// Why the environment's proxy cannot be used. Its value may hold a password and is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It is no URL.
    #[error("{variable} is not the URL of a proxy")]
    NotAUrl {
        /// The variable.
        variable: &'static str,
    },
    /// This kind of proxy is not supported.
    #[error("{variable} names a proxy that speaks {scheme}, which Ringtail does not")]
    Scheme {
        /// The variable.
        variable: &'static str,
        /// The scheme.
        scheme: String,
    },
}

impl Coded for ProxyUrlError {
    fn code(&self) -> &'static Code {
        &codes::PROXY_URL
    }
}

#[cfg(test)]
mod tests;
