//! What of an event goes into the index.

use ringtail_filter::Field;
use ringtail_ringcentral::body::is_utf16;
use ringtail_ringcentral::facts::{About, facts, phone_digits};

use ringtail_model::endpoint_name;

/// Bytes of a body that are indexed as text. A larger body is scanned whenever a text is searched for.
const TEXT_BYTES: usize = 64 * 1024;

/// Longest token; longer facts are known by their beginning.
const TOKEN_BYTES: usize = 40;

/// Returns the text of an event, and whether every search for a text can rely on it.
pub(super) fn text(summary: &str, path: &str, body: &[u8]) -> (String, bool) {
    let start = body.get(..TEXT_BYTES).unwrap_or(body);
    let text = format!("{summary}\n{path}\n{}", String::from_utf8_lossy(start));
    // The tokenizer takes a NUL for the end.
    let text = text.replace('\0', " ");
    let is_whole = start.len() == body.len() && !has_escaped_letters(body) && !is_utf16(body);
    (text, is_whole)
}

/// Returns whether JSON writes a searchable letter in another way: `\u0041`, or by the number of one of the two letters
/// whose other case is ASCII.
fn has_escaped_letters(body: &[u8]) -> bool {
    body.windows(6).any(|window| match window {
        [b'\\', b'u', digits @ ..] => {
            matches!(digits, [b'0', b'0', b'2'..=b'7', _])
                || digits.eq_ignore_ascii_case(b"017f")
                || digits.eq_ignore_ascii_case(b"212a")
        }
        _ => false,
    })
}

/// Returns the tokens of an event, separated by spaces.
pub(super) fn tokens(endpoint: &str, kinds: [&str; 2], body: &[u8]) -> String {
    let mut tokens = Tokens::default();
    for kind in kinds {
        tokens.whole(Field::Kind, kind);
    }
    tokens.whole(Field::Endpoint, endpoint);
    let name = endpoint_name(endpoint);
    if name != endpoint {
        tokens.whole(Field::Endpoint, name);
    }
    for fact in facts(body) {
        tokens.fact(fact.about, &fact.value);
    }
    tokens.0
}

#[derive(Default)]
struct Tokens(String);

impl Tokens {
    fn whole(&mut self, field: Field, value: &str) {
        self.0.push_str(&token(field, value).unwrap_or_default());
        self.0.push(' ');
    }

    fn fact(&mut self, about: About, value: &str) {
        let field = match about {
            About::Event => Field::Event,
            About::Uuid => Field::Uuid,
            About::Session => Field::Session,
            About::From => Field::From,
            About::To => Field::To,
            About::Extension => return self.whole(Field::Extension, value),
        };
        if let (Field::From | Field::To, Some(digits)) = (field, phone_digits(value)) {
            self.whole(field, &digits);
        }
        // A search matches from the beginning of any word.
        let mut in_word = false;
        for (at, character) in value.char_indices() {
            if character.is_alphanumeric() && !in_word {
                self.whole(field, &value[at..]);
            }
            in_word = character.is_alphanumeric();
        }
    }
}

/// Returns the token of a value; the beginning of a value gives the beginning of its token. `None` for a field that is
/// not indexed.
pub(super) fn token(field: Field, value: &str) -> Option<String> {
    let mut token = match field {
        Field::Kind => "k_",
        Field::Event => "e_",
        Field::From => "f_",
        Field::To => "t_",
        Field::Session => "s_",
        Field::Extension => "x_",
        Field::Uuid => "u_",
        Field::Endpoint => "n_",
        Field::Method | Field::Path | Field::Comment => return None,
    }
    .to_owned();
    token.extend(
        value
            .chars()
            .take(TOKEN_BYTES)
            .map(|character| match character {
                // The two letters whose other case is ASCII.
                '\u{17f}' => 's',
                '\u{212a}' => 'k',
                letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
                _ => '_',
            }),
    );
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_beginnings() {
        let mut tokens = Tokens::default();
        tokens.fact(About::From, "+1 (650) O'Brien-K\u{212a}");
        assert_eq!(
            tokens.0,
            "f_1__650__o_brien_kk f_650__o_brien_kk f_o_brien_kk f_brien_kk f_kk "
        );
        let long = token(Field::Uuid, &"é1".repeat(100)).unwrap();
        assert_eq!(long, format!("u_{}", "_1".repeat(TOKEN_BYTES / 2)));
    }
}
