//! When to renew a certificate.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::tls::state::CertificateInfo;

/// Shortest and longest interval of requests for the authority's suggestion (ARI).
pub(super) const ASK: Range<Duration> =
    Duration::from_secs(60 * 60)..Duration::from_secs(24 * 60 * 60);

/// Returns when to renew: after two thirds of its lifetime, or when the authority suggests, but before the last sixth.
pub(super) fn due(shown: &CertificateInfo, suggested: Option<&Range<SystemTime>>) -> SystemTime {
    let life = shown
        .not_after
        .duration_since(shown.not_before)
        .unwrap_or_default();
    match suggested {
        None => shown.not_before + life * 2 / 3,
        Some(window) => {
            let width = window.end.duration_since(window.start).unwrap_or_default();
            let point = window.start + width.mul_f64(share(shown));
            point.min(shown.not_before + life * 5 / 6)
        }
    }
}

/// Returns a number between 0 and 1 that depends on the certificate: renewals spread over the window, and a restart does
/// not draw again.
fn share(shown: &CertificateInfo) -> f64 {
    let hash: [u8; 32] = Sha256::digest(&shown.serial).into();
    let [a, b, c, d, ..] = hash;
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn day(day: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * day
    }

    fn shown(serial: &str) -> CertificateInfo {
        CertificateInfo {
            names: Vec::new(),
            issuer: String::new(),
            serial: serial.to_owned(),
            not_before: day(100),
            not_after: day(190),
        }
    }

    #[test]
    fn without_a_suggestion_a_third_of_the_lifetime_is_left() {
        assert_eq!(due(&shown("01"), None), day(160));
    }

    #[test]
    fn a_suggestion_is_followed_somewhere_in_its_window() {
        let window = day(120)..day(122);
        let points: Vec<_> = ["01", "02", "03"]
            .map(|serial| due(&shown(serial), Some(&window)))
            .into();
        assert!(points.iter().all(|point| window.contains(point)));
        assert!(points.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(due(&shown("01"), Some(&window)), points[0]);
    }

    #[test]
    fn a_late_or_reversed_suggestion_is_bounded() {
        assert_eq!(due(&shown("01"), Some(&(day(189)..day(300)))), day(175));
        let reversed = Range {
            start: day(130),
            end: day(120),
        };
        assert_eq!(due(&shown("01"), Some(&reversed)), day(130));
    }
}
