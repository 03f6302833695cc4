//! JSON as it was received: tokens of a text, none of them changed.
//!
//! Every reader that shows, compares, filters or redacts JSON uses these tokens. Parsed values lose what people look
//! for: the digits of a number, one of two equal names, an escape, a lone surrogate, `1E400`.
//!
//! The tokens come in one pass without recursion or memory. They are not checked: a text that is no JSON, or that breaks
//! off, has tokens, too. [`is_valid`] checks.

use std::borrow::Cow;
use std::iter::Peekable;

/// Deepest nesting that [`indented`] indents further.
pub const MAX_INDENT: usize = 24;

/// A token with its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// Its first byte in the text.
    pub at: usize,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// `,`.
    Comma,
    /// `:`.
    Colon,
    /// A string before a colon.
    Name,
    /// Any other string; without its last quote if the text breaks off in it.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// Anything that is not JSON.
    Other,
}

impl Token<'_> {
    /// Returns where the token ends.
    #[must_use]
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// Returns true if the token is a value or begins one.
    fn is_value(&self) -> bool {
        matches!(
            self.kind,
            Kind::Open | Kind::String | Kind::Number | Kind::Word
        )
    }
}

/// Returns the tokens of a text.
#[must_use]
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

/// See [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        self.at = skip_space(bytes, self.at);
        let at = self.at;
        let rest = bytes.get(at..)?;
        let run = |belongs: fn(&u8) -> bool| {
            let run = rest.iter().take_while(|byte| belongs(byte));
            run.count().max(1)
        };
        let (kind, len) = match rest.first()? {
            b'{' | b'[' => (Kind::Open, 1),
            b'}' | b']' => (Kind::Close, 1),
            b',' => (Kind::Comma, 1),
            b':' => (Kind::Colon, 1),
            b'"' => {
                let len = string_len(rest);
                match bytes.get(skip_space(bytes, at + len)) {
                    Some(b':') => (Kind::Name, len),
                    _ => (Kind::String, len),
                }
            }
            b'-' | b'0'..=b'9' => (
                Kind::Number,
                run(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)),
            ),
            _ => {
                let len = run(|byte| !byte.is_ascii_whitespace() && !b"{}[],:\"".contains(byte));
                match &rest[..len] {
                    b"true" | b"false" | b"null" => (Kind::Word, len),
                    _ => (Kind::Other, len),
                }
            }
        };
        self.at += len;
        // Every token ends before or after an ASCII character.
        let text = self.text.get(at..at + len)?;
        Some(Token { kind, text, at })
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = bytes.get(at..).unwrap_or_default().iter();
    at + space
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count()
}

/// Returns the length of the string that the bytes begin with.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns true if the text is one JSON value, whatever the size of its numbers and the depth of its nesting.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// Returns a string literal as text. A lone surrogate becomes U+FFFD, and an invalid escape stays as written.
#[must_use]
pub fn decoded(literal: &str) -> Cow<'_, str> {
    let inner = literal.strip_prefix('"').unwrap_or(literal);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        rest = unescape(after, &mut text);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Decodes the escape whose backslash precedes `rest`, and returns what follows it.
fn unescape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let mut chars = rest.chars();
    let plain = match chars.next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some(c @ ('"' | '\\' | '/')) => c,
        Some('u') => {
            let Some((unit, after)) = code_unit(rest) else {
                out.push('\\');
                return rest;
            };
            let pair = after.strip_prefix('\\').and_then(code_unit);
            if let Some((low, after)) = pair
                && let Some(Ok(c)) = char::decode_utf16([unit, low]).next()
                && c > '\u{ffff}'
            {
                out.push(c);
                return after;
            }
            out.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
            return after;
        }
        _ => {
            out.push('\\');
            return rest;
        }
    };
    out.push(plain);
    chars.as_str()
}

/// Reads `u` and four hexadecimal digits.
fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, after) = text.strip_prefix('u')?.split_at_checked(4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some((unit, after))
}

