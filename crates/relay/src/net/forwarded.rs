//! `X-Forwarded-For`, read from its end: each proxy appends its peer, so the end is the nearest hop.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Hops that are read. No operator chains this many proxies.
const MAX_HOPS: usize = 16;

/// Returns the right-most hop that is not a trusted proxy, or the left-most readable hop when all are trusted. A hop
/// that does not parse ends the chain: no proxy vouches for hops before it.
pub(super) fn nearest_untrusted(
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let hops = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .take(MAX_HOPS);
    let mut nearest = None;
    for hop in hops {
        let Some(address) = address(hop) else {
            break;
        };
        nearest = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    nearest
}

/// Parses an address; some proxies add the port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn is_trusted(hop: IpAddr) -> bool {
        matches!(hop, IpAddr::V4(address) if address.octets()[0] == 10)
    }

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_nearest_untrusted_is_found_from_the_end() {
        let long = format!("203.0.113.1{}", ",10.0.0.1".repeat(MAX_HOPS));
        for (values, expected) in [
            (&["203.0.113.1"][..], Some("203.0.113.1")),
            (&["127.0.0.1, 10.9.9.9,203.0.113.1"], Some("203.0.113.1")),
            (
                &["1.1.1.1", "203.0.113.1, 10.0.0.2", "10.0.0.1"],
                Some("203.0.113.1"),
            ),
            (&["203.0.113.1:4711"], Some("203.0.113.1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["::ffff:203.0.113.1"], Some("203.0.113.1")),
            (&["10.0.0.2, 10.0.0.1"], Some("10.0.0.2")),
            (&["203.0.113.1, unknown, 10.0.0.1"], Some("10.0.0.1")),
            (&["203.0.113.1, unknown"], None),
            (&["203.0.113.1,"], None),
            (&["203.0.113.1, 1.2.3.4.5"], None),
            (&["203.0.113.1 10.0.0.1"], None),
            (&[""], None),
            (&[], None),
            (&[long.as_str()], Some("10.0.0.1")),
        ] {
            let bytes: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
            let found = nearest_untrusted(&headers(&bytes), is_trusted);
            assert_eq!(
                found,
                expected.map(|text| text.parse().unwrap()),
                "{values:?}"
            );
        }
        let odd = headers(&[b"203.0.113.1,\xff"]);
        assert_eq!(nearest_untrusted(&odd, is_trusted), None);
    }

    proptest! {
        #[test]
        fn fields_from_strangers_change_nothing(spoofed in "[ -~]{0,200}", own in any::<[u8; 4]>()) {
            let own = IpAddr::from(own);
            prop_assume!(!is_trusted(own));
            let appended = format!("{spoofed}, {own}, 10.0.0.1");
            let found = nearest_untrusted(&headers(&[appended.as_bytes()]), is_trusted);
            prop_assert_eq!(found, Some(own));
            let (own, proxy) = (own.to_string(), b"10.0.0.1");
            let apart = headers(&[spoofed.as_bytes(), own.as_bytes(), proxy]);
            prop_assert_eq!(nearest_untrusted(&apart, is_trusted), own.parse().ok());
        }
    }
}
