//! Numbers in their notation, compared without rounding.

use std::cmp::Ordering;

/// A number: `0.DIGITS` times ten to the power of `point`, with no zero at either end of the digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    point: i128,
}

impl Decimal {
    /// Parses a number in JSON's notation, where a plus sign and leading zeros are allowed, too. Returns `None` for
    /// anything else, such as `NaN`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let leading = digits.clone().take_while(|digit| *digit == b'0').count();
        let mut digits: Vec<u8> = digits.skip(leading).collect();
        digits.truncate(digits.len() - digits.iter().rev().take_while(|d| **d == b'0').count());
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits,
                point: 0,
            });
        }
        let before = i128::try_from(whole.len()).ok()? - i128::try_from(leading).ok()?;
        Some(Self {
            is_negative,
            digits,
            point: exponent.saturating_add(before),
        })
    }
}

/// Parses an exponent; one of 39 digits or more is as large as it gets.
fn parse_exponent(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = match text.starts_with('-') {
        true => i128::MIN,
        false => i128::MAX,
    };
    Some(text.parse().unwrap_or(limit))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Negative, zero, positive.
        let rank = |it: &Self| match (it.digits.is_empty(), it.is_negative) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => 2,
        };
        let size = |it: &Self, other: &Self| {
            it.point
                .cmp(&other.point)
                .then_with(|| it.digits.cmp(&other.digits))
        };
        rank(self)
            .cmp(&rank(other))
            .then_with(|| match self.is_negative {
                true => size(other, self),
                false => size(self, other),
            })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_are_in_order() {
        let ordered = [
            "-1e99999999999999999999",
            "-18446744073709551616",
            "-18446744073709551615",
            "-1.5",
            "-1e-400",
            "-0",
            "1e-400",
            "0.1",
            "0.10000000000000000555",
            "1.5",
            "7131379084364461056",
            "7131379084364461057",
            "18446744073709551616",
            "99999999999999999999",
            "1e20",
            "1E400",
            "2e400",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other_at, other) in ordered.iter().enumerate() {
                assert_eq!(
                    of(one).cmp(&of(other)),
                    at.cmp(&other_at),
                    "{one} and {other}"
                );
            }
        }
    }

    #[test]
    fn notations_of_one_number_are_equal() {
        for same in [
            ["100", "1e2", "1.00E+2", "0100.0", "+100", "1000e-1"],
            ["1.50", "1.5", "15e-1", "0.15e1", "001.500", "1500E-3"],
            ["0", "-0", "0.000", "0e9", "-0E-5", "00"],
        ] {
            for one in same {
                assert_eq!(of(one), of(same[0]), "{one}");
            }
        }
        for none in [
            "", "-", ".5", "5.", "1e", "1e+", "NaN", "inf", "0x1", "1 ", "1_0", "١",
        ] {
            assert_eq!(Decimal::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn integers_of_any_size_compare_as_integers(one in any::<i128>(), other in any::<i128>()) {
            for (one, other) in [(one, other), (one, one.wrapping_add(1)), (one, one)] {
                prop_assert_eq!(of(&one.to_string()).cmp(&of(&other.to_string())), one.cmp(&other));
            }
        }

        #[test]
        fn scaling_and_padding_do_not_matter(digits in "[0-9]{1,30}", zeros in 0_usize..20) {
            let padded = format!("{}{digits}.{}e-{zeros}", "0".repeat(zeros), "0".repeat(zeros + 1));
            let scaled = format!("{digits}e-{zeros}");
            prop_assert_eq!(of(&padded), of(&scaled));
            prop_assert_eq!(of(&format!("{digits}{}", "0".repeat(zeros))), of(&format!("{digits}e{zeros}")));
            let more = format!("{digits}.{}1", "0".repeat(zeros));
            prop_assert_eq!(of(&more).cmp(&of(&digits)), Ordering::Greater);
        }
    }
}
