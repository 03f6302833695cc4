//! What a request speaks of: the names and numbers by which people look for it.
//!
//! Nothing is guaranteed about where RingCentral puts them, so they are known by the names of their fields, at any
//! depth. A body that breaks off gives those that were read before.

use crate::body;
use crate::catalogue::Node;
use crate::envelope::Envelope;
use ringtail_text::{json as tokens, one_line};

/// Most facts of one request. A call has a handful, a presence of a busy queue some dozens.
pub const MAX_FACTS: usize = 128;

/// Longest value in characters; longer ones are cut.
pub const VALUE_MAX_CHARS: usize = 160;

/// Depth at which the search ends. RingCentral's deepest sample has seven levels.
const MAX_DEPTH: u8 = 16;

/// One thing that a request speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact {
    /// What it is.
    pub about: About,
    /// Its name or number, free of control characters; never empty.
    pub value: String,
}

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// The event filter, with its query.
    Event,
    /// RingCentral's id of the notification.
    Uuid,
    /// A telephony session, by either of its ids.
    Session,
    /// Who called or wrote: number, name, or id or number of an extension.
    From,
    /// Recipient of the call or message.
    To,
    /// An extension, by its id or its number.
    Extension,
}

/// Returns what the body of a request speaks of, each fact once.
pub fn facts(body: &[u8]) -> Vec<Fact> {
    let mut facts = Facts::default();
    let text = body::text(body);
    let envelope = Envelope::parse(&text);
    if let Some(uuid) = envelope.uuid {
        facts.add(About::Uuid, &uuid);
    }
    if let Some(event) = envelope.event {
        facts.add(About::Event, &event);
        let mut segments = event.split(['/', '?', '&']);
        if segments.any(|segment| segment == "extension")
            && let Some(id) = segments.next().filter(|id| *id != "~")
        {
            facts.add(About::Extension, id);
        }
    }
    for name in pressed_by(&text) {
        facts.add(About::From, &name);
    }
    // Only objects and arrays hold fields; anything else would be taken for a number.
    if text.trim_start().starts_with(['{', '[']) {
        facts.walk(text.trim_start(), FieldRole::Elsewhere, 0);
    } else {
        facts.add_form(&text);
    }
    facts.found
}

/// Returns the names and ids of the user who pressed a button (section 7.5).
fn pressed_by(text: &str) -> Vec<String> {
    let user = Node::object(text).at("user");
    let [id, extension] = ["id", "extId"].map(|name| user.at(name).text());
    let names = [user.full_name(), id, extension];
    names.into_iter().flatten().collect()
}

/// Fewest digits by which a text is taken for the beginning of a telephone number.
const MIN_DIGITS: usize = 3;

/// Returns the digits of a telephone number or of its beginning, without the 1 of North America, so that `(650) 555-0101`
/// and `+16505550101` are the same; `None` for any other text. RingCentral's samples have an X for a digit.
#[must_use]
pub fn phone_digits(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.trim_start_matches('+');
    let rest = rest.strip_prefix("00").unwrap_or(rest);
    // `+1650` and `1-650` are meant for the number in North America, `1650` may be any other.
    let apart = |one: &str| one.starts_with(['-', '.', ' ', '(', '/']);
    let has_prefix = text.starts_with(['+', '0']) || rest.strip_prefix('1').is_some_and(apart);
    let mut digits = String::new();
    for character in rest.chars() {
        match character {
            '0'..='9' | 'X' => digits.push(character),
            ' ' | '(' | ')' | '-' | '.' | '/' | '\u{a0}' | '\u{2010}'..='\u{2013}' => {}
            _ => return None,
        }
    }
    let is_whole = digits.len() == "16505550101".len();
    if let Some(national) = digits.strip_prefix('1')
        && (has_prefix || is_whole)
    {
        digits = national.to_owned();
    }
    let count = digits.chars().take_while(char::is_ascii_digit).count();
    (count >= MIN_DIGITS).then_some(digits)
}

#[derive(Default)]
struct Facts {
    found: Vec<Fact>,
}

