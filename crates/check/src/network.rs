//! The name's addresses, and whether something listens there.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Uri;
use ringtail_errors::codes;
use ringtail_outbound::localhost::is_localhost;
use ringtail_outbound::proxy::{Connector, Proxy};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::address::Address;
use super::limits::{CONNECT_TIME, MAX_ADDRESSES, RESOLVE_TIME};
use super::reach::why_unreachable;
use super::row::{Requirement, Row};

/// Looks the name up from here. What RingCentral's resolver says may differ, and is not known.
pub(super) async fn resolve(address: &Address, local: bool) -> (Row, Vec<SocketAddr>) {
    if let Some(ip) = address.ip() {
        let row = Row::skipped(Requirement::Name, "the address is a number");
        return (row, vec![SocketAddr::new(ip, address.port())]);
    }
    let name = address.host();
    // Many systems know `localhost` and no name below it.
    let known = if is_localhost(&name) {
        "localhost"
    } else {
        &name
    };
    let found = timeout(RESOLVE_TIME, lookup_host((known, address.port()))).await;
    let mut addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.take(MAX_ADDRESSES).collect(),
        // A name below `invalid` exists nowhere (RFC 6761, 6.4), whether or not a name server can be asked.
        Ok(Err(error)) if is_no_such_name(&error) || name.ends_with(".invalid") => Vec::new(),
        Ok(Err(error)) => return (unknown_name(&format!("{name}: {error}")), Vec::new()),
        Err(_) => {
            let seen = format!(
                "no name server answered for {name} within {} s",
                RESOLVE_TIME.as_secs()
            );
            return (unknown_name(&seen), Vec::new());
        }
    };
    let mut seen = std::collections::HashSet::new();
    addresses.retain(|address| seen.insert(*address));
    (
        name_row(&name, &addresses, address.why_local().is_some(), local),
        addresses,
    )
}

