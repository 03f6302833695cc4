//! Replaces variables in texts and JSON by their values.
//!
//! `${name}` is replaced anywhere in a text. A JSON string that is exactly `#{name}` becomes the JSON that the value is, a
//! number or an object for instance. `$${` is an escaped `${`.

use serde_json::Value;

use super::generator::{Generator, Parameters};

/// How deep values may use other variables; deeper ones are taken for a circle.
const MAX_DEPTH: u8 = 8;

/// Largest size of a filled text.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// Why the request of a step could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// A variable is unknown.
    #[error("there is no value for ${{{name}}}")]
    Unknown {
        /// Name of the variable.
        name: String,
    },
    /// The value of a variable uses the variable itself.
    #[error("the value of ${{{name}}} names itself")]
    Circle {
        /// Name of one variable of the circle.
        name: String,
    },
    /// A `${` has no closing brace.
    #[error("a name has no closing brace: \"{rest}\"")]
    Open {
        /// The start of the unclosed text.
        rest: String,
    },
    /// `#{name}` stands for something else than JSON.
    #[error("{name} must be JSON, such as a number, true or an object, not \"{value}\"")]
    NotJson {
        /// Name of the variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// A filled text exceeds the limit.
    #[error("a text grows over {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// The result is not a valid HTTP request.
    #[error("{reason}")]
    Request {
        /// What is wrong.
        reason: String,
    },
}

/// Fills every text of a JSON value.
pub(super) fn fill_json(
    value: &Value,
    given: &Parameters,
    generator: &mut Generator,
) -> Result<Value, FillError> {
    fill_value(value, given, generator, 0)
}

fn fill_value(
    value: &Value,
    given: &Parameters,
    generator: &mut Generator,
    depth: u8,
) -> Result<Value, FillError> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix("#{").and_then(|t| t.strip_suffix('}')) {
            Some(name) => json(name, given, generator, depth)?,
            None => Value::String(fill_text(text, given, generator)?),
        },
        Value::Array(items) => {
            let filled = (items.iter()).map(|item| fill_value(item, given, generator, depth));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| {
                Ok((name.clone(), fill_value(value, given, generator, depth)?))
            });
            Value::Object(filled.collect::<Result<_, FillError>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// Fills a text.
pub(super) fn fill_text(
    text: &str,
    given: &Parameters,
    generator: &mut Generator,
) -> Result<String, FillError> {
    fill(text, given, generator, 0)
}

/// Escapes a text so that filling returns it unchanged.
pub(super) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn fill(
    text: &str,
    given: &Parameters,
    generator: &mut Generator,
    depth: u8,
) -> Result<String, FillError> {
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
        filled.push_str(&variable_value(name, given, generator, depth)?);
        if filled.len() > MAX_TEXT_BYTES {
            return Err(FillError::TooLong);
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn variable_value(
    name: &str,
    given: &Parameters,
    generator: &mut Generator,
    depth: u8,
) -> Result<String, FillError> {
    if depth >= MAX_DEPTH {
        let name = name.to_owned();
        return Err(FillError::Circle { name });
    }
    let value = generator
        .value(name, given)
        .ok_or_else(|| FillError::Unknown {
            name: name.to_owned(),
        })?;
    fill(&value, given, generator, depth + 1)
}

/// Parses a value. An object is parsed before its texts are filled, so that a quotation mark in one does no harm.
fn json(
    name: &str,
    given: &Parameters,
    generator: &mut Generator,
    depth: u8,
) -> Result<Value, FillError> {
    let own = generator.value(name, given).unwrap_or_default();
    if let Ok(own @ (Value::Object(_) | Value::Array(_) | Value::String(_))) =
        serde_json::from_str(&own)
    {
        if depth >= MAX_DEPTH {
            let name = name.to_owned();
            return Err(FillError::Circle { name });
        }
        return fill_value(&own, given, generator, depth + 1);
    }
    let value = variable_value(name, given, generator, depth)?;
    serde_json::from_str(value.trim()).map_err(|_| FillError::NotJson {
        name: name.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Parameters {
        let pairs = [
            ("a", "1"),
            ("b", "<${a}>"),
            ("round", "${about}"),
            ("about", "${round}"),
            ("word", "x\"y"),
            ("data", "{\"${word}\": [\"${word}\", \"#{a}\"]}"),
            ("deep", "[\"#{deep}\"]"),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_replaced_and_escapes_are_undone() {
        let mut generator = Generator::new(1, 0);
        for (text, expected) in [
            ("", Ok("")),
            ("plain } $ { #{a}", Ok("plain } $ { #{a}")),
            ("${a}${b}", Ok("1<1>")),
            ("$${a} $$${a}", Ok("${a} $${a}")),
            ("${round}", Err("the value of ${round} names itself")),
            ("x${nobody}", Err("there is no value for ${nobody}")),
            ("${a", Err("a name has no closing brace: \"${a\"")),
        ] {
            let filled =
                fill_text(text, &given(), &mut generator).map_err(|error| error.to_string());
            assert_eq!(
                filled.as_deref().map_err(String::as_str),
                expected,
                "{text}"
            );
        }
        for text in ["${a} and $${b}", "$$${a}"] {
            assert_eq!(
                fill_text(&escape(text), &given(), &mut generator).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn json_keeps_its_types() {
        let mut generator = Generator::new(1, 0);
        let template = serde_json::json!({"n": "#{a}", "t": "${a}", "w": ["${word}", null, 2.5]});
        let filled = fill_json(&template, &given(), &mut generator).unwrap();
        assert_eq!(
            filled.to_string(),
            r#"{"n":1,"t":"1","w":["x\"y",null,2.5]}"#
        );
        let data = fill_json(&serde_json::json!("#{data}"), &given(), &mut generator).unwrap();
        assert_eq!(data.to_string(), r#"{"${word}":["x\"y",1]}"#);
        let deep = fill_json(&serde_json::json!("#{deep}"), &given(), &mut generator);
        assert!(matches!(deep, Err(FillError::Circle { .. })));
        let wrong = fill_json(&serde_json::json!("#{word}"), &given(), &mut generator);
        assert!(matches!(wrong, Err(FillError::NotJson { .. })));
    }
}