/// Returns a string literal of a text.
#[must_use]
pub fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the members of the object that the text begins with, in order, equal names included: each name, decoded, and
/// the text of its value. An object or array that the text breaks off in is the rest of the text.
pub fn members(text: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut parts = parts(text, "{");
    std::iter::from_fn(move || {
        loop {
            let token = parts.next_inside()?;
            if token.kind != Kind::Name {
                continue;
            }
            parts.tokens.next_if(|token| token.kind == Kind::Colon);
            let value = parts.next_inside().filter(Token::is_value);
            if let Some(value) = value.and_then(|first| parts.whole(first)) {
                return Some((decoded(token.text), value));
            }
        }
    })
}

/// Returns the texts of the elements of the array that the text begins with.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut parts = parts(text, "[");
    std::iter::from_fn(move || {
        loop {
            let token = parts.next_inside()?;
            if token.is_value() {
                return parts.whole(token);
            }
        }
    })
}

/// Returns true if a string has its last quote.
fn is_closed(literal: &str) -> bool {
    let inner = literal.get(1..).unwrap_or_default().strip_suffix('"');
    inner.is_some_and(|inner| {
        let kept = inner.trim_end_matches('\\');
        (inner.len() - kept.len()).is_multiple_of(2)
    })
}

struct Parts<'a> {
    text: &'a str,
    tokens: Peekable<Tokens<'a>>,
    ended: bool,
}

fn parts<'a>(text: &'a str, open: &str) -> Parts<'a> {
    let mut tokens = tokens(text).peekable();
    let ended = tokens.next_if(|token| token.text == open).is_none();
    Parts {
        text,
        tokens,
        ended,
    }
}

impl<'a> Parts<'a> {
    /// Returns the next token, up to the end of the object or array.
    fn next_inside(&mut self) -> Option<Token<'a>> {
        let next = self.tokens.next().filter(|_| !self.ended);
        self.ended |= next.is_none_or(|token| token.kind == Kind::Close);
        next.filter(|_| !self.ended)
    }

    /// Returns the text of the value that a token begins; `None` for a string that the text breaks off in.
    fn whole(&mut self, first: Token<'a>) -> Option<&'a str> {
        if first.kind == Kind::String && !is_closed(first.text) {
            return None;
        }
        let (mut depth, mut last) = (0_usize, first);
        loop {
            match last.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return self.text.get(first.at..last.end());
            }
            match self.tokens.next() {
                Some(next) => last = next,
                None => return self.text.get(first.at..),
            }
        }
    }
}

/// Returns a text with other text in place of each token for which `replace` returns some.
pub fn rewritten<'a>(
    text: &'a str,
    mut replace: impl FnMut(&Token<'a>) -> Option<String>,
) -> Cow<'a, str> {
    let (mut out, mut done) = (String::new(), 0);
    for token in tokens(text) {
        if let Some(new) = replace(&token) {
            out.push_str(text.get(done..token.at).unwrap_or_default());
            out.push_str(&new);
            done = token.end();
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Returns a text with other values: `replace` gets each first token of a member's value, and the member's name before it.
pub fn with_values<'a>(
    text: &'a str,
    mut replace: impl FnMut(&'a str, &Token<'a>) -> Option<String>,
) -> Cow<'a, str> {
    let mut names = Names::default();
    rewritten(text, |token| replace(names.before(token)?, token))
}

/// Remembers the name before a value.
#[derive(Default)]
struct Names<'a>(Option<&'a str>);

