//! JSON Schema, as far as the tools' schemas use it. Another word in a schema is an error, so that none is ignored.
//! `scripts/mcp-inspector` holds them to a whole implementation.

use serde_json::Value;

/// Checks a value against a schema.
pub(super) fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let words = schema
        .as_object()
        .ok_or(format!("{at}: the schema is no object"))?;
    for (word, rule) in words {
        let holds = match word.as_str() {
            "type" => of_type(rule, value),
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
            "anyOf" => {
                let mut any = rule.as_array().into_iter().flatten();
                any.any(|rule| check(rule, value, at).is_ok())
            }
            "required" => match (rule.as_array(), value.as_object()) {
                (Some(names), Some(fields)) => names
                    .iter()
                    .all(|name| fields.contains_key(name.as_str().unwrap_or_default())),
                (Some(_), None) => true,
                _ => false,
            },
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        check(rule, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, value, &format!("{at}[{index}]"))?;
                }
                true
            }
            _ => return Err(format!("{at}: unknown word {word}")),
        };
        if !holds {
            return Err(format!("{at}: {word} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}

fn of_type(rule: &Value, value: &Value) -> bool {
    match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

#[test]
fn a_value_that_is_not_as_the_schema_says_is_found() {
    use serde_json::json;
    let schema = json!({
        "type": "object", "required": ["a"],
        "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "b": {"type": "array", "items": {"enum": ["x"]}}},
    });
    for good in [json!({"a": 1}), json!({"a": null, "b": ["x"], "more": 1})] {
        assert_eq!(check(&schema, &good, ""), Ok(()));
    }
    for bad in [
        json!([]),
        json!({}),
        json!({"a": 1.5}),
        json!({"a": 1, "b": ["y"]}),
        json!({"a": 1, "b": {}}),
    ] {
        assert!(check(&schema, &bad, "").is_err(), "{bad}");
    }
    assert!(check(&json!({"minimum": 1}), &json!(2), "").is_err());
}
