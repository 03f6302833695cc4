//! Bytes as numbers and letters, laid out alike on the screen and in lines.
//!
//! ```text
//! 00000000  7b 22 61 22 3a 20 ff 0a  {"a": ..
//! ```

/// Bytes on a line; few enough for a narrow terminal.
pub const BYTES: usize = 8;

/// A line of hexadecimal, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where the line's first byte stands.
    pub place: String,
    /// The bytes in hexadecimal, as wide on every line.
    pub digits: String,
    /// The bytes as letters; a dot stands for what is not one of ASCII.
    pub letters: String,
}

/// Lays bytes out, a line at a time.
pub fn rows(bytes: &[u8]) -> impl Iterator<Item = Row> {
    let lines = bytes.chunks(BYTES).enumerate();
    lines.map(|(line, bytes)| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters = bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        Row {
            place: format!("{:08x}", line * BYTES),
            digits: format!("{:<width$}", digits.join(" "), width = BYTES * 3 - 1),
            letters: letters.collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_place_numbers_and_letters() {
        let shown: Vec<String> = rows(b"{\"a\": \xff\n~\x7f\x1b")
            .map(|row| format!("{}|{}|{}", row.place, row.digits, row.letters))
            .collect();
        assert_eq!(
            shown,
            [
                "00000000|7b 22 61 22 3a 20 ff 0a|{\"a\": ..",
                "00000008|7e 7f 1b               |~..",
            ]
        );
        assert_eq!(rows(b"").count(), 0);
    }
}
