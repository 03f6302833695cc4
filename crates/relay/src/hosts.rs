//! The hosts that the relay answers for: its own, and with `--wildcard` one for each endpoint.
//!
//! An endpoint's path is found under any host. A host below the wildcard's domain stands for its endpoint, with every
//! path.

use http::uri::Authority;
use http::{HeaderMap, Request, Version, header};

use crate::public_url::{Host, PublicUrl};
use crate::tls::Domain;

/// Bytes of the longest domain: a DNS name, less an endpoint's label and its dot.
const MAX_DOMAIN_BYTES: usize = 253 - 64;

/// Parses a domain whose labels are endpoints: `sms-x.hooks.example.com` for `hooks.example.com`.
pub(crate) fn endpoint_domain(text: &str) -> Result<Domain, EndpointDomainError> {
    if text.len() > MAX_DOMAIN_BYTES {
        return Err(EndpointDomainError::TooLong);
    }
    Domain::parse(text).map_err(|_| EndpointDomainError::NotAName)
}

/// Why a text is not a domain for endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointDomainError {
    #[error("expected a domain such as hooks.example.com, without a wildcard")]
    NotAName,
    #[error("the domain is longer than {MAX_DOMAIN_BYTES} characters")]
    TooLong,
}

/// The hosts of one relay.
#[derive(Debug)]
pub(crate) struct Hosts {
    public_url: PublicUrl,
    own: Host,
    domain: Option<Domain>,
}

impl Hosts {
    pub(crate) fn new(public_url: PublicUrl, domain: Option<Domain>) -> Self {
        Self {
            own: public_url.host(),
            public_url,
            domain,
        }
    }

    pub(crate) fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// Returns the URL of an endpoint. Every id is a DNS label.
    pub(crate) fn url_of(&self, id: &str) -> String {
        match &self.domain {
            Some(domain) => match self.public_url.port() {
                Some(port) => format!("https://{id}.{domain}:{port}"),
                None => format!("https://{id}.{domain}"),
            },
            None => format!("{}/{id}", self.public_url.as_str()),
        }
    }

    /// Returns the label below the domain that a request names, as sent; `None` if it names another host.
    pub(crate) fn label<'a, B>(&self, request: &'a Request<B>) -> Result<Option<&'a str>, BadHost> {
        let field = host_field(request.version(), request.headers())?;
        let target = request.uri().authority().map(Authority::host);
        let host = target.or(field).unwrap_or_default();
        let is_own = matches!(&self.own, Host::Name(own) if own.eq_ignore_ascii_case(host));
        let label = self
            .domain
            .as_ref()
            .and_then(|domain| domain.label_of(host));
        Ok(label.filter(|_| !is_own))
    }
}

/// A request that two recipients could take for two different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadHost;

