//! A body as lines to show: JSON laid out, text as received, or hexadecimal. Unsafe characters are escaped.
//!
//! Only white space changes, and every token stays as received. What is not shown is counted.

use ringtail_text::json::{Kind, Piece, is_valid, lay_out, tokens};
use ringtail_text::{escape, escape_lines, hex};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most lines of an answer.
const MAX_LINES: usize = 5_000;

/// Most bytes of text in an answer.
const MAX_TEXT: usize = 1 << 20;

/// Most bytes of one token or line of text.
const MAX_PIECE: usize = 64 * 1024;

/// How a body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// JSON laid out, if it is JSON; text, if it is text; else hexadecimal.
    #[default]
    Best,
    /// As received, with replacement characters for bytes that are not UTF-8.
    Raw,
    /// Hexadecimal.
    Hex,
}

/// Returns `{"form", "lines", "more"}`: how it is shown, the lines, and the bytes that they leave out.
///
/// A line of JSON is its depth followed by pairs of a kind and a token; other lines are texts.
pub(crate) fn of(body: &[u8], form: Form) -> Value {
    match (form, std::str::from_utf8(body)) {
        (Form::Best, Ok(text)) if is_json(text) => laid_out(text),
        (Form::Best, Ok(_)) | (Form::Raw, _) => raw(body),
        (Form::Best | Form::Hex, _) => digits(body),
    }
}

fn is_json(text: &str) -> bool {
    let first = tokens(text).next();
    first.is_some_and(|first| first.kind == Kind::Open) && is_valid(text)
}

fn laid_out(text: &str) -> Value {
    let mut lines: Vec<Value> = Vec::new();
    let mut line = vec![json!(0)];
    // Where the shown part ends, the bytes of its tokens, and those that are cut off them.
    let (mut end, mut bytes, mut lost) = (text.len(), 0, 0);
    lay_out(text, |piece| {
        match piece {
            Piece::Break(depth) => {
                lines.push(Value::Array(std::mem::take(&mut line)));
                line.push(json!(depth));
            }
            Piece::Token(token) => {
                if lines.len() >= MAX_LINES || bytes >= MAX_TEXT {
                    end = token.at;
                    return false;
                }
                let (part, cut) = clipped(token.text);
                bytes += part.len();
                lost += token.text.len() - part.len();
                line.push(json!(word(token.kind)));
                line.push(json!(format!("{}{cut}", escape(part))));
            }
        }
        true
    });
    lines.push(Value::Array(line));
    json!({"form": "json", "lines": lines, "more": text.len() - end + lost})
}

/// A letter for the style of a token.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "n",
        Kind::String => "s",
        Kind::Number => "d",
        Kind::Word => "w",
        Kind::Open => "o",
        Kind::Close => "c",
        Kind::Comma | Kind::Colon | Kind::Other => "p",
    }
}

fn clipped(text: &str) -> (&str, &'static str) {
    match text.get(..text.floor_char_boundary(MAX_PIECE)) {
        Some(part) if part.len() < text.len() => (part, "…"),
        _ => (text, ""),
    }
}

fn raw(body: &[u8]) -> Value {
    let (mut lines, mut shown) = (Vec::new(), 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if lines.len() >= MAX_LINES || shown >= MAX_TEXT {
            break;
        }
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let part = start(content, MAX_TEXT - shown);
        lines.push(json!(escape_lines(&String::from_utf8_lossy(part))));
        if part.len() < content.len() {
            shown += part.len();
            break;
        }
        shown += line.len();
    }
    json!({"form": "raw", "lines": lines, "more": body.len() - shown})
}

/// Returns at most `room` bytes, without half a character at their end.
fn start(line: &[u8], room: usize) -> &[u8] {
    let Some(part) = line.get(..room) else {
        return line;
    };
    match std::str::from_utf8(part) {
        Err(error) if error.error_len().is_none() => &part[..error.valid_up_to()],
        _ => part,
    }
}

