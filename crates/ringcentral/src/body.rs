//! A body as text, to read and to show; it is stored and delivered as received.

use std::borrow::Cow;

/// Returns a body as UTF-8: without a byte order mark, and from UTF-16, which a mark or the brace at the beginning shows.
pub(crate) fn utf8(body: &[u8]) -> Cow<'_, [u8]> {
    let (text, unit): (_, fn([u8; 2]) -> u16) = match body {
        [0xef, 0xbb, 0xbf, text @ ..] => return Cow::Borrowed(text),
        [0xff, 0xfe, text @ ..] => (text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => (text, u16::from_be_bytes),
        [b'{', 0, ..] => (body, u16::from_le_bytes),
        [0, b'{', ..] => (body, u16::from_be_bytes),
        _ => return Cow::Borrowed(body),
    };
    let units = text.as_chunks().0.iter().map(|pair| unit(*pair));
    let text = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER));
    Cow::Owned(text.collect::<String>().into_bytes())
}

/// Returns a body as text, with invalid bytes replaced.
#[must_use]
pub fn text(body: &[u8]) -> Cow<'_, str> {
    match utf8(body) {
        Cow::Borrowed(text) => String::from_utf8_lossy(text),
        Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
    }
}

/// Returns true if a body is UTF-16, whose letters as text are not those of its bytes.
#[must_use]
pub fn is_utf16(body: &[u8]) -> bool {
    matches!(utf8(body), Cow::Owned(_))
}
