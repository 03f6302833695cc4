//! Hides secrets in URLs, headers and bodies.

use std::borrow::Cow;

use ringtail_text::json::{self, Kind};

use super::{REDACTED, is_secret_field, is_secret_parameter};
use crate::body::utf8;

/// Deepest nesting of values in values, such as JSON in a form; what is deeper is hidden.
const MAX_DEPTH: u8 = 8;

/// Hides secrets by [`REDACTED`].
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// The secrets in order, if each has a number.
    seen: Option<Vec<String>>,
    depth: u8,
}

impl Redactor {
    /// Numbers the secrets, so that a reader sees which are equal.
    #[must_use]
    pub fn numbered() -> Self {
        Self {
            seen: Some(Vec::new()),
            depth: 0,
        }
    }

    fn hide(&mut self, secret: &str) -> String {
        let Some(seen) = &mut self.seen else {
            return REDACTED.to_owned();
        };
        let at = seen.iter().position(|known| known == secret);
        let at = at.unwrap_or_else(|| {
            seen.push(secret.to_owned());
            seen.len() - 1
        });
        format!("{REDACTED} {}", at + 1)
    }

    /// Hides the secrets in a path or URL: in its query and fragment, and the password before its host.
    pub fn url<'a>(&mut self, url: &'a str) -> Cow<'a, str> {
        let (path, pairs) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
        let mut out = self.without_password(path).into_owned();
        let mut rest = pairs;
        while let Some(separator) = rest.get(..1) {
            let pair = &rest[1..];
            // A secret may hold a semicolon.
            let ends: &[char] = match is_secret_pair(pair) {
                true => &['&', '#'],
                false => &['&', ';', '#'],
            };
            let end = pair.find(ends).unwrap_or(pair.len());
            out.push_str(separator);
            out.push_str(&self.pair(&pair[..end], is_secret_parameter));
            rest = &pair[end..];
        }
        match out == url {
            true => url.into(),
            false => out.into(),
        }
    }

    /// Hides the password in `scheme://user:password@host`.
    fn without_password<'a>(&mut self, url: &'a str) -> Cow<'a, str> {
        let login = url.split_once("://").and_then(|(scheme, rest)| {
            let authority = rest.split(['/', '\\']).next()?;
            let (login, _) = authority.rsplit_once('@')?;
            let (user, password) = login.split_once(':')?;
            Some((scheme.len() + 3 + user.len() + 1, password))
        });
        match login {
            Some((at, password)) if !password.is_empty() => {
                let (before, after) = (&url[..at], &url[at + password.len()..]);
                format!("{before}{}{after}", self.hide(password)).into()
            }
            _ => url.into(),
        }
    }

    /// Hides the value of a pair if it is a secret, else the secrets in it.
    fn pair<'a>(&mut self, pair: &'a str, is_secret: fn(&str) -> bool) -> Cow<'a, str> {
        let Some((name, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty())
        else {
            return pair.into();
        };
        if is_secret(&decoded(name)) {
            return format!("{name}={}", self.hide(value)).into();
        }
        let plain = decoded(value);
        match self.text(&plain) {
            Cow::Borrowed(_) => pair.into(),
            Cow::Owned(text) => {
                let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
                format!("{name}={}", encoded.replace("%E2%80%A2", "•")).into()
            }
        }
    }

    fn form<'a>(&mut self, form: &'a str, is_secret: fn(&str) -> bool) -> Cow<'a, str> {
        let pairs = form.split('&').map(|pair| self.pair(pair, is_secret));
        joined(form, &pairs.collect::<Vec<_>>(), "&")
    }

    /// Hides the secrets in a text that may be JSON or a form, or hold URLs or pairs.
    pub fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let is_json =
            start.starts_with(['{', '[']) || text.contains("\":") || text.contains("\" :");
        if !is_json && !text.contains(['?', '#', '=', '@']) {
            return text.into();
        }
        if self.depth == MAX_DEPTH {
            return self.hide(text).into();
        }
        self.depth += 1;
        let is_form = text.contains('&') && !text.contains(char::is_whitespace);
        let redacted = match is_json {
            true => self.json(text),
            false if is_form && !text.contains(['?', '#']) => self.form(text, is_secret_parameter),
            false => self.words(text),
        };
        self.depth -= 1;
        redacted
    }

    /// Hides the secrets of the URLs and pairs in a text.
    fn words<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let is_between = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',');
        let words = text.split_inclusive(is_between).map(|part| {
            let word = part.trim_end_matches(is_between);
            let redacted = match word.contains(['?', '#']) || word.contains("://") {
                true => self.url(word),
                // A code is a word in a sentence.
                false => self.form(word, is_secret_field),
            };
            match redacted {
                Cow::Borrowed(_) => part.into(),
                Cow::Owned(redacted) => (redacted + &part[word.len()..]).into(),
            }
        });
        joined(text, &words.collect::<Vec<_>>(), "")
    }

    /// Hides strings and numbers under the names of secrets, at any depth, and the secrets in other strings. A name may
    /// also be the value of `name` or `key`, before that of `value`. Works on text that is not quite JSON, too.
    fn json<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut name = Cow::Borrowed("");
        let (mut is_secret, mut is_named, mut hidden_depth) = (false, false, 0_usize);
        json::rewritten(text, |token| {
            match token.kind {
                Kind::Name => {
                    name = json::decoded(token.text);
                    is_secret = is_secret_field(&name) || is_named && name == "value";
                    return None;
                }
                Kind::Colon => return None,
                _ => {}
            }
            let is_hidden = is_secret || hidden_depth > 0;
            match token.kind {
                Kind::Open => hidden_depth += usize::from(is_hidden),
                Kind::Close => hidden_depth = hidden_depth.saturating_sub(1),
                // Text in other quotes may hold spaces.
                Kind::Other if is_hidden => return Some(self.hide(token.text)),
                Kind::Other => {
                    let word = token.text.trim_matches('\'');
                    is_secret =
                        text[token.end()..].trim_start().starts_with(':') && is_secret_field(word);
                    return match self.words(token.text) {
                        Cow::Borrowed(_) => None,
                        Cow::Owned(new) => Some(new),
                    };
                }
                _ => {}
            }
            is_secret = false;
            match token.kind {
                Kind::Open | Kind::Close => is_named = false,
                Kind::String => {
                    let value = json::decoded(token.text);
                    if matches!(&*name, "name" | "key") {
                        is_named = is_secret_field(&value);
                    }
                    let new = match is_hidden && !value.is_empty() {
                        true => self.hide(&value).into(),
                        false => self.text(&value),
                    };
                    if let Cow::Owned(new) = new {
                        return Some(json::literal(&new));
                    }
                }
                // `tokens: 5` counts.
                Kind::Number if is_hidden && !name.ends_with(['s', 'S']) => {
                    return Some(json::literal(&self.hide(token.text)));
                }
                _ => {}
            }
            None
        })
    }

    /// Hides the value of a header field if it is a secret, else the secrets in it.
    pub fn header<'a>(&mut self, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
        match is_secret_field(name) || is_bearer(value) {
            true if value.is_empty() => value.into(),
            true => self.hide(&latin1(value)).into_bytes().into(),
            false => of_bytes(value, |text| self.text(text)),
        }
    }

    /// Hides the secrets in a body: JSON, a form, the parts of a multipart form, or a text with URLs. One of UTF-16 with
    /// secrets becomes UTF-8.
    pub fn body<'a>(&mut self, content_type: Option<&[u8]>, body: &'a [u8]) -> Cow<'a, [u8]> {
        let Cow::Owned(text) = utf8(body) else {
            return self.message(content_type, body);
        };
        match self.message(content_type, &text) {
            Cow::Borrowed(_) => body.into(),
            Cow::Owned(redacted) => redacted.into(),
        }
    }

    fn message<'a>(&mut self, content_type: Option<&[u8]>, body: &'a [u8]) -> Cow<'a, [u8]> {
        let kind = content_type.map(String::from_utf8_lossy);
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let given = content_type
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let boundary = parameter(&given, "boundary").filter(|_| kind.starts_with("multipart/"));
        of_bytes(body, |text| match boundary {
            Some(boundary) => self.multipart(boundary, text),
            None if kind.starts_with("application/x-www-form-urlencoded") => {
                self.form(text, is_secret_parameter)
            }
            None => self.text(text),
        })
    }

    /// Hides the contents of parts with the names of secrets, and the secrets in the others.
    fn multipart<'a>(&mut self, boundary: &str, body: &'a str) -> Cow<'a, str> {
        let delimiter = format!("--{boundary}");
        let parts = body.split(delimiter.as_str());
        let parts: Vec<_> = parts.map(|part| self.part(part)).collect();
        joined(body, &parts, &delimiter)
    }

    fn part<'a>(&mut self, part: &'a str) -> Cow<'a, str> {
        let ends = ["\r\n\r\n", "\n\n"].into_iter();
        let Some(at) = ends
            .filter_map(|end| Some(part.find(end)? + end.len()))
            .min()
        else {
            return part.into();
        };
        let (head, content) = part.split_at(at);
        let (content, end) = content.split_at(content.trim_end_matches(['\r', '\n', '-']).len());
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let name = fields
            .filter(|(field, _)| field.trim().eq_ignore_ascii_case("content-disposition"))
            .find_map(|(_, value)| parameter(value, "name").or(parameter(value, "name*")));
        // `name*` is `UTF-8''name`.
        let name = name.and_then(|name| name.rsplit('\'').next());
        let new = match name.is_some_and(is_secret_parameter) && !content.is_empty() {
            true => self.hide(content).into(),
            false => self.text(content),
        };
        match new {
            Cow::Borrowed(_) => part.into(),
            Cow::Owned(new) => format!("{head}{new}{end}").into(),
        }
    }
}