/// Returns whether a name server says that a name does not exist or has no address. Every other error is this machine's.
///
/// The standard library returns the resolver's code on Windows and only its text elsewhere.
fn is_no_such_name(error: &io::Error) -> bool {
    // WSAHOST_NOT_FOUND and WSANO_DATA.
    if cfg!(windows) {
        return matches!(error.raw_os_error(), Some(11001 | 11004));
    }
    let text = error.to_string();
    // EAI_NONAME and EAI_NODATA of glibc, musl and the BSDs.
    [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "Name has no usable address",
        "servname provided, or not known",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The row of a name that this machine could not look up, which says nothing about the address.
fn unknown_name(seen: &str) -> Row {
    Row::warn(Requirement::Name, seen).fix(
        "look whether this machine has a network and a name server that answers; this says nothing about RingCentral",
    )
}

fn name_row(name: &str, addresses: &[SocketAddr], is_local: bool, local: bool) -> Row {
    let requirement = Requirement::Name;
    if addresses.is_empty() {
        return Row::fail(requirement, format!("{name} has no address"))
            .earns(&codes::SUB_521)
            .dead(true)
            .fix("look for a typing mistake; make an A record for the name, and give it some minutes to spread");
    }
    let shown = list(addresses.iter().map(|address| address.ip().to_string()));
    if is_local {
        // The address row already says so.
        return Row::pass(requirement, shown);
    }
    let hidden: Vec<_> = addresses
        .iter()
        .filter_map(|address| why_unreachable(address.ip()).map(|why| (address.ip(), why)))
        .collect();
    if let Some((ip, why)) = hidden.first() {
        let seen = format!("{shown}: RingCentral cannot reach {ip}, which is {why}");
        let fix = "point the name at a public address; RingCentral does not use this network's name server";
        return if hidden.len() == addresses.len() {
            Row::fail(requirement, seen)
                .earns(&codes::SUB_521)
                .fix(fix)
                .aside(local)
        } else {
            Row::warn(requirement, seen).earns(&codes::SUB_521).fix(fix)
        };
    }
    if addresses.iter().all(SocketAddr::is_ipv6) {
        return Row::warn(requirement, format!("{shown}: IPv6 alone"))
            .earns(&codes::SUB_521)
            .fix("add an A record: nothing says that RingCentral calls by IPv6");
    }
    Row::pass(requirement, shown)
}

/// How the address is reached.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    /// One of the name's addresses.
    Direct(SocketAddr),
    /// Through the environment's proxy, which looks the name up.
    Proxy(Connector, Uri),
}

impl Peer {
    async fn stream(&self) -> io::Result<TcpStream> {
        match self {
            Self::Direct(to) => TcpStream::connect(to).await,
            Self::Proxy(connector, uri) => {
                let connected = connector.connect(uri.clone()).await;
                connected.map_err(|error| io::Error::other(ringtail_text::chain(&error)))
            }
        }
    }
}

/// Makes the rows of a name and a connection behind a proxy, and returns whether there is one.
pub(super) async fn connection_of_proxy(proxy: &Proxy, peer: &Peer) -> (Vec<Row>, bool) {
    let name = Row::skipped(Requirement::Name, format!("{proxy} looks it up"));
    let requirement = Requirement::Connection;
    match connect(peer).await {
        Ok((_, took)) => {
            let seen = format!("by {proxy} in {} ms", took.as_millis());
            (vec![name, Row::pass(requirement, seen)], true)
        }
        Err(error) => {
            let seen = match error.kind() {
                io::ErrorKind::TimedOut => {
                    format!("{proxy} is silent for {} s", CONNECT_TIME.as_secs())
                }
                _ => error.to_string(),
            };
            let fix = "check HTTPS_PROXY and ALL_PROXY, or put the host into NO_PROXY; this says nothing about RingCentral";
            (vec![name, Row::warn(requirement, seen).fix(fix)], false)
        }
    }
}

/// A connection, and how long it took.
pub(super) async fn connect(to: &Peer) -> Result<(TcpStream, Duration), io::Error> {
    let began = Instant::now();
    match timeout(CONNECT_TIME, to.stream()).await {
        Ok(Ok(stream)) => {
            stream.set_nodelay(true)?;
            Ok((stream, began.elapsed()))
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Tries every address; returns the first that answers.
pub(super) async fn connections(
    addresses: &[SocketAddr],
    is_local: bool,
) -> (Row, Option<SocketAddr>) {
    let tried = join_all(addresses.iter().map(|to| async move {
        // The connection itself is of no use: what follows makes its own.
        (*to, connect(&Peer::Direct(*to)).await.map(|(_, took)| took))
    }))
    .await;
    judge(&tried, is_local)
}

fn judge(
    tried: &[(SocketAddr, io::Result<Duration>)],
    is_local: bool,
) -> (Row, Option<SocketAddr>) {
    let requirement = Requirement::Connection;
    let shown = list(tried.iter().map(|(to, result)| match result {
        Ok(took) => format!("{to} in {} ms", took.as_millis()),
        Err(error) => format!("{to} {}", why(error)),
    }));
    let first = tried
        .iter()
        .find(|(_, result)| result.is_ok())
        .map(|(to, _)| *to);
    // A machine without IPv6 cannot tell whether the address works for others.
    let failed = tried.iter().find_map(|(to, result)| match result {
        Err(error) if !(to.is_ipv6() && is_no_way(error)) => Some(error),
        _ => None,
    });
    let row = match (first, failed) {
        (Some(_), None) => Row::pass(requirement, shown),
        // `localhost` is two addresses by nature, and servers of developers listen at one.
        (Some(_), Some(_)) if is_local => Row::pass(requirement, shown),
        (Some(_), Some(error)) => Row::warn(requirement, shown)
            .earns(&codes::SUB_521)
            .fix(format!(
                "RingCentral may try any of the addresses: remove the dead one from the name, or: {}",
                advice(error)
            )),
        (None, error) => Row::fail(requirement, shown)
            .earns(&codes::SUB_521)
            .dead(tried.iter().all(|(_, result)| is_refused(result)))
            .fix(error.map_or("try from a machine that has IPv6", advice)),
    };
    (row, first)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses: nothing listens".into(),
        io::ErrorKind::TimedOut => format!("is silent for {} s", CONNECT_TIME.as_secs()),
        io::ErrorKind::ConnectionReset => "hangs up".into(),
        _ if is_no_way(error) => "cannot be reached from here".into(),
        _ => format!("fails: {error}"),
    }
}

fn is_refused(result: &io::Result<Duration>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn is_no_way(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable
    )
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "start the server, or look whether it listens on this port and on more than 127.0.0.1"
        }
        io::ErrorKind::TimedOut => {
            "let a firewall or security group accept this port from everywhere: RingCentral publishes no list of \
             addresses that webhooks come from"
        }
        _ => "look at the way to the host: address, routing, firewall",
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Outcome;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 443);
        texts.iter().map(parse).collect()
    }

    #[test]
    fn names_are_judged_by_their_addresses() {
        for (ips, outcome) in [
            (&["8.8.8.8", "2606:4700::1"][..], Outcome::Pass),
            (&["8.8.8.8", "10.0.0.1"], Outcome::Warn),
            (&["2606:4700::1"], Outcome::Warn),
            (&["10.0.0.1"], Outcome::Fail),
            (&[], Outcome::Fail),
        ] {
            let row = name_row("example.com", &addresses(ips), false, false);
            assert_eq!(row.outcome, outcome, "{ips:?}: {}", row.seen);
        }
        let aside = name_row("example.com", &addresses(&["10.0.0.1"]), false, true);
        assert_eq!((aside.outcome, aside.set_aside), (Outcome::Warn, true));
        let is_dead = |ips: &[&str]| name_row("example.com", &addresses(ips), false, false).is_dead;
        assert!(is_dead(&[]) && !is_dead(&["10.0.0.1"]));
        let localhost = name_row("localhost", &addresses(&["127.0.0.1"]), true, false);
        assert_eq!(localhost.outcome, Outcome::Pass);
    }

    #[test]
    fn only_a_name_servers_no_is_a_name_without_address() {
        if cfg!(windows) {
            return;
        }
        for (text, expected) in [
            ("Name or service not known", true),
            ("No address associated with hostname", true),
            ("nodename nor servname provided, or not known", true),
            ("Name does not resolve", true),
            ("Temporary failure in name resolution", false),
            ("Non-recoverable failure in name resolution", false),
            ("Try again", false),
        ] {
            let text = format!("failed to lookup address information: {text}");
            let error = io::Error::other(text);
            assert_eq!(is_no_such_name(&error), expected, "{error}");
        }
        let row = unknown_name("example.com: no network");
        assert_eq!((row.outcome, row.earns), (Outcome::Warn, None));
    }

    #[test]
    fn a_dead_address_among_living_ones_is_a_warning() {
        let to = addresses(&["8.8.8.8", "2606:4700::1"]);
        let up = || Ok(Duration::from_millis(7));
        let down = |kind: io::ErrorKind| Err(io::Error::from(kind));
        let judged = |a, b, is_local| {
            let (row, first) = judge(&[(to[0], a), (to[1], b)], is_local);
            (row.outcome, first)
        };
        let is_dead = |a, b| judge(&[(to[0], a), (to[1], b)], false).0.is_dead;
        assert_eq!(judged(up(), up(), false), (Outcome::Pass, Some(to[0])));
        let refused = io::ErrorKind::ConnectionRefused;
        assert_eq!(
            judged(down(refused), up(), false),
            (Outcome::Warn, Some(to[1]))
        );
        assert_eq!(
            judged(up(), down(refused), true),
            (Outcome::Pass, Some(to[0]))
        );
        let no_way = io::ErrorKind::NetworkUnreachable;
        assert_eq!(
            judged(up(), down(no_way), false),
            (Outcome::Pass, Some(to[0]))
        );
        assert_eq!(
            judged(down(refused), down(no_way), false),
            (Outcome::Fail, None)
        );
        assert!(is_dead(down(refused), down(refused)));
        // A firewall, or this machine's network.
        assert!(!is_dead(down(refused), down(no_way)));
        assert!(!is_dead(down(refused), down(io::ErrorKind::TimedOut)));
        assert!(!is_dead(down(refused), up()));
    }
}
