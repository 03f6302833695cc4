//! Text files as people's editors save them.

/// Returns a text in UTF-8, or in UTF-16 with a byte order mark, without that mark; `None` if it is neither.
///
/// Editors and shells of Windows write both: PowerShell's `>` writes UTF-16.
#[must_use]
pub fn decode(bytes: Vec<u8>) -> Option<String> {
    let unit = match bytes.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => {
            let mut text = String::from_utf8(bytes).ok()?;
            if text.starts_with('\u{feff}') {
                text.drain(..'\u{feff}'.len_utf8());
            }
            return Some(text);
        }
    };
    let (pairs, rest) = bytes[2..].as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

/// Returns the bytes of a text in UTF-8 without a byte order mark; other bytes stay as they are: a PEM file has comments in any
/// encoding.
#[must_use]
pub fn decode_bytes(bytes: Vec<u8>) -> Vec<u8> {
    decode(bytes.clone()).map_or(bytes, String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_stay() {
        assert_eq!(decode_bytes(b"\xef\xbb\xbfa".to_vec()), b"a");
        assert_eq!(decode_bytes(b"a\xff".to_vec()), b"a\xff");
    }

    #[test]
    fn text_of_every_editor_is_read() {
        for (bytes, text) in [
            (&b"a\xc3\xa9\r\n"[..], Some("a\u{e9}\r\n")),
            (b"\xef\xbb\xbfa", Some("a")),
            (b"\xff\xfea\0\x3d\xd8\x42\xde", Some("a\u{1f642}")),
            (b"\xfe\xff\0a", Some("a")),
            (b"", Some("")),
            (b"\xff\xfe", Some("")),
            (b"\xef\xbb\xbf\xef\xbb\xbf", Some("\u{feff}")),
            (b"\xff\xfea", None),
            (b"\xff\xfe\x3d\xd8", None),
            (b"a\xff", None),
        ] {
            assert_eq!(
                decode(bytes.to_vec()).as_deref(),
                text,
                "{}",
                bytes.escape_ascii()
            );
        }
    }
}
