//! Which hosts the internet cannot reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Says why an address is none that RingCentral can reach.
pub(super) fn why_unreachable(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    }
}

fn v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    Some(match (a, b, c) {
        (127, ..) => "the machine that asks (loopback)",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "an address of a private network",
        (169, 254, _) => "an address of one cable (link-local)",
        (100, 64..=127, _) => "behind a provider's address translation (100.64.0.0/10)",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "reserved for documentation",
        (198, 18..=19, _) => "reserved for measurements",
        (192, 0, 0) | (0, ..) | (240.., ..) => "reserved",
        (224..=239, ..) => "a multicast address",
        _ => return None,
    })
}

fn v6(ip: Ipv6Addr) -> Option<&'static str> {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return v4(ip);
    }
    Some(match ip.segments() {
        _ if ip.is_loopback() => "the machine that asks (loopback)",
        _ if ip.is_unspecified() => "reserved",
        [0xfc00..=0xfdff, ..] => "an address of a private network",
        [0xfe80..=0xfebf, ..] => "an address of one cable (link-local)",
        [0xff00..=0xffff, ..] => "a multicast address",
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "reserved for documentation",
        _ => return None,
    })
}

/// Says why a name is none that RingCentral can look up: it stands for something else everywhere, or for nothing.
pub(super) fn why_name_is_local(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or_default();
    Some(match last {
        "localhost" => "the machine that asks",
        "local" | "internal" | "lan" | "intranet" | "corp" | "home" => {
            "a name of one network alone"
        }
        "arpa" if name.ends_with("home.arpa") => "a name of one network alone",
        _ if last == name => "a name of one network alone",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_the_rest() {
        for ip in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "2606:4700::1",
        ] {
            assert_eq!(why_unreachable(ip.parse().unwrap()), None, "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "203.0.113.7",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(why_unreachable(ip.parse().unwrap()).is_some(), "{ip}");
        }
    }

    #[test]
    fn names_of_one_network_are_known() {
        for name in [
            "localhost",
            "app.localhost",
            "printer.local",
            "db.internal",
            "nas",
            "x.home.arpa",
        ] {
            assert!(why_name_is_local(name).is_some(), "{name}");
        }
        for name in ["example.com", "local.example.com", "in-addr.arpa"] {
            assert_eq!(why_name_is_local(name), None, "{name}");
        }
    }
}