impl Facts {
    /// Adds the ends of a RingCX Voice call, which may come as a form (section 7.4).
    fn add_form(&mut self, form: &str) {
        for (name, value) in form_urlencoded::parse(form.as_bytes()).take(MAX_FACTS) {
            match name.as_ref() {
                "ani" => self.add(About::From, &value),
                "dnis" => self.add(About::To, &value),
                _ => {}
            }
        }
    }

    fn add(&mut self, about: About, value: &str) {
        if self.found.len() >= MAX_FACTS {
            return;
        }
        let fact = Fact {
            about,
            value: one_line(value, VALUE_MAX_CHARS),
        };
        if !fact.value.is_empty() && !self.found.contains(&fact) {
            self.found.push(fact);
        }
    }
}

/// What a value is, by the name of the field that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldRole {
    Elsewhere,
    /// The value itself is the fact.
    Value(About),
    /// A party: the value is the fact, or some of its fields are.
    Party(About),
    /// A field that names a party when it is in one.
    Name,
    /// An extension.
    Extension,
    /// The extension of a party.
    PartyExtension(About),
}

const FIELDS: &[(&str, FieldRole)] = &[
    ("from", FieldRole::Party(About::From)),
    ("to", FieldRole::Party(About::To)),
    ("fromName", FieldRole::Value(About::From)),
    ("toName", FieldRole::Value(About::To)),
    // Who wrote a post, and the ends of a RingCX Voice call.
    ("creatorId", FieldRole::Value(About::From)),
    ("ani", FieldRole::Value(About::From)),
    ("dnis", FieldRole::Value(About::To)),
    ("phoneNumber", FieldRole::Name),
    ("name", FieldRole::Name),
    ("extensionId", FieldRole::Extension),
    ("extensionNumber", FieldRole::Extension),
    ("telephonySessionId", FieldRole::Value(About::Session)),
    ("sessionId", FieldRole::Value(About::Session)),
];

impl Facts {
    /// Looks for facts in a value, as written.
    fn walk(&mut self, text: &str, role: FieldRole, depth: u8) {
        if depth >= MAX_DEPTH || self.found.len() >= MAX_FACTS {
            return;
        }
        match text.as_bytes().first() {
            Some(b'{') => {
                for (name, value) in tokens::members(text) {
                    let field = FIELDS.iter().find(|(known, _)| *known == name);
                    let field = field.map_or(FieldRole::Elsewhere, |(_, role)| *role);
                    let role = match (role, field) {
                        (FieldRole::Party(about), FieldRole::Name) => FieldRole::Value(about),
                        (FieldRole::Party(about), FieldRole::Extension) => {
                            FieldRole::PartyExtension(about)
                        }
                        (_, field) => field,
                    };
                    self.walk(value, role, depth + 1);
                }
            }
            // Each element of a list of parties is one.
            Some(b'[') => tokens::items(text).for_each(|item| self.walk(item, role, depth + 1)),
            Some(b'"') => self.add_value(role, &tokens::decoded(text)),
            Some(b'-' | b'0'..=b'9') => self.add_value(role, text),
            _ => {}
        }
    }

    fn add_value(&mut self, role: FieldRole, value: &str) {
        match role {
            FieldRole::Value(about) | FieldRole::Party(about) => self.add(about, value),
            FieldRole::Extension => self.add(About::Extension, value),
            FieldRole::PartyExtension(about) => {
                self.add(about, value);
                self.add(About::Extension, value);
            }
            FieldRole::Elsewhere | FieldRole::Name => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(body: &str) -> Vec<String> {
        facts(body.as_bytes())
            .into_iter()
            .map(|fact| format!("{:?} {}", fact.about, fact.value))
            .collect()
    }

    #[test]
    fn a_call_speaks_of_its_session_and_parties() {
        let body = r#"{"uuid":"u1","event":"/restapi/v1.0/account/1/extension/7/telephony/sessions","body":{
            "telephonySessionId":"s-1","sessionId":77,"parties":[
              {"from":{"phoneNumber":"+16505550100","name":"Pat Agent"},"to":{"extensionId":101},"extensionId":"101"}]}}"#;
        let expected = [
            "Uuid u1",
            "Event /restapi/v1.0/account/1/extension/7/telephony/sessions",
            "Extension 7",
            "Session s-1",
            "Session 77",
            "From +16505550100",
            "From Pat Agent",
            "To 101",
            "Extension 101",
        ];
        assert_eq!(found(body), expected);
    }

