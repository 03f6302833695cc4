//! Types of JSON, inferred from examples.
//!
//! A [`Shape`] describes all examples: a field is optional if one example lacks it, and has every type it had. Values are not
//! stored.

mod languages;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use ringtail_text::escape;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Maximum nesting; deeper values have type `unknown`.
const MAX_DEPTH: usize = 32;

/// Maximum fields of an object. Objects with more are tables whose keys are data.
const MAX_FIELDS: usize = 256;

/// The type of all examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    null: bool,
    boolean: bool,
    integer: bool,
    /// There is an integer that 64 bits with a sign do not hold.
    wide: bool,
    number: bool,
    string: Option<Text>,
    array: Option<Box<Shape>>,
    object: Option<Fields>,
    /// A value that is not described.
    any: bool,
}

/// Format of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// All are times of RFC 3339.
    DateTime,
    Any,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Fields {
    /// Number of objects.
    seen: u64,
    /// Fields with the number of objects that have them.
    known: BTreeMap<String, (u64, Shape)>,
    /// There are more than [`MAX_FIELDS`].
    more: bool,
}

impl Shape {
    /// Adds an example.
    ///
    /// # Errors
    /// When it is not JSON; the shape is then unchanged.
    pub fn add(&mut self, example: &[u8]) -> serde_json::Result<()> {
        self.add_at(serde_json::from_slice(example)?, 0);
        Ok(())
    }

    /// Reads values as text, because JSON's numbers may exceed Rust's.
    fn add_at(&mut self, value: &RawValue, depth: usize) {
        if depth == MAX_DEPTH {
            self.any = true;
            return;
        }
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => self.null = true,
            Some(b't' | b'f') => self.boolean = true,
            Some(b'"') => {
                let kind = match serde_json::from_str::<Cow<'_, str>>(text) {
                    Ok(text) if is_date_time(&text) => Text::DateTime,
                    _ => Text::Any,
                };
                self.string = Some(match self.string {
                    None => kind,
                    Some(before) if before == kind => kind,
                    Some(_) => Text::Any,
                });
            }
            Some(b'[') => {
                let shape = self.array.get_or_insert_default();
                for item in serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default() {
                    shape.add_at(item, depth + 1);
                }
            }
            Some(b'{') => match serde_json::from_str(text) {
                Ok(fields) => self.object.get_or_insert_default().add(&fields, depth),
                // A name with an unpaired surrogate.
                Err(_) => self.any = true,
            },
            _ if text.contains(['.', 'e', 'E']) => self.number = true,
            _ => {
                self.integer = true;
                self.wide |= text.parse::<i64>().is_err();
            }
        }
    }

    /// Returns the JSON Schema (draft 2020-12) of the examples.
    #[must_use]
    pub fn json_schema(&self, title: &str) -> Value {
        let mut schema = Map::new();
        schema.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".into(), json!(title));
        if let Value::Object(body) = self.schema() {
            schema.extend(body);
        }
        Value::Object(schema)
    }

    fn schema(&self) -> Value {
        if self.any {
            return json!({});
        }
        let mut types: Vec<&str> = Vec::new();
        let mut schema = Map::new();
        for (is, name) in [
            (self.null, "null"),
            (self.boolean, "boolean"),
            (self.number, "number"),
            (self.integer && !self.number, "integer"),
            (self.string.is_some(), "string"),
            (self.array.is_some(), "array"),
            (self.object.is_some(), "object"),
        ] {
            if is {
                types.push(name);
            }
        }
        match types.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".into(), json!(one))),
            several => drop(schema.insert("type".into(), json!(several))),
        }
        if self.string == Some(Text::DateTime) {
            schema.insert("format".into(), json!("date-time"));
        }
        if let Some(items) = &self.array {
            schema.insert("items".into(), items.schema());
        }
        if let Some(fields) = &self.object {
            fields.schema(&mut schema);
        }
        Value::Object(schema)
    }

    /// Returns a TypeScript declaration of the examples under the name `name`.
    #[must_use]
    pub fn typescript(&self, name: &str) -> String {
        format!("export type {name} = {};\n", self.type_of(0))
    }

    fn type_of(&self, indent: usize) -> String {
        let mut types: Vec<String> = Vec::new();
        if let Some(fields) = &self.object {
            types.push(fields.type_of(indent));
        }
        if let Some(items) = &self.array {
            let items = items.type_of(indent);
            let is_union = items.contains(" | ") && !items.starts_with('{');
            types.push(if is_union {
                format!("({items})[]")
            } else {
                format!("{items}[]")
            });
        }
        for (is, name) in [
            (self.string.is_some(), "string"),
            (self.number || self.integer, "number"),
            (self.boolean, "boolean"),
            (self.null, "null"),
        ] {
            if is {
                types.push(name.to_owned());
            }
        }
        if self.any || types.is_empty() {
            return "unknown".to_owned();
        }
        types.join(" | ")
    }
}

impl Fields {
    /// Adds the fields of an object; the last of repeated ones counts.
    fn add(&mut self, object: &BTreeMap<String, &RawValue>, depth: usize) {
        self.seen += 1;
        for (name, value) in object {
            if !self.known.contains_key(name) && self.known.len() == MAX_FIELDS {
                self.more = true;
                continue;
            }
            let (count, shape) = self.known.entry(name.clone()).or_default();
            *count += 1;
            shape.add_at(value, depth + 1);
        }
    }

