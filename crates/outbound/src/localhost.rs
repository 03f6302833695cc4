//! `localhost` and the names below it, which always mean this machine (RFC 6761, 6.3), whatever a name server says.

use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Returns true if a name means this machine.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The addresses of this machine: some development servers listen only on `::1` and others only on `127.0.0.1`.
pub const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Resolves names by the system, except for those that mean this machine, which many systems do not all know.
#[derive(Debug, Clone)]
pub struct Resolver {
    system: GaiResolver,
    /// The addresses of this machine, with any port: the connector sets it.
    localhost: Vec<SocketAddr>,
}

impl Resolver {
    /// Creates a resolver to which this machine has both loopback addresses.
    #[must_use]
    pub fn new() -> Self {
        Self::with_localhost(&LOOPBACK)
    }

    /// Creates a resolver to which this machine has certain addresses.
    #[must_use]
    pub fn with_localhost(addresses: &[IpAddr]) -> Self {
        Self {
            system: GaiResolver::new(),
            localhost: addresses.iter().map(|ip| (*ip, 0).into()).collect(),
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if is_localhost(name.as_str()) {
            return Box::pin(ready(Ok(self.localhost.clone().into_iter())));
        }
        let found = self.system.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_recognized_by_name() {
        for name in ["localhost", "LOCALHOST", "localhost.", "app.localhost"] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", ""] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}
