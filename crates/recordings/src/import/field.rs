//! Fields of the objects of a recording: `null` is absent, and a value of another type is an error that names the field.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use ringtail_text::json;
use serde::de::IgnoredAny;

/// An object with its place in the recording.
#[derive(Debug)]
pub(super) struct Object<'a> {
    place: String,
    members: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Object<'a> {
    /// Reads an object of a recording.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        if !json::is_valid(text) {
            let error = serde_json::from_str::<IgnoredAny>(text).err();
            return Err(match error {
                Some(error) if error.is_eof() => {
                    format!("it breaks off, at column {}", error.column())
                }
                Some(error) => format!("it is not JSON, at column {}", error.column()),
                None => "it is not JSON".to_owned(),
            });
        }
        Self::of(String::new(), text)
    }

    fn of(place: String, text: &'a str) -> Result<Self, String> {
        match kind(text) {
            "an object" => Ok(Self {
                members: json::members(text).collect(),
                place,
            }),
            _ if place.is_empty() => Err(format!("it is {}, not an object", kind(text))),
            other => Err(format!("{place} is {other}, not an object")),
        }
    }

    /// Returns the place of a field.
    pub(super) fn place(&self, name: &str) -> String {
        match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        }
    }

    /// Returns a field's text; the last of equal names counts.
    fn value(&self, name: &str) -> Option<&'a str> {
        let mut members = self.members.iter().rev();
        let found = members.find(|(known, _)| known == name);
        found.map(|(_, text)| *text).filter(|text| *text != "null")
    }

    /// Reads an object; an absent one has no fields.
    pub(super) fn object(&self, name: &str) -> Result<Self, String> {
        Self::of(self.place(name), self.value(name).unwrap_or("{}"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Reads the elements of a list with their places; an absent one has none.
    pub(super) fn items(&self, name: &str) -> Result<Vec<(String, &'a str)>, String> {
        let place = self.place(name);
        let text = self.value(name).unwrap_or("[]");
        if kind(text) != "a list" {
            return Err(format!("{place} is {}, not a list", kind(text)));
        }
        let items = json::items(text).enumerate();
        Ok(items
            .map(|(at, text)| (format!("{place}[{at}]"), text))
            .collect())
    }

    /// Reads a list of objects, without `null` ones.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, String> {
        let items = self.items(name)?.into_iter();
        let items = items.filter(|(_, text)| *text != "null");
        items.map(|(place, text)| Self::of(place, text)).collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = self.value(name).map(|text| string(&self.place(name), text));
        text.transpose()
    }

    /// Reads a text that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<String, String> {
        let text = self.text(name)?;
        text.ok_or_else(|| format!("{} is missing", self.place(name)))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.value(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!(
                "{} is {}, not true or false",
                self.place(name),
                kind(other)
            )),
        }
    }

    /// Reads a number, which may be in any notation. Times and sizes have fewer digits than a float keeps.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        match number.filter(|_| kind(text) == "a number") {
            Some(number) => Ok(Some(number)),
            None if kind(text) == "a number" => {
                Err(format!("{} is out of range", self.place(name)))
            }
            None => Err(format!(
                "{} is {}, not a number",
                self.place(name),
                kind(text)
            )),
        }
    }

    /// Reads a size; negative ones, which stand for an unknown size, are absent.
    pub(super) fn size(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(number) = self.number(name)?.filter(|number| *number >= 0.0) else {
            return Ok(None);
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is not negative, and a larger one is as large as it gets"
        )]
        let size = number as u64;
        match number.fract() == 0.0 {
            true => Ok(Some(size)),
            false => Err(format!("{} is not a whole number", self.place(name))),
        }
    }

    /// Reads base64, with or without padding and line breaks.
    pub(super) fn base64(&self, name: &str) -> Result<Option<Bytes>, String> {
        let text = self.text(name)?;
        text.map(|text| base64(&self.place(name), &text))
            .transpose()
    }
}

/// Reads a string literal at a place.
pub(super) fn string(place: &str, text: &str) -> Result<String, String> {
    if kind(text) != "text" {
        return Err(format!("{place} is {}, not text", kind(text)));
    }
    serde_json::from_str(text)
        .map_err(|_| format!("{place} has half of a surrogate pair, which is not text"))
}

/// Decodes base64 of a place.
pub(super) fn base64(place: &str, text: &str) -> Result<Bytes, String> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mut digits = text.as_bytes().to_vec();
    digits.retain(|byte| !byte.is_ascii_whitespace());
    let bytes = ENGINE.decode(digits);
    bytes
        .map(Bytes::from)
        .map_err(|_| format!("{place} is not base64"))
}

/// Returns the kind of a JSON value.
fn kind(text: &str) -> &'static str {
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    }
}
