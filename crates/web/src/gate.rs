//! Admits requests of this page and of programs with the token, and nothing that another site's page can send.
//!
//! | attempt | stopped by |
//! |---|---|
//! | another name that resolves to this machine (DNS rebinding) | `Host` |
//! | another site's fetch, form, image, EventSource or WebSocket | `Origin`, `Sec-Fetch-Site`, `SameSite=Strict` |
//! | a page of another port on this machine, which is the same site | `Origin`, `Sec-Fetch-Site`, the page token |
//! | a program without the token | cookie or `Authorization` |

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};

use crate::token::SessionToken;

/// The header that a state change needs besides the cookie.
pub(crate) const PAGE_TOKEN: &str = "ringtail-page";

/// Checks requests.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    token: SessionToken,
    /// Known to pages that this process served.
    page_token: SessionToken,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("this server is only reached as 127.0.0.1 or localhost")]
    Host,
    #[error("requests from other pages are refused")]
    Origin,
    #[error("open the URL that ringtail printed: it has the token")]
    Token,
    #[error("reload the page: it has no valid page token")]
    Page,
}

impl Refused {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin | Self::Page => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }
}

impl Gate {
    pub(crate) fn new(port: u16, token: SessionToken, page_token: SessionToken) -> Self {
        Self {
            port,
            token,
            page_token,
        }
    }

    /// Checks where a request was sent, and from where.
    pub(crate) fn admit(&self, request: &Parts) -> Result<(), Refused> {
        let host = only(&request.headers, HOST.as_str()).ok_or(Refused::Host)?;
        let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        let is_own = |host: &str| own.iter().any(|own| own == host);
        let elsewhere = request
            .uri
            .authority()
            .is_some_and(|it| it.as_str() != host);
        if !is_own(host) || elsewhere {
            return Err(Refused::Host);
        }
        let headers = &request.headers;
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, ORIGIN.as_str()).and_then(|it| it.strip_prefix("http://"));
            if origin != Some(host) {
                return Err(Refused::Origin);
            }
        }
        // A link elsewhere may open the page, which shows nothing to that page.
        let opens = request.uri.path() == "/"
            && only(headers, "sec-fetch-mode") == Some("navigate")
            && only(headers, "sec-fetch-dest") == Some("document");
        if headers.contains_key("sec-fetch-site") && !opens {
            let site = only(headers, "sec-fetch-site");
            if !matches!(site, Some("same-origin" | "none")) {
                return Err(Refused::Origin);
            }
        }
        Ok(())
    }

    /// Checks that the request has the token, and a state change by cookie also the page token.
    pub(crate) fn authorize(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        if headers.contains_key(AUTHORIZATION) {
            let bearer = only(headers, AUTHORIZATION.as_str());
            let bearer = bearer.and_then(|it| it.strip_prefix("Bearer "));
            return match bearer.is_some_and(|it| self.token.is(it.as_bytes())) {
                true => Ok(()),
                false => Err(Refused::Token),
            };
        }
        if !self.has_cookie(headers) {
            return Err(Refused::Token);
        }
        let page = only(headers, PAGE_TOKEN);
        let changes = !matches!(*method, Method::GET | Method::HEAD);
        if changes && !page.is_some_and(|it| self.page_token.is(it.as_bytes())) {
            return Err(Refused::Page);
        }
        Ok(())
    }

    pub(crate) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let values = headers.get_all(COOKIE).iter();
        let mut pairs = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split("; "))
            .filter_map(|pair| pair.split_once('='));
        pairs.any(|(key, value)| key == name && self.token.is(value.as_bytes()))
    }

    pub(crate) fn is_token(&self, text: &str) -> bool {
        self.token.is(text.as_bytes())
    }

    /// Browsers send cookies to all ports of a host, so the name has the port.
    fn cookie_name(&self) -> String {
        format!("ringtail-{}", self.port)
    }

    pub(crate) fn cookie(&self) -> String {
        let (name, token) = (self.cookie_name(), self.token.text());
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict")
    }

    pub(crate) fn page_token(&self) -> &str {
        self.page_token.text()
    }
}

/// Returns the value of a header that occurs once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}