/// Joins the parts of a text if one of them is new.
fn joined<'a>(text: &'a str, parts: &[Cow<'_, str>], between: &str) -> Cow<'a, str> {
    match parts.iter().any(|part| matches!(part, Cow::Owned(_))) {
        true => parts.join(between).into(),
        false => text.into(),
    }
}

/// Returns true if a pair of a query or form has the name of a secret, however that is encoded, and a value.
#[must_use]
pub fn is_secret_pair(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(name, value)| {
        !value.is_empty() && !value.starts_with('&') && is_secret_parameter(&decoded(name))
    })
}

/// Returns true if a field of any name holds a token as `Authorization` does: proxies copy it to other fields.
fn is_bearer(value: &[u8]) -> bool {
    const SCHEME: &[u8] = b"bearer ";
    let scheme = value.trim_ascii_start().get(..SCHEME.len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// Returns a parameter of a header field's value, without quotes.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let is = key.trim().eq_ignore_ascii_case(name) && !value.is_empty();
        is.then_some(value)
    })
}

/// Decodes a name or value of a query or form.
fn decoded(text: &str) -> String {
    let text = text.replace('&', "%26").replace('=', "%3D");
    let pair = form_urlencoded::parse(text.as_bytes()).next();
    pair.map_or_else(String::new, |(name, _)| name.into_owned())
}

/// Changes bytes as text. Bytes that are not UTF-8 stay what they are.
fn of_bytes<'a>(bytes: &'a [u8], change: impl FnOnce(&str) -> Cow<'_, str>) -> Cow<'a, [u8]> {
    if let Ok(text) = str::from_utf8(bytes) {
        return match change(text) {
            Cow::Borrowed(_) => bytes.into(),
            Cow::Owned(new) => new.into_bytes().into(),
        };
    }
    let text = latin1(bytes);
    let Cow::Owned(new) = change(&text) else {
        return bytes.into();
    };
    let mut out = Vec::with_capacity(new.len());
    for character in new.chars() {
        match u8::try_from(character) {
            Ok(byte) => out.push(byte),
            Err(_) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.into()
}

/// Returns a character for each byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests;