    #[test]
    fn parties_may_be_lists_texts_and_legacy_fields() {
        let body = r#"{"event":"/x/missed-calls","from":"+1650","fromName":"Alex","body":{"to":[{"phoneNumber":"+1"},"+2"]}}"#;
        let expected = [
            "Event /x/missed-calls",
            "From +1650",
            "From Alex",
            "To +1",
            "To +2",
        ];
        assert_eq!(found(body), expected);
    }

    #[test]
    fn authors_and_users_are_senders() {
        let post = r#"{"event":"/team-messaging/v1/posts","body":{"creatorId":"62","text":"x"}}"#;
        assert!(found(post).contains(&"From 62".to_owned()));
        let button = r#"{"type":"button_submit","user":{"id":"u-1","firstName":"Luke","lastName":"Skywalker","extId":7}}"#;
        assert_eq!(found(button), ["From Luke Skywalker", "From u-1", "From 7"]);
        let call = r#"{"event_type":"ACD-CALL","ani":"5105550111","dnis":4155550110}"#;
        assert_eq!(found(call), ["From 5105550111", "To 4155550110"]);
        let form = "event_type=ACD-CALL&ani=%2B5105550111&from=x";
        assert_eq!(found(form), ["From +5105550111"]);
    }

    #[test]
    fn one_number_has_one_form() {
        for text in [
            "+16505550101",
            "16505550101",
            "6505550101",
            "650-555-0101",
            "(650) 555-0101",
            "650.555.0101",
            "+1 (650) 555-0101",
            "1-650-555-0101",
            "001 650 555 0101",
            " 650\u{a0}555\u{2011}0101 ",
        ] {
            assert_eq!(phone_digits(text).as_deref(), Some("6505550101"), "{text}");
        }
        for (text, digits) in [
            ("+1650", Some("650")),
            ("650", Some("650")),
            ("1650", Some("1650")),
            ("+4989654321", Some("4989654321")),
            ("+1650224XXXX", Some("650224XXXX")),
            ("65", None),
            ("XXXX", None),
            ("Pat", None),
            ("650 Pat", None),
            ("", None),
        ] {
            assert_eq!(phone_digits(text).as_deref(), digits, "{text}");
        }
    }

    #[test]
    fn what_was_read_before_a_fault_counts() {
        assert_eq!(found(r#"{"body":{"from":"a","to":"b"#), ["From a"]);
        assert!(found("from=a&to=b").is_empty());
        assert!(found("17").is_empty());
    }

    #[test]
    fn numbers_and_names_of_any_kind_do_not_end_the_search() {
        let body = r#"{"n":1E400,"lon\ud800":["a\ud800"],"from":{"extensionId":99999999999999999999},"to":1.50}"#;
        assert_eq!(
            found(body),
            [
                "From 99999999999999999999",
                "Extension 99999999999999999999",
                "To 1.50"
            ]
        );
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = "[".repeat(200_000);
        assert!(found(&format!(r#"{{"a":{deep}"#)).is_empty());
        let many: Vec<String> = (0..500).map(|n| format!(r#"{{"from":"{n}"}}"#)).collect();
        assert_eq!(found(&format!("[{}]", many.join(","))).len(), MAX_FACTS);
        let long = found(&format!(r#"{{"from":"{}"}}"#, "x".repeat(100_000)));
        assert_eq!(long[0].chars().count(), "From ".len() + VALUE_MAX_CHARS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..300)) {
            facts(&body);
        }

        #[test]
        fn any_json_is_survived(body in r#"(\{|\[|"from":|"to":|"name":|"x"|,|\}|\]|:|1|null){0,40}"#) {
            facts(body.as_bytes());
        }
    }
}
