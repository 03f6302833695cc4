//! The parts of a request that the rules look at.

use http::method::InvalidMethod;
use http::{HeaderMap, Method};
use ringtail_protocol::event::{Header, header_map};

/// A request, read whole, as borrowed parts.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path below the endpoint, without the query.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// The headers as received.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> RequestView<'a> {
    /// Borrows the parts of a request; `path_and_query` is what follows the endpoint in its URL.
    #[must_use]
    pub fn new(
        method: &'a Method,
        path_and_query: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Self {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        Self {
            method,
            path,
            query,
            headers,
            body,
        }
    }
}

/// Method and header fields of a stored request as the `http` crate holds them, for a [`RequestView`] to borrow.
#[derive(Debug, Clone)]
pub struct RequestHead {
    method: Method,
    headers: HeaderMap,
}

impl RequestHead {
    /// Reads method and header fields.
    ///
    /// # Errors
    /// When HTTP allows no such method.
    pub fn of(method: &str, headers: &[Header]) -> Result<Self, InvalidMethod> {
        Ok(Self {
            method: method.parse()?,
            headers: header_map(headers),
        })
    }

    /// Returns the request with the rest of it: the path below the endpoint with its query, and the body.
    #[must_use]
    pub fn view<'a>(&'a self, path_and_query: &'a str, body: &'a [u8]) -> RequestView<'a> {
        RequestView::new(&self.method, path_and_query, &self.headers, body)
    }
}
