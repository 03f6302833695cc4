//! Types as declarations of Rust (for serde) and Python (`TypedDict`), which name each object.

use ringtail_text::{escape, json};

use super::{Fields, Shape, type_name};
use crate::unique::UniqueNames;

/// Longest name of a type in bytes, without its number. Each begins with those around it, so one long name of a field would
/// make all of them long.
const MAX_NAME: usize = 120;

/// Words that are no names of fields in Rust.
const RUST_WORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield", "union",
];

/// Those that cannot be written `r#word` either.
const RUST_PATHS: [&str; 4] = ["crate", "self", "super", "Self"];

/// Words that are no names in Python.
const PYTHON_WORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

impl Shape {
    /// Returns structs of Rust for serde, the one called `name` last.
    #[must_use]
    pub fn rust(&self, name: &str) -> String {
        let mut declared = Declared::default();
        let whole = declared.rust(self, name);
        if whole != name {
            declared.texts.push(format!("pub type {name} = {whole};\n"));
        }
        declared.texts.join("\n")
    }

    /// Returns classes of Python's typing, the one called `name` last.
    #[must_use]
    pub fn python(&self, name: &str) -> String {
        let mut declared = Declared::default();
        let whole = declared.python(self, name);
        if whole != name {
            declared.texts.push(format!("{name} = {whole}\n"));
        }
        format!(
            "from typing import Any, NotRequired, TypedDict\n\n{}",
            declared.texts.join("\n")
        )
    }

    /// Returns how many types other than null there are.
    fn kinds(&self) -> usize {
        let kinds = [
            self.boolean,
            self.number || self.integer,
            self.string.is_some(),
            self.array.is_some(),
            self.object.is_some(),
        ];
        kinds.into_iter().filter(|is| *is).count()
    }
}

/// Declarations in order, with the names that are taken.
#[derive(Default)]
struct Declared {
    texts: Vec<String>,
    names: UniqueNames,
}

impl Declared {
    /// Returns the name of a type that is not taken.
    fn name(&mut self, wanted: &str) -> String {
        let wanted = &wanted[..wanted.floor_char_boundary(MAX_NAME)];
        self.names.take(wanted, "")
    }

    /// Returns the type of a value, after declaring what it needs.
    fn rust(&mut self, shape: &Shape, name: &str) -> String {
        let one = match (&shape.object, &shape.array) {
            _ if shape.any || shape.kinds() != 1 => "serde_json::Value".to_owned(),
            (Some(fields), _) if fields.more => {
                "std::collections::BTreeMap<String, serde_json::Value>".to_owned()
            }
            (Some(fields), _) => self.rust_struct(fields, name),
            (_, Some(items)) => format!("Vec<{}>", self.rust(items, &format!("{name}Item"))),
            _ if shape.string.is_some() => "String".to_owned(),
            _ if shape.boolean => "bool".to_owned(),
            _ if shape.number || shape.wide => "f64".to_owned(),
            _ => "i64".to_owned(),
        };
        match shape.null && one != "serde_json::Value" {
            true => format!("Option<{one}>"),
            false => one,
        }
    }

    fn rust_struct(&mut self, fields: &Fields, name: &str) -> String {
        let name = self.name(name);
        let mut text = format!("#[derive(serde::Deserialize)]\npub struct {name} {{\n");
        let mut names = UniqueNames::default();
        for (field, (count, shape)) in &fields.known {
            let inner = self.rust(shape, &format!("{name}{}", type_name(field)));
            let is_optional = *count != fields.seen && !inner.starts_with("Option<");
            let inner = if is_optional {
                format!("Option<{inner}>")
            } else {
                inner
            };
            let mut plain = snake(field);
            if RUST_PATHS.contains(&plain.as_str()) {
                plain.push('_');
            }
            let plain = names.take(&plain, "_");
            let ident = match RUST_WORDS.contains(&plain.as_str()) {
                true => format!("r#{plain}"),
                false => plain.clone(),
            };
            if plain != *field {
                text.push_str(&format!("    #[serde(rename = {field:?})]\n"));
            }
            text.push_str(&format!("    pub {ident}: {inner},\n"));
        }
        text.push_str("}\n");
        self.texts.push(text);
        name
    }