/// Returns the host of the `Host` field, of which HTTP/1.1 has one (RFC 9112, 3.2). It may be empty.
fn host_field(version: Version, headers: &HeaderMap) -> Result<Option<&str>, BadHost> {
    let mut fields = headers.get_all(header::HOST).iter();
    let text = match (fields.next(), fields.next()) {
        (Some(field), None) => field.to_str().map_err(|_| BadHost)?,
        (None, _) if version != Version::HTTP_11 => return Ok(None),
        _ => return Err(BadHost),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let authority: Authority = text.parse().map_err(|_| BadHost)?;
    // Sliced from the text, which outlives `authority`. Behind user information, it is another text.
    let (host, port) = text
        .split_at_checked(authority.host().len())
        .ok_or(BadHost)?;
    let is_port = port
        .strip_prefix(':')
        .unwrap_or(port)
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    if host != authority.host() || !is_port {
        return Err(BadHost);
    }
    Ok(Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str, domain: Option<&str>) -> Hosts {
        let url = PublicUrl::parse(url).unwrap();
        Hosts::new(url, domain.map(|domain| endpoint_domain(domain).unwrap()))
    }

    fn request(version: Version, uri: &str, fields: &[&[u8]]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(uri);
        for field in fields {
            request = request.header(header::HOST, *field);
        }
        request.body(()).unwrap()
    }

    fn label(request: &Request<()>) -> Result<Option<String>, BadHost> {
        let hosts = hosts("https://own.hooks.example.com", Some("Hooks.Example.com"));
        hosts.label(request).map(|label| label.map(str::to_owned))
    }

    #[test]
    fn a_host_below_the_domain_names_an_endpoint() {
        for (host, expected) in [
            ("sms-x.hooks.example.com", Some("sms-x")),
            ("sms-x.hooks.example.com:8443", Some("sms-x")),
            ("sms-x.hooks.example.com.", Some("sms-x")),
            ("SMS-X.Hooks.EXAMPLE.com", Some("SMS-X")),
            ("a.b.hooks.example.com", Some("a.b")),
            (".hooks.example.com", Some("")),
            ("own.hooks.example.com", None),
            ("OWN.hooks.example.com", None),
            ("hooks.example.com", None),
            ("hooks.example.com.", None),
            ("sms-xhooks.example.com", None),
            ("sms-x.hooks.example.com.evil.test", None),
            ("sms-x.hooks.example.org", None),
            ("example.com", None),
            ("192.0.2.1", None),
            ("[::1]:8443", None),
            ("sms-x.hooks.example.com:", Some("sms-x")),
            ("", None),
        ] {
            let request = request(Version::HTTP_11, "/path", &[host.as_bytes()]);
            assert_eq!(label(&request), Ok(expected.map(str::to_owned)), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_valid_host() {
        let valid = b"sms-x.hooks.example.com".as_slice();
        let odd: [&[&[u8]]; 7] = [
            &[b"user@sms-x.hooks.example.com"],
            &[b"sms-x.hooks.example.com:port"],
            &[b"sms-x.hooks.example.com/"],
            &[b"sms-x .hooks.example.com"],
            &[b"\xe9.hooks.example.com"],
            &[valid, valid],
            &[],
        ];
        for fields in odd {
            let of = |version| label(&request(version, "/", fields));
            assert_eq!(of(Version::HTTP_11), Err(BadHost), "{fields:?}");
            let other = if fields.is_empty() {
                Ok(None)
            } else {
                Err(BadHost)
            };
            assert_eq!(of(Version::HTTP_2), other, "{fields:?}");
        }
    }

    #[test]
    fn the_target_takes_precedence_over_the_field() {
        let field = [b"b.hooks.example.com".as_slice()];
        for (uri, expected) in [
            ("https://a.hooks.example.com/path", Some("a")),
            ("https://a.hooks.example.com:8443/", Some("a")),
            ("https://elsewhere.test/", None),
            ("/", Some("b")),
        ] {
            let request = request(Version::HTTP_11, uri, &field);
            assert_eq!(label(&request), Ok(expected.map(str::to_owned)), "{uri}");
        }
    }

    #[test]
    fn urls_carry_the_port_of_the_public_url() {
        for (url, domain, expected) in [
            ("https://a.test", None, "https://a.test/sms-x"),
            ("https://a.test:8443", None, "https://a.test:8443/sms-x"),
            ("https://a.test", Some("b.test"), "https://sms-x.b.test"),
            (
                "https://a.test:8443",
                Some("b.test"),
                "https://sms-x.b.test:8443",
            ),
        ] {
            assert_eq!(hosts(url, domain).url_of("sms-x"), expected);
        }
        let none = hosts("https://a.test", None);
        let request = request(Version::HTTP_2, "https://sms-x.a.test/", &[]);
        assert_eq!(none.label(&request), Ok(None));
    }

    #[test]
    fn a_domain_leaves_room_for_an_endpoints_label() {
        let long = "a.".repeat(94);
        assert!(endpoint_domain(&(long.clone() + "b")).is_ok());
        let error = endpoint_domain(&(long + "bc"));
        assert_eq!(error, Err(EndpointDomainError::TooLong));
    }
}