impl<'a> Names<'a> {
    /// Returns the name of the member whose value a token begins.
    fn before(&mut self, token: &Token<'a>) -> Option<&'a str> {
        match token.kind {
            Kind::Name => self.0 = Some(token.text),
            Kind::Colon => {}
            _ => return self.0.take(),
        }
        None
    }
}

/// A token or a line break of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A token. A colon comes with a space.
    Token(Token<'a>),
    /// A line break, with the depth of the next line.
    Break(usize),
}

/// Calls `each` with the pieces of a text laid out with one member or element on a line, until it returns false.
pub fn lay_out<'a>(text: &'a str, mut each: impl FnMut(Piece<'a>) -> bool) {
    let mut depth = 0_usize;
    let mut tokens = tokens(text).peekable();
    while let Some(token) = tokens.next() {
        let closes = tokens
            .peek()
            .is_some_and(|next| token.kind == Kind::Open && next.kind == Kind::Close);
        let go_on = match token.kind {
            Kind::Open if closes => {
                let close = tokens.next();
                each(Piece::Token(token)) && close.is_none_or(|close| each(Piece::Token(close)))
            }
            Kind::Open => {
                depth += 1;
                each(Piece::Token(token)) && each(Piece::Break(depth))
            }
            Kind::Close => {
                depth = depth.saturating_sub(1);
                each(Piece::Break(depth)) && each(Piece::Token(token))
            }
            Kind::Comma => each(Piece::Token(token)) && each(Piece::Break(depth)),
            _ => each(Piece::Token(token)),
        };
        if !go_on {
            return;
        }
    }
}

/// Returns JSON with one member or element on a line and every token as written; `None` if the text is not JSON.
///
/// `replace` may give another text for the value of a member, as in [`with_values`].
pub fn indented<'a>(
    text: &'a str,
    mut replace: impl FnMut(&'a str, &Token<'a>) -> Option<String>,
) -> Option<String> {
    if !is_valid(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut names = Names::default();
    lay_out(text, |piece| {
        match piece {
            Piece::Break(depth) => {
                out.push('\n');
                (0..depth.min(MAX_INDENT)).for_each(|_| out.push_str("  "));
            }
            Piece::Token(token) => {
                let name = names.before(&token);
                let new = name.and_then(|name| replace(name, &token));
                out.push_str(new.as_deref().unwrap_or(token.text));
                if token.kind == Kind::Colon {
                    out.push(' ');
                }
            }
        }
        true
    });
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// JSON text with everything that a parsed value loses.
    fn any_json() -> impl Strategy<Value = String> {
        let space = "[ \t\r\n]{0,2}";
        let string = prop_oneof![
            "\"[a-z ]{0,5}\"".boxed(),
            "\"(\\\\u[0-9a-fA-F]{4}|\\\\[nrtbf/\"\\\\]|[a-z{}\\[\\],:•]){0,6}\"".boxed(),
        ];
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?".boxed(),
            "true|false|null".boxed(),
            string.clone().boxed(),
        ];
        leaf.prop_recursive(4, 48, 4, move |inner| {
            let member = (string.clone(), space, inner.clone(), space)
                .prop_map(|(name, a, value, b)| format!("{a}{name}{a}:{b}{value}{b}"));
            prop_oneof![
                (prop::collection::vec(member, 0..4), space)
                    .prop_map(|(all, a)| format!("{{{a}{}{a}}}", all.join(","))),
                (prop::collection::vec(inner, 0..4), space)
                    .prop_map(|(all, a)| format!("[{a}{}]", all.join(&format!("{a},")))),
            ]
        })
    }

    fn words(text: &str) -> Vec<&str> {
        tokens(text).map(|token| token.text).collect()
    }

    proptest! {
        #[test]
        fn a_layout_changes_white_space_alone(text in any_json()) {
            prop_assert!(is_valid(&text), "{text}");
            let laid = indented(&text, |_, _| None).unwrap();
            prop_assert!(is_valid(&laid), "{laid}");
            prop_assert_eq!(words(&laid), words(&text));
            prop_assert_eq!(indented(&laid, |_, _| None).unwrap(), laid);
        }

        #[test]
        fn parts_are_the_whole(text in any_json()) {
            let name = |name: &str| literal(name);
            match text.trim_start().chars().next() {
                Some('{') => {
                    let all: Vec<String> = members(&text).map(|(key, value)| format!("{}:{value}", name(&key))).collect();
                    let again = format!("{{{}}}", all.join(","));
                    prop_assert!(is_valid(&again), "{again}");
                    let kinds = |text: &str| tokens(text).map(|token| token.kind).collect::<Vec<_>>();
                    prop_assert_eq!(kinds(&again), kinds(&text));
                }
                Some('[') => {
                    let all: Vec<&str> = items(&text).collect();
                    let again = format!("[{}]", all.join(","));
                    prop_assert_eq!(words(&again), words(&text));
                }
                _ => prop_assert_eq!(items(&text).count() + members(&text).count(), 0),
            }
        }

        #[test]
        fn strings_decode_as_a_parser_decodes_them(text in "(\\\\u[0-9a-f]{4}|\\\\[nrtbf/\"\\\\]|[a-zé]){0,8}") {
            let literal = format!("\"{text}\"");
            if let Ok(parsed) = serde_json::from_str::<String>(&literal) {
                prop_assert_eq!(decoded(&literal), parsed);
            }
        }

        #[test]
        fn any_text_has_tokens_that_cover_it(text in "[\\PC \n\"\\\\{}\\[\\],:0-9a-z]{0,40}") {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.at >= end && !token.text.is_empty());
                prop_assert!(text[end..token.at].trim_matches([' ', '\t', '\r', '\n']).is_empty());
                end = token.end();
            }
            prop_assert!(text[end..].trim_matches([' ', '\t', '\r', '\n']).is_empty());
            lay_out(&text, |_| true);
            members(&text).chain(items(&text).map(|item| ("".into(), item))).for_each(drop);
        }
    }

    #[test]
    fn what_a_parser_loses_stays() {
        let text =
            r#"{"n":[99999999999999999999,1.50,1e2,-0,1E400],"n":"\ud800","\ud800":{},"e":[ ]}"#;
        insta::assert_snapshot!(indented(text, |_, _| None).unwrap(), @r#"
        {
          "n": [
            99999999999999999999,
            1.50,
            1e2,
            -0,
            1E400
          ],
          "n": "\ud800",
          "\ud800": {},
          "e": []
        }
        "#);
    }

    #[test]
    fn only_json_is_indented() {
        for text in [
            "",
            "{",
            "{}{}",
            "[1,]",
            "{\"a\":1e}",
            "\u{feff}{}",
            "[01]",
            "nul",
            "{'a':1}",
        ] {
            assert_eq!(indented(text, |_, _| None), None, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(indented(&deep, |_, _| None).is_some());
    }

    #[test]
    fn escapes_are_decoded_and_lone_surrogates_replaced() {
        for (literal, text) in [
            (r#""a\u0041\n\/\\""#, "aA\n/\\"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""x\ud800y""#, "x\u{fffd}y"),
            (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\q\u12""#, "\\q\\u12"),
            ("\"cut", "cut"),
        ] {
            assert_eq!(decoded(literal), text, "{literal}");
        }
    }

    #[test]
    fn only_the_given_tokens_are_rewritten() {
        let number = |token: &Token<'_>| (token.kind == Kind::Number).then(|| "0".to_owned());
        assert_eq!(
            rewritten("{ \"1\" : 1.50,\n[2 , \"x", number),
            "{ \"1\" : 0,\n[0 , \"x"
        );
        assert!(matches!(rewritten("[ ]", number), Cow::Borrowed("[ ]")));
    }

    #[test]
    fn a_text_that_breaks_off_has_parts() {
        let text = r#"{"a":1,"b":{"c":[1,2"#;
        let all: Vec<_> = members(text).collect();
        assert_eq!(all, [("a".into(), "1"), ("b".into(), r#"{"c":[1,2"#)]);
        for cut in [
            "[1,[2],\"x",
            "[1,[2],\"",
            "[1,[2],\"x\\\"",
            "[1,[2],\"x\\\\\\\"",
        ] {
            assert_eq!(items(cut).collect::<Vec<_>>(), ["1", "[2]"], "{cut}");
        }
        assert_eq!(items(r#"["x\\""#).collect::<Vec<_>>(), [r#""x\\""#]);
    }
}
