//! Replaces values in JSON text.

use ringtail_text::json::{self, Kind};

use super::field::Field;

/// A value or name that may be replaced.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    /// The name of a member, decoded.
    Name(String),
    /// A string, decoded; with invalid escapes as written.
    Text(String),
    /// A number as written.
    Number(&'a str),
}

/// An open array or object.
#[derive(Debug, Clone, Copy)]
struct Open {
    is_object: bool,
    /// Kind of its values; for an array, that of its field.
    field: Field,
}

/// Calls `replace` with each name, string and number and inserts what it returns.
///
/// Returns `None` if the text is not JSON; a truncated document is rewritten up to its end. Nesting uses no stack.
pub(super) fn rewrite(
    text: &str,
    mut replace: impl FnMut(Field, Scalar<'_>) -> Option<String>,
) -> Option<String> {
    json::tokens(text)
        .next()
        .filter(|first| first.kind == Kind::Open)?;
    let mut stack: Vec<Open> = Vec::new();
    let mut is_json = true;
    let rewritten = json::rewritten(text, |token| {
        let field = stack.last().map(|open| open.field);
        is_json &= field.is_some() || token.kind == Kind::Open;
        match token.kind {
            Kind::Open => stack.push(Open {
                is_object: token.text == "{",
                field: field.filter(|_| token.text == "[").unwrap_or(Field::Text),
            }),
            Kind::Close => drop(stack.pop()),
            Kind::Name => match stack.last_mut() {
                Some(open) if open.is_object => {
                    let name = json::decoded(token.text);
                    open.field = Field::of_key(&name);
                    return replace(open.field, Scalar::Name(name.into_owned()));
                }
                _ => is_json = false,
            },
            // A word may break off at the end of the text.
            Kind::Other => {
                let mut words = ["true", "false", "null"].into_iter();
                is_json &=
                    token.end() == text.len() && words.any(|word| word.starts_with(token.text));
            }
            Kind::String => {
                return replace(field?, Scalar::Text(json::decoded(token.text).into_owned()));
            }
            Kind::Number => {
                let mut bytes = token.text.bytes();
                is_json &= bytes.all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                return replace(field?, Scalar::Number(token.text));
            }
            Kind::Comma | Kind::Colon | Kind::Word => {}
        }
        None
    });
    is_json.then(|| rewritten.into_owned())
}
