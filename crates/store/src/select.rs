//! How a person names events: by number, by a range of numbers, or by the beginning of an id.

use ringtail_errors::{Code, Coded, codes};

/// Names events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Numbers on the endpoint, both ends included.
    Seq {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Ids that begin like this.
    Id(IdPrefix),
}

/// The beginning of an id, at least four hexadecimal digits long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    /// One digit a byte, without hyphens.
    digits: Vec<u8>,
}

/// Fewest digits of an id that name an event.
const MIN_ID_DIGITS: usize = 4;

/// Digits of a whole id.
const ID_DIGITS: usize = 32;

/// Text that names no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// Not one of the three forms.
    #[error(
        "\"{text}\" names no event; give a number (17), a range (17..20) or the beginning of an id (0199a1b2-)"
    )]
    Form {
        /// The text.
        text: String,
    },
    /// It is a range that goes backwards.
    #[error("the range {first}..{last} goes backwards; give {last}..{first}")]
    Backwards {
        /// The number before the dots.
        first: u64,
        /// The smaller one behind them.
        last: u64,
    },
}

impl Coded for SelectorError {
    fn code(&self) -> &'static Code {
        &codes::SELECTOR
    }
}

impl Selector {
    /// Reads a selector. Plain digits are a number on the endpoint; an id that begins with eight digits needs its
    /// hyphen.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let error = || SelectorError::Form {
            text: text.chars().take(80).collect(),
        };
        if let Some((first, last)) = text.split_once("..") {
            let first = number(first).ok_or_else(error)?;
            let last = number(last).ok_or_else(error)?;
            return if first <= last {
                Ok(Self::Seq { first, last })
            } else {
                Err(SelectorError::Backwards { first, last })
            };
        }
        if let Some(seq) = number(text) {
            return Ok(Self::Seq {
                first: seq,
                last: seq,
            });
        }
        IdPrefix::parse(text).map(Self::Id).ok_or_else(error)
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

impl IdPrefix {
    fn parse(text: &str) -> Option<Self> {
        let mut digits = Vec::new();
        for character in text.chars() {
            // Hyphens stand where the whole id has them.
            if character == '-' && matches!(digits.len(), 8 | 12 | 16 | 20) {
                continue;
            }
            digits.push(u8::try_from(character.to_digit(16)?).ok()?);
        }
        (MIN_ID_DIGITS..=ID_DIGITS)
            .contains(&digits.len())
            .then_some(Self { digits })
    }

    /// Returns the smallest and the largest id with this beginning.
    pub(super) fn bounds(&self) -> ([u8; 16], [u8; 16]) {
        let fill = |filler: u8| {
            let mut id = [0_u8; 16];
            for (position, byte) in id.iter_mut().enumerate() {
                let digit = |at: usize| self.digits.get(at).copied().unwrap_or(filler);
                *byte = digit(2 * position) << 4 | digit(2 * position + 1);
            }
            id
        };
        (fill(0x0), fill(0xf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_ids_are_told_apart() {
        let seq = |first, last| Ok(Selector::Seq { first, last });
        assert_eq!(Selector::parse("17"), seq(17, 17));
        assert_eq!(Selector::parse("17..20"), seq(17, 20));
        assert!(matches!(Selector::parse("0199a1b2-"), Ok(Selector::Id(_))));
        assert!(matches!(Selector::parse("01990000-"), Ok(Selector::Id(_))));
        assert!(matches!(Selector::parse("ABCD"), Ok(Selector::Id(_))));
        for bad in [
            "", "-1", "+1", "20..17", "1..", "..", "xyz", "abc", "0199-a", "1.5",
        ] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
        let backwards = Selector::parse("20..17").unwrap_err();
        let told = "the range 20..17 goes backwards; give 17..20";
        assert_eq!(backwards.to_string(), told);
    }

    #[test]
    fn bounds_hold_every_id_with_the_beginning() {
        let Ok(Selector::Id(prefix)) = Selector::parse("0199a1b2-3") else {
            panic!("an id");
        };
        let (low, high) = prefix.bounds();
        assert_eq!(low[..5], [0x01, 0x99, 0xa1, 0xb2, 0x30]);
        assert_eq!(high[..5], [0x01, 0x99, 0xa1, 0xb2, 0x3f]);
        assert_eq!((low[15], high[15]), (0, 0xff));
    }
}