    fn schema(&self, schema: &mut Map<String, Value>) {
        let properties = self
            .known
            .iter()
            .map(|(name, (_, shape))| (name.clone(), shape.schema()));
        schema.insert("properties".into(), Value::Object(properties.collect()));
        let always = self
            .known
            .iter()
            .filter(|(_, (count, _))| *count == self.seen);
        let required: Vec<&String> = always.map(|(name, _)| name).collect();
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
    }

    fn type_of(&self, indent: usize) -> String {
        let margin = "  ".repeat(indent + 1);
        let mut text = String::from("{\n");
        for (name, (count, shape)) in &self.known {
            let optional = if *count == self.seen { "" } else { "?" };
            // Writing to a string cannot fail.
            writeln!(
                text,
                "{margin}{}{optional}: {};",
                property(name),
                shape.type_of(indent + 1)
            )
            .ok();
        }
        if self.more {
            writeln!(text, "{margin}[key: string]: unknown;").ok();
        }
        text.push_str(&"  ".repeat(indent));
        text.push('}');
        text
    }
}

/// Converts a word such as `sms-batch` to a type name.
#[must_use]
pub fn type_name(word: &str) -> String {
    let parts = word.split(|character: char| !character.is_ascii_alphanumeric());
    let name: String = parts
        .map(|part| {
            let mut rest = part.chars();
            rest.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + rest.as_str()
            })
        })
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("Event{name}"),
    }
}

/// Returns a property's name, quoted unless it is an identifier.
fn property(name: &str) -> String {
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || "_$".contains(first));
    if starts
        && characters.all(|character| character.is_ascii_alphanumeric() || "_$".contains(character))
    {
        name.to_owned()
    } else {
        escape(&json!(name).to_string()).into_owned()
    }
}

fn is_date_time(text: &str) -> bool {
    text.len() >= 20 && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(examples: &[Value]) -> Shape {
        let mut shape = Shape::default();
        for example in examples {
            shape.add(example.to_string().as_bytes()).unwrap();
        }
        shape
    }

    #[test]
    fn any_json_has_a_type() {
        for (body, is) in [
            ("1e400", "number"),
            ("-123456789012345678901234567890", "number"),
            ("\"\\ud800\"", "string"),
            (" { \"a\" : 1, \"a\": \"\" } ", "{\n  a: string;\n}"),
            ("{\"\\ud800\": 1}", "unknown"),
        ] {
            let mut shape = Shape::default();
            shape.add(body.as_bytes()).unwrap();
            assert_eq!(shape.typescript("T"), format!("export type T = {is};\n"));
        }
        for none in ["", "{", "1 2", "{\"a\":1e}", "nul"] {
            let mut shape = Shape::default();
            shape.add(none.as_bytes()).unwrap_err();
            assert_eq!(shape, Shape::default(), "{none}");
        }
    }

    #[test]
    fn names_of_fields_are_escaped() {
        let shape = shape(&[json!({"a\u{202e}\u{9b}\n": 99})]);
        let types = "export type T = {\n  \"a\\u202e\\u009b\\n\": number;\n};\n";
        assert_eq!(shape.typescript("T"), types);
    }

    proptest! {
        #[test]
        fn numbers_of_any_size_have_a_type(number in "-?[1-9][0-9]{0,60}", fraction in "(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?") {
            let mut shape = Shape::default();
            shape.add(format!("[{number}{fraction}]").as_bytes()).unwrap();
            let is = if fraction.is_empty() { "integer" } else { "number" };
            prop_assert_eq!(&shape.json_schema("t")["items"]["type"], is);
        }
    }

    #[test]
    fn examples_become_types() {
        let shape = shape(&[
            json!({"id": 1, "at": "2021-03-26T09:22:12.366Z", "to": [{"n": "a"}, {"n": null, "x-y": 1.5}], "b": true}),
            json!({"id": "x", "at": "2021-03-26T09:22:13Z", "to": [], "none": []}),
        ]);
        insta::assert_snapshot!(shape.typescript(&type_name("a2p-sms")), @r#"
        export type A2pSms = {
          at: string;
          b?: boolean;
          id: string | number;
          none?: unknown[];
          to: {
            n: string | null;
            "x-y"?: number;
          }[];
        };
        "#);
        let schema = shape.json_schema("sms");
        assert_eq!(schema["required"], json!(["at", "id", "to"]));
        assert_eq!(
            schema["properties"]["at"],
            json!({"type": "string", "format": "date-time"})
        );
        assert_eq!(
            schema["properties"]["id"],
            json!({"type": ["integer", "string"]})
        );
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let wide: Map<String, Value> = (0..10_000).map(|n| (n.to_string(), json!(n))).collect();
        let shape = shape(&[deep, Value::Object(wide)]);
        assert!(shape.typescript("T").len() < 20_000);
        assert!(shape.typescript("T").contains("[key: string]: unknown;"));
    }

    #[test]
    fn names_of_types_are_identifiers() {
        for (word, name) in [
            ("sms", "Sms"),
            ("message-store", "MessageStore"),
            ("2fa", "Event2fa"),
            ("", "Event"),
        ] {
            assert_eq!(type_name(word), name);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z ]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c\"\n]{1,2}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_examples_are_irrelevant(a in values(), b in values()) {
            let forth = shape(&[a.clone(), b.clone()]);
            let back = shape(&[b.clone(), a.clone()]);
            prop_assert_eq!(&forth, &back);
            prop_assert_eq!(forth.json_schema("t"), shape(&[a.clone(), b.clone(), a, b]).json_schema("t"));
        }
    }
}