fn digits(body: &[u8]) -> Value {
    let mut shown = 0;
    let lines: Vec<Value> = hex::lines(body)
        .take(MAX_LINES)
        .map(|row| {
            // A letter for each byte.
            shown += row.letters.len();
            json!(format!("{}  {}  {}", row.offset, row.digits, row.letters))
        })
        .collect();
    json!({"form": "hex", "lines": lines, "more": body.len() - shown})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Puts the tokens of all lines together.
    fn tokens_of(shown: &Value) -> String {
        let lines = shown["lines"].as_array().unwrap().iter();
        let words = lines.flat_map(|line| line.as_array().unwrap().iter().skip(2).step_by(2));
        words.map(|word| word.as_str().unwrap()).collect()
    }

    #[test]
    fn json_is_laid_out_with_every_token_as_received() {
        let body = r#"{"n":[99999999999999999999,1.50,-0,1E400],"a":1,"a":"\ud800","":{}}"#;
        let shown = of(body.as_bytes(), Form::Best);
        assert_eq!(
            (&shown["form"], &shown["more"]),
            (&json!("json"), &json!(0))
        );
        assert_eq!(tokens_of(&shown), body);
        assert_eq!(
            shown["lines"][1],
            json!([1, "n", "\"n\"", "p", ":", "o", "["])
        );
    }

    #[test]
    fn other_bodies_are_text_or_hexadecimal() {
        let form = |body: &[u8], form| {
            let shown = of(body, form);
            (
                shown["form"].as_str().unwrap().to_owned(),
                shown["lines"].clone(),
            )
        };
        assert_eq!(
            form(b"a\tb\r\n\xe2\x80\xaec\\t", Form::Best),
            ("raw".into(), json!(["a\tb", "\\u202ec\\t"]))
        );
        assert_eq!(
            form(b"{\"a\":", Form::Best),
            ("raw".into(), json!(["{\"a\":"]))
        );
        assert_eq!(form(b"\xff", Form::Best).0, "hex");
        assert_eq!(
            form(b"\xffa\r\nb", Form::Raw),
            ("raw".into(), json!(["\u{fffd}a", "b"]))
        );
        assert_eq!(form(b"[1]", Form::Raw), ("raw".into(), json!(["[1]"])));
        assert_eq!(form(b"", Form::Best), ("raw".into(), json!([])));
    }

    #[test]
    fn sixteen_megabytes_are_a_bounded_answer_that_counts_the_rest() {
        const LEN: usize = 16 << 20;
        let nested = format!("{}0{}", "[".repeat(LEN / 2), "]".repeat(LEN / 2));
        for body in [
            format!("[\"{}\"]", "x".repeat(LEN)),
            format!("[{}0]", "0,".repeat(LEN / 2)),
            nested,
            "\n".repeat(LEN),
            "x".repeat(LEN),
            "\u{202e}".repeat(LEN / 3),
        ] {
            for form in [Form::Best, Form::Raw, Form::Hex] {
                let shown = of(body.as_bytes(), form);
                assert!(shown["lines"].as_array().unwrap().len() <= MAX_LINES + 1);
                // An unsafe character of three bytes is six when it is escaped.
                assert!(
                    shown.to_string().len() < 3 * MAX_TEXT,
                    "{}",
                    shown.to_string().len()
                );
                assert!(shown["more"].as_u64().unwrap() > 0);
            }
        }
    }

    #[test]
    fn what_is_not_shown_is_counted_in_bytes_as_received() {
        let more = |body: &[u8], form| of(body, form)["more"].clone();
        let string = format!("[\"{}\", 1]", "x".repeat(MAX_PIECE));
        assert_eq!(more(string.as_bytes(), Form::Best), "x\"".len());
        // A character that the limit divides is left out.
        let text = format!("x{}", "é".repeat(MAX_TEXT));
        assert_eq!(more(text.as_bytes(), Form::Raw), text.len() - MAX_TEXT + 1);
        assert_eq!(more(&vec![0xff; MAX_TEXT + 7], Form::Raw), 7);
        assert_eq!(more(&[0; 3], Form::Hex), 0);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}",:\\0-9a-z é]{0,80}"#) {
            for form in [Form::Best, Form::Raw, Form::Hex] {
                of(&body, form);
                of(text.as_bytes(), form);
            }
        }
    }
}
