//! Bytes in hexadecimal, as every front end shows them.
//!
//! ```text
//! 00000000  7b 22 61 22 3a 20 ff 0a  {"a": ..
//! ```

/// Bytes of a line; few enough for a narrow terminal.
const BYTES: usize = 8;

/// A line in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexLine {
    /// The offset of the line's first byte.
    pub offset: String,
    /// The bytes in hexadecimal, padded to the same width on every line.
    pub digits: String,
    /// The bytes as letters, with a dot for each that is not printable ASCII.
    pub letters: String,
}

/// Formats bytes line by line.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = HexLine> {
    let lines = bytes.chunks(BYTES).enumerate();
    lines.map(|(line, bytes)| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters = bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        HexLine {
            offset: format!("{:08x}", line * BYTES),
            digits: format!("{:<width$}", digits.join(" "), width = BYTES * 3 - 1),
            letters: letters.collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_offset_digits_and_letters() {
        let shown: Vec<String> = lines(b"{\"a\": \xff\n~\x7f\x1b")
            .map(|line| format!("{}|{}|{}", line.offset, line.digits, line.letters))
            .collect();
        assert_eq!(
            shown,
            [
                "00000000|7b 22 61 22 3a 20 ff 0a|{\"a\": ..",
                "00000008|7e 7f 1b               |~..",
            ]
        );
    }
}
