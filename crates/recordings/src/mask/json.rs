//! Replaces values in JSON text.

use super::field::Field;

/// A value that may be replaced.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    /// A string, decoded; with invalid escapes as written.
    Text(String),
    /// A number as written.
    Number(&'a str),
}

/// An open array or object.
#[derive(Debug, Clone, Copy)]
struct Open {
    object: bool,
    /// Kind of its values; for an array, that of its field.
    field: Field,
    /// In an object: whether a value comes next.
    value: bool,
}

/// Calls `replace` with each string and number and inserts what it returns.
///
/// Returns `None` if the text is not JSON; a truncated document is rewritten up to its end. Nesting uses no stack.
pub(super) fn rewrite(
    text: &str,
    mut replace: impl FnMut(Field, Scalar<'_>) -> Option<String>,
) -> Option<String> {
    let bytes = text.as_bytes();
    if !bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| b"{[".contains(byte))
    {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut stack: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        match byte {
            b'{' | b'[' => {
                let field = match (byte, stack.last()) {
                    (b'[', Some(open)) => open.field,
                    _ => Field::Text,
                };
                stack.push(Open {
                    object: byte == b'{',
                    field,
                    value: false,
                });
            }
            b'}' | b']' => {
                stack.pop()?;
            }
            b':' => stack.last_mut()?.value = true,
            b',' => {
                let open = stack.last_mut()?;
                open.value = false;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                end = string_end(bytes, at);
                let decoded = decode(&text[at..end]);
                let open = stack.last_mut()?;
                if open.object && !open.value {
                    open.field = Field::of_key(&decoded);
                } else if let Some(new) = replace(open.field, Scalar::Text(decoded)) {
                    out.push_str(&new);
                    at = end;
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => {
                end = at
                    + run(&bytes[at..], |byte| {
                        byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
                    });
                let open = stack.last()?;
                if let Some(new) = replace(open.field, Scalar::Number(&text[at..end])) {
                    out.push_str(&new);
                    at = end;
                    continue;
                }
            }
            b't' | b'f' | b'n' => {
                end = at + run(&bytes[at..], |byte| byte.is_ascii_lowercase());
                if !["true", "false", "null"].contains(&&text[at..end]) && end < bytes.len() {
                    return None;
                }
            }
            _ => return None,
        }
        out.push_str(&text[at..end]);
        at = end;
    }
    Some(out)
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

/// Returns the end of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn decode(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_else(|_| literal.trim_matches('"').to_owned())
}
