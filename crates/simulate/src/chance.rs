//! Chance that can be had again: the same seed gives the same numbers on every machine and in every version.

/// A small generator (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Starts a series.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next number of the series.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `bound`, or 0 for a bound of 0. The bias is far below what anybody sees.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// Says yes in `percent` of 100 cases. Takes one number whatever the answer, so that one decision does not
    /// shift the next.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// Returns that many decimal digits, the first not 0.
    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|index| match index {
                0 => 1 + self.below(9),
                _ => self.below(10),
            })
            .filter_map(|digit| char::from_digit(u32::try_from(digit).ok()?, 10))
            .collect()
    }

    /// Returns that many hexadecimal digits.
    pub(super) fn hex(&mut self, count: usize) -> String {
        (0..count)
            .filter_map(|_| char::from_digit(u32::try_from(self.below(16)).ok()?, 16))
            .collect()
    }

    /// Returns a random UUID in its usual spelling.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex(30);
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[15..18],
            &hex[18..],
        );
        format!("{a}-{b}-4{c}-a{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed in a bug report must give the same series later.
    #[test]
    fn the_series_never_changes() {
        let mut chance = Chance::new(42);
        let series = [chance.number(), chance.number(), chance.number()];
        assert_eq!(
            series,
            [
                13_679_457_532_755_275_413,
                2_949_826_092_126_892_291,
                5_139_283_748_462_763_858
            ]
        );
        assert_eq!(chance.digits(19).len(), 19);
        assert!(!chance.digits(19).starts_with('0'));
        assert_eq!(chance.uuid().len(), 36);
        assert_eq!(chance.below(0), 0);
        assert!(!chance.percent(0) && chance.percent(100));
    }
}