    /// The same of Python.
    fn python(&mut self, shape: &Shape, name: &str) -> String {
        if shape.any || shape.kinds() == 0 && !shape.null {
            return "Any".to_owned();
        }
        let mut types = Vec::new();
        if let Some(fields) = &shape.object {
            types.push(match fields.more {
                true => "dict[str, Any]".to_owned(),
                false => self.python_class(fields, name),
            });
        }
        if let Some(items) = &shape.array {
            types.push(format!(
                "list[{}]",
                self.python(items, &format!("{name}Item"))
            ));
        }
        for (is, word) in [
            (shape.string.is_some(), "str"),
            (shape.number, "float"),
            (shape.integer && !shape.number, "int"),
            (shape.boolean, "bool"),
            (shape.null, "None"),
        ] {
            if is {
                types.push(word.to_owned());
            }
        }
        types.join(" | ")
    }

    fn python_class(&mut self, fields: &Fields, name: &str) -> String {
        let name = self.name(name);
        let rows: Vec<(&String, String)> = fields
            .known
            .iter()
            .map(|(field, (count, shape))| {
                let inner = self.python(shape, &format!("{name}{}", type_name(field)));
                let is_always = *count == fields.seen;
                (
                    field,
                    if is_always {
                        inner
                    } else {
                        format!("NotRequired[{inner}]")
                    },
                )
            })
            .collect();
        let text = match rows.iter().all(|(field, _)| is_python_name(field)) {
            true if rows.is_empty() => format!("class {name}(TypedDict):\n    pass\n"),
            true => {
                let lines = rows
                    .iter()
                    .map(|(field, inner)| format!("    {field}: {inner}\n"));
                format!("class {name}(TypedDict):\n{}", lines.collect::<String>())
            }
            false => {
                let lines = rows.iter().map(|(field, inner)| {
                    format!("    {}: {inner},\n", escape(&json::literal(field)))
                });
                format!(
                    "{name} = TypedDict(\"{name}\", {{\n{}}})\n",
                    lines.collect::<String>()
                )
            }
        };
        self.texts.push(text);
        name
    }
}

/// Converts a field's name to snake case.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        before = c;
    }
    match snake.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => snake,
        _ => format!("field_{snake}"),
    }
}

fn is_python_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.chars().all(is_word) && !name.starts_with("__") && !PYTHON_WORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shape() -> Shape {
        let mut shape = Shape::default();
        for example in [
            json!({"id": 1, "type": "SMS", "toNumbers": [{"n": "a"}, {"n": null, "x-y": 1.5}], "mixed": 1, "self": true}),
            json!({"id": 2, "type": "SMS", "toNumbers": [], "none": [], "mixed": "x", "self": false, "to_numbers": 1}),
        ] {
            shape.add(example.to_string().as_bytes()).unwrap();
        }
        shape
    }

    #[test]
    fn examples_become_structs() {
        insta::assert_snapshot!(shape().rust("Sms"));
    }

    #[test]
    fn examples_become_typed_dictionaries() {
        insta::assert_snapshot!(shape().python("Sms"));
    }

    #[test]
    fn a_body_that_is_no_object_has_a_type_too() {
        for (body, rust, python) in [
            (json!([1]), "pub type T = Vec<i64>;\n", "T = list[int]\n"),
            (
                json!([1, u64::MAX]),
                "pub type T = Vec<f64>;\n",
                "T = list[int]\n",
            ),
            (
                json!(null),
                "pub type T = serde_json::Value;\n",
                "T = None\n",
            ),
            (
                json!([]),
                "pub type T = Vec<serde_json::Value>;\n",
                "T = list[Any]\n",
            ),
        ] {
            let mut shape = Shape::default();
            shape.add(body.to_string().as_bytes()).unwrap();
            assert_eq!(shape.rust("T"), rust);
            assert!(shape.python("T").ends_with(python), "{}", shape.python("T"));
        }
    }

    #[test]
    fn a_long_name_does_not_make_each_type_long() {
        let inner: serde_json::Map<String, Value> = (0..50)
            .map(|at| (format!("f{at}"), json!({"n": 1})))
            .collect();
        let mut shape = Shape::default();
        let body = json!({ ("x".repeat(10_000)): inner });
        shape.add(body.to_string().as_bytes()).unwrap();
        for text in [shape.rust("T"), shape.python("T")] {
            assert!(text.len() < 60_000, "{}", text.len());
        }
    }

    #[test]
    fn odd_names_are_escaped() {
        let mut shape = Shape::default();
        let odd: Value = json!({"a\"\n\u{202e}": 1, "2": 2, "": 3});
        shape.add(odd.to_string().as_bytes()).unwrap();
        for text in [shape.rust("T"), shape.python("T")] {
            assert!(
                !text.contains('\u{202e}') && !text.contains("a\"\n"),
                "{text}"
            );
        }
    }
}
