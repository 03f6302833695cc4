//! Replaces names in texts and JSON by their values.
//!
//! `${name}` stands for the value anywhere in a text. A text that is `#{name}` and nothing else stands for a
//! JSON number, boolean or null. `$${` stands for `${` itself.

use serde_json::Value;

use super::fresh::{Fresh, Parameters};

/// How deep values may name other values; more is a circle.
const MAX_DEPTH: u8 = 8;

/// Most bytes that one text may grow to.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FillError {
    /// An unknown name.
    Unknown {
        /// The name.
        name: String,
    },
    /// Values that name each other in a circle.
    Circle {
        /// Where it was noticed.
        name: String,
    },
    /// A name that has no end.
    Open {
        /// What follows its beginning.
        rest: String,
    },
    /// A text where JSON needs a number.
    NotScalar {
        /// The name.
        name: String,
        /// The text.
        value: String,
    },
    /// More than anybody needs.
    TooLong,
}

impl std::fmt::Display for FillError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "there is no value for ${{{name}}}"),
            Self::Circle { name } => write!(f, "the value of ${{{name}}} names itself"),
            Self::Open { rest } => write!(f, "a name has no closing brace: {rest:?}"),
            Self::NotScalar { name, value } => {
                write!(
                    f,
                    "{name} must be a number, true, false or null, not {value:?}"
                )
            }
            Self::TooLong => write!(f, "a text grows over {MAX_TEXT_BYTES} bytes"),
        }
    }
}

impl std::error::Error for FillError {}

/// Fills every text of a JSON value.
pub(super) fn fill_json(
    value: &Value,
    given: &Parameters,
    fresh: &mut Fresh,
) -> Result<Value, FillError> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix("#{").and_then(|t| t.strip_suffix('}')) {
            Some(name) => scalar(name, given, fresh)?,
            None => Value::String(fill_text(text, given, fresh)?),
        },
        Value::Array(items) => {
            let filled = items.iter().map(|item| fill_json(item, given, fresh));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let filled = fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), fill_json(value, given, fresh)?)));
            Value::Object(filled.collect::<Result<_, FillError>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// Fills a text.
pub(super) fn fill_text(
    text: &str,
    given: &Parameters,
    fresh: &mut Fresh,
) -> Result<String, FillError> {
    fill(text, given, fresh, 0)
}

/// Writes a text so that filling gives it back.
pub(super) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn fill(text: &str, given: &Parameters, fresh: &mut Fresh, depth: u8) -> Result<String, FillError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = &from["${".len()..];
            continue;
        }
        filled.push_str(before);
        let Some((name, after)) = from["${".len()..].split_once('}') else {
            let rest = from.chars().take(40).collect();
            return Err(FillError::Open { rest });
        };
        filled.push_str(&named(name, given, fresh, depth)?);
        if filled.len() > MAX_TEXT_BYTES {
            return Err(FillError::TooLong);
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn named(
    name: &str,
    given: &Parameters,
    fresh: &mut Fresh,
    depth: u8,
) -> Result<String, FillError> {
    if depth >= MAX_DEPTH {
        let name = name.to_owned();
        return Err(FillError::Circle { name });
    }
    let value = fresh.value(name, given).ok_or_else(|| FillError::Unknown {
        name: name.to_owned(),
    })?;
    fill(&value, given, fresh, depth + 1)
}

fn scalar(name: &str, given: &Parameters, fresh: &mut Fresh) -> Result<Value, FillError> {
    let value = named(name, given, fresh, 0)?;
    match serde_json::from_str(value.trim()) {
        Ok(scalar @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => Ok(scalar),
        _ => Err(FillError::NotScalar {
            name: name.to_owned(),
            value,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Parameters {
        Parameters::from_iter([
            ("a", "1"),
            ("b", "<${a}>"),
            ("round", "${about}"),
            ("about", "${round}"),
            ("word", "x\"y"),
        ])
    }

    #[test]
    fn names_become_values_and_escapes_become_names() {
        let mut fresh = Fresh::new(1, 0);
        for (text, expected) in [
            ("", Ok("")),
            ("plain } $ { #{a}", Ok("plain } $ { #{a}")),
            ("${a}${b}", Ok("1<1>")),
            ("$${a} $$${a}", Ok("${a} $${a}")),
            ("${round}", Err("the value of ${round} names itself")),
            ("x${nobody}", Err("there is no value for ${nobody}")),
            ("${a", Err("a name has no closing brace: \"${a\"")),
        ] {
            let filled = fill_text(text, &given(), &mut fresh).map_err(|error| error.to_string());
            assert_eq!(
                filled.as_deref().map_err(String::as_str),
                expected,
                "{text}"
            );
        }
        for text in ["${a} and $${b}", "$$${a}"] {
            assert_eq!(
                fill_text(&escape(text), &given(), &mut fresh).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn json_keeps_its_types() {
        let mut fresh = Fresh::new(1, 0);
        let template = serde_json::json!({"n": "#{a}", "t": "${a}", "w": ["${word}", null, 2.5]});
        let filled = fill_json(&template, &given(), &mut fresh).unwrap();
        assert_eq!(
            filled.to_string(),
            r#"{"n":1,"t":"1","w":["x\"y",null,2.5]}"#
        );
        let wrong = fill_json(&serde_json::json!("#{word}"), &given(), &mut fresh);
        assert!(matches!(wrong, Err(FillError::NotScalar { .. })));
    }
}
