//! From text to tree.
//!
//! ```text
//! any     all { ("or" | "|") all }
//! all     not { ["and" | "&"] not }
//! not     { "not" | "!" } one
//! one     "(" any ")" | word [":" value] | path operator value | "~" pattern | text
//! value   text | "~" pattern
//! text    bare | '"' … '"'
//! ```

use super::expr::{Comparison, Expr, Order, Test};
use super::json_path::JsonPath;
use super::text::{Fit, Text};
use super::words::{self, Means};
use super::{FilterError, MAX_CHARS, values};

/// How deep parentheses and negations may nest.
const MAX_DEPTH: usize = 64;

/// A syntax error at a character.
struct Wrong {
    at: usize,
    message: String,
}

/// Parses a filter; `None` if it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Expr>, FilterError> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        depth: 0,
    };
    parser.whole().map_err(|wrong| FilterError {
        message: wrong.message,
        at: wrong.at,
        text: text.chars().take(MAX_CHARS).collect(),
    })
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn whole(&mut self) -> Result<Option<Expr>, Wrong> {
        if self.chars.len() > MAX_CHARS {
            return Err(Wrong {
                at: MAX_CHARS,
                message: format!("a filter has at most {MAX_CHARS} characters"),
            });
        }
        self.blanks();
        if self.peek().is_none() {
            return Ok(None);
        }
        let expr = self.any()?;
        if self.peek().is_some() {
            return self.wrong("unmatched )");
        }
        Ok(Some(expr))
    }

    fn any(&mut self) -> Result<Expr, Wrong> {
        let mut parts = vec![self.all()?];
        while self.takes("or", '|') {
            parts.push(self.all()?);
        }
        Ok(Expr::any(parts))
    }

    fn all(&mut self) -> Result<Expr, Wrong> {
        let mut parts = vec![self.not()?];
        loop {
            self.blanks();
            let joined = self.takes("and", '&');
            let ends = self.peek().is_none_or(|c| c == ')' || c == '|') || self.is_word("or");
            if ends && !joined {
                return Ok(Expr::all(parts));
            }
            parts.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Expr, Wrong> {
        self.blanks();
        let at = self.at;
        if !self.takes("not", '!') {
            return self.one();
        }
        self.deeper(at, |parser| {
            parser.not().map(|expr| Expr::Not(Box::new(expr)))
        })
    }

    fn deeper<T>(
        &mut self,
        at: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, Wrong>,
    ) -> Result<T, Wrong> {
        if self.depth >= MAX_DEPTH {
            let message = "nested too deeply".to_owned();
            return Err(Wrong { at, message });
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn one(&mut self) -> Result<Expr, Wrong> {
        let at = self.at;
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let expr = self.deeper(at, Self::any)?;
                self.blanks();
                if self.peek() != Some(')') {
                    return wrong(at, "unmatched (");
                }
                self.at += 1;
                Ok(expr)
            }
            Some('"') => {
                let text = self.quoted()?;
                self.text(at, text, Fit::Part)
                    .map(Test::Anywhere)
                    .map(Expr::Test)
            }
            Some('~') => {
                self.at += 1;
                self.pattern().map(Test::Anywhere).map(Expr::Test)
            }
            None | Some(')' | '&' | '|') => self.wrong("a term is missing here"),
            Some('=' | '<' | '>') => {
                self.wrong("a comparison needs a JSON path before it, as in body.status = Answered")
            }
            Some('!') => self
                .wrong("a comparison needs a JSON path before it, as in body.status != Answered"),
            Some(_) => self.bare().map(Expr::Test),
        }
    }

    /// Parses a word, a path with its comparison, or a text.
    fn bare(&mut self) -> Result<Test, Wrong> {
        let at = self.at;
        let mut name = String::new();
        while let Some(character) = self.peek() {
            let sign = match character {
                '(' | ')' | '|' | '&' | '"' | '=' | '<' | '>' | '~' => true,
                '!' => self.chars.get(self.at + 1) == Some(&'='),
                other => other.is_whitespace(),
            };
            if sign {
                break;
            }
            if character == ':' && self.is_name_of_word(&name) {
                self.at += 1;
                return self.word(at, &name);
            }
            if character == ':' && name.starts_with("body.") && JsonPath::parse(&name).is_some() {
                return self.wrong(format!(
                    "a JSON path needs an operator, as in {name} = value or {name} ~ value; quote text with a colon"
                ));
            }
            if character == '[' && self.chars.get(self.at + 1) == Some(&'"') {
                self.bracket(&mut name)?;
                continue;
            }
            name.push(character);
            self.at += 1;
        }
        if let Some(test) = self.comparison(at, &name)? {
            return Ok(test);
        }
        if words::JOINERS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(&name))
        {
            return wrong(
                at,
                format!("{name} is an operator; quote it to search for it"),
            );
        }
        match words::find(&name).map(|word| word.means) {
            Some(Means::Flag(flag)) => Ok(Test::Flag(flag)),
            _ => self.text(at, name, Fit::Part).map(Test::Anywhere),
        }
    }

    /// Returns true if the text before a colon is a word and not the scheme of a URL.
    fn is_name_of_word(&self, name: &str) -> bool {
        let behind = self.chars.get(self.at + 1..self.at + 3);
        let header = name
            .get(..7)
            .is_some_and(|begin| begin.eq_ignore_ascii_case("header."));
        let letters = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        (letters || header) && behind != Some(&['/', '/'])
    }

    /// Copies `["…"]` of a path.
    fn bracket(&mut self, name: &mut String) -> Result<(), Wrong> {
        let at = self.at;
        name.push('[');
        self.at += 1;
        let from = self.at;
        self.quoted()?;
        name.extend(&self.chars[from..self.at]);
        if self.peek() != Some(']') {
            return wrong(at, "unmatched [");
        }
        name.push(']');
        self.at += 1;
        Ok(())
    }

    fn comparison(&mut self, at: usize, name: &str) -> Result<Option<Test>, Wrong> {
        let before = self.at;
        self.blanks();
        let spaced = self.at > before;
        let sign: String = self.chars[self.at..].iter().take(2).collect();
        let (len, kind) = match sign.as_str() {
            "!=" => (2, Sign::IsNot),
            "<=" => (2, Sign::Order(Order::AtMost)),
            ">=" => (2, Sign::Order(Order::AtLeast)),
            "==" => (2, Sign::Is),
            _ if sign.starts_with('=') => (1, Sign::Is),
            _ if sign.starts_with('<') => (1, Sign::Order(Order::Less)),
            _ if sign.starts_with('>') => (1, Sign::Order(Order::More)),
            // `a ~b` is two terms, `a ~ b` and `a~b` are comparisons.
            _ if sign.starts_with('~') && !(spaced && sign.len() > 1 && sign != "~ ") => {
                (1, Sign::Fits)
            }
            _ => {
                self.at = before;
                return Ok(None);
            }
        };
        let Some(path) = JsonPath::parse(name) else {
            return wrong(
                at,
                "not a JSON path such as body.parties[*].status.code; quote text with =, <, > or ~",
            );
        };
        self.at += len;
        self.blanks();
        let value_at = self.at;
        let comparison = match kind {
            Sign::Fits => Comparison::Fits(self.pattern()?),
            Sign::Is | Sign::IsNot | Sign::Order(_) => {
                let value = self.value("a value is missing here")?;
                match kind {
                    Sign::Order(order) => Comparison::Order(order, value),
                    Sign::Is => Comparison::Is(self.text(value_at, value, Fit::Whole)?),
                    _ => Comparison::IsNot(self.text(value_at, value, Fit::Whole)?),
                }
            }
        };
        Ok(Some(Test::Json(path, comparison)))
    }

    /// Parses the value after the colon.
    fn word(&mut self, at: usize, name: &str) -> Result<Test, Wrong> {
        let header = name
            .split_once('.')
            .map(|(_, header)| header.to_ascii_lowercase());
        let means = match (&header, words::find(name)) {
            (Some(header), _) if header.is_empty() => {
                return wrong(at, "the header's name is missing, as in header.user-agent:");
            }
            (Some(_), _) => Means::Header,
            (None, Some(word)) if word.value.is_some() => word.means,
            (None, Some(word)) => {
                return wrong(at, format!("{} has no value; remove the colon", word.name));
            }
            (None, None) => {
                let known = words::WORDS.iter().map(|word| word.name);
                let hint =
                    words::nearest(name, known).map(|near| format!("; did you mean {near}:?"));
                return wrong(
                    at,
                    format!(
                        "unknown word {name}:{}",
                        hint.unwrap_or_else(|| "; quote text with a colon".to_owned())
                    ),
                );
            }
        };
        let value_at = self.at;
        let missing = format!("a value is missing after {name}:");
        let fit = match means {
            Means::Field(_, fit) => Some(fit),
            Means::Header => Some(Fit::Part),
            _ => None,
        };
        if let Some(fit) = fit {
            let text = if self.peek() == Some('~') {
                self.at += 1;
                self.pattern()?
            } else {
                let value = self.value(&missing)?;
                self.text(value_at, value, fit)?
            };
            return match (means, header) {
                (Means::Field(field, _), _) => {
                    values::checked(field, text).map_err(|message| Wrong {
                        at: value_at,
                        message,
                    })
                }
                (_, header) => Ok(Test::Header(header.unwrap_or_default(), text)),
            };
        }
        let value = self.value(&missing)?;
        values::plain(means, &value).map_err(|message| Wrong {
            at: value_at,
            message,
        })
    }

    /// Parses a value, quoted or not, that is not empty.
    fn value(&mut self, missing: &str) -> Result<String, Wrong> {
        let at = self.at;
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let mut value = String::new();
        while let Some(character) = self.peek() {
            if character == '[' && self.chars.get(self.at + 1) == Some(&'"') {
                self.bracket(&mut value)?;
                continue;
            }
            if character.is_whitespace() || matches!(character, '(' | ')' | '|' | '&' | '"') {
                break;
            }
            value.push(character);
            self.at += 1;
        }
        if value.is_empty() {
            return wrong(
                at,
                match self.peek() {
                    Some('(') => format!("{missing}; put one with parentheses in quotes"),
                    _ => missing.to_owned(),
                },
            );
        }
        Ok(value)
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let at = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(character) = self.next() else {
                return wrong(at, "unmatched \"");
            };
            match character {
                '"' => return Ok(text),
                '\\' => text.extend(self.next()),
                other => text.push(other),
            }
        }
    }

    /// Parses a regular expression, quoted or up to a space or an unmatched closing parenthesis.
    fn pattern(&mut self) -> Result<Text, Wrong> {
        let at = self.at;
        let mut pattern = String::new();
        let quoted = self.peek() == Some('"');
        if quoted {
            self.at += 1;
        }
        let mut open = 0_usize;
        loop {
            let Some(character) = self.peek() else {
                if quoted {
                    return wrong(at, "unmatched \"");
                }
                break;
            };
            match character {
                '"' if quoted => {
                    self.at += 1;
                    break;
                }
                '\\' => {
                    self.at += 1;
                    // `\"` is a quote; other escapes belong to the expression.
                    match self.peek() {
                        Some('"') => {}
                        _ => pattern.push('\\'),
                    }
                    if let Some(escaped) = self.peek() {
                        pattern.push(escaped);
                        self.at += 1;
                    }
                    continue;
                }
                _ if quoted => {}
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                other if other.is_whitespace() => break,
                _ => {}
            }
            pattern.push(character);
            self.at += 1;
        }
        if pattern.is_empty() {
            return wrong(at, "a regular expression is missing after ~");
        }
        self.text(at, pattern, Fit::Pattern)
    }

    fn text(&self, at: usize, text: String, fit: Fit) -> Result<Text, Wrong> {
        if text.is_empty() && fit != Fit::Whole {
            return wrong(at, "the text is empty");
        }
        Text::new(text, fit).map_err(|message| Wrong { at, message })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Returns true if the next word is `word`.
    fn is_word(&self, word: &str) -> bool {
        let end = self.at + word.len();
        let same = self.chars.get(self.at..end).is_some_and(|here| {
            let mut pairs = here.iter().zip(word.chars());
            pairs.all(|(here, letter)| here.eq_ignore_ascii_case(&letter))
        });
        let over = self
            .chars
            .get(end)
            .is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | '"' | '!' | '~'));
        same && over
    }

    /// Consumes an operator, as a word or sign. `!=` is not a negation.
    fn takes(&mut self, word: &str, sign: char) -> bool {
        self.blanks();
        let is_sign = self.peek() == Some(sign)
            && !(sign == '!' && self.chars.get(self.at + 1) == Some(&'='));
        if is_sign {
            self.at += 1;
        } else if self.is_word(word) {
            self.at += word.len();
        } else {
            return false;
        }
        true
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        wrong(self.at, message)
    }
}

enum Sign {
    Is,
    IsNot,
    Order(Order),
    Fits,
}

fn wrong<T>(at: usize, message: impl Into<String>) -> Result<T, Wrong> {
    let message = message.into();
    Err(Wrong { at, message })
}
