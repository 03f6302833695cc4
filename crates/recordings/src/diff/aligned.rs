//! Two messages in one order: what a comparison by lines would call a change, though only the order differs.
//!
//! The second message's fields are put into the order of the first, and a field that is noise and in one of them only
//! goes. Everything else stays as received.

use std::collections::{BTreeSet, HashMap, VecDeque};

use ringtail_protocol::event::Header;
use ringtail_text::json::{self, Kind};

use super::Noise;

/// The deepest level of JSON whose members are put in order.
const MAX_DEPTH: usize = 32;

/// What the order hides.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    /// Names of fields that are noise and in one message only, in lower case.
    pub(super) dropped: BTreeSet<String>,
    /// Whether header fields have another order, or names in another case.
    pub(super) headers_moved: bool,
    /// Whether members of the JSON have another order.
    pub(super) members_moved: bool,
    /// Whether members of the JSON are dropped.
    pub(super) members_dropped: bool,
}

impl Aligned {
    /// Returns the header fields of both, the second with the names of the first.
    pub(super) fn headers(&mut self, sides: [&[Header]; 2], noise: &Noise) -> [Vec<Header>; 2] {
        let [ours, theirs] = sides.map(|side| side.iter().map(|field| field.name.to_lowercase()));
        let (ours, theirs): (Vec<_>, Vec<_>) = (ours.collect(), theirs.collect());
        let (rows, moved) = paired(&ours, &theirs);
        self.headers_moved = moved;
        let mut fields = [Vec::new(), Vec::new()];
        let [one, other] = &mut fields;
        for row in rows {
            match (
                row[0].map(|at| &sides[0][at]),
                row[1].map(|at| &sides[1][at]),
            ) {
                (Some(ours), Some(theirs)) => {
                    self.headers_moved |= ours.name != theirs.name;
                    one.push(ours.clone());
                    other.push(Header {
                        name: ours.name.clone(),
                        value: theirs.value.clone(),
                    });
                }
                (Some(field), None) | (None, Some(field)) if noise.has(&field.name) => {
                    self.dropped.insert(field.name.to_lowercase());
                }
                (Some(field), None) => one.push(field.clone()),
                (None, Some(field)) => other.push(field.clone()),
                (None, None) => {}
            }
        }
        fields
    }

    /// Returns two valid texts of JSON, without the white space around members.
    pub(super) fn json(&mut self, one: &str, other: &str, noise: &Noise) -> [String; 2] {
        let mut texts = [String::new(), String::new()];
        self.value([one.trim(), other.trim()], noise, 0, &mut texts);
        texts
    }

    fn value(&mut self, sides: [&str; 2], noise: &Noise, depth: usize, out: &mut [String; 2]) {
        let both =
            |open: char| depth < MAX_DEPTH && sides.iter().all(|side| side.starts_with(open));
        if both('{') {
            self.members(&sides.map(members), noise, depth, out);
        } else if both('[') {
            let [mut ours, mut theirs] = sides.map(json::items);
            out.iter_mut().for_each(|out| out.push('['));
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => break,
                    (Some(one), Some(other)) => {
                        out.iter_mut().for_each(separate);
                        self.value([one, other], noise, depth + 1, out);
                    }
                    (one, other) => write_one([one, other], out),
                }
            }
            out.iter_mut().for_each(|out| out.push(']'));
        } else {
            out.iter_mut()
                .zip(sides)
                .for_each(|(out, side)| out.push_str(side));
        }
    }

    fn members(
        &mut self,
        sides: &[Vec<Member<'_>>; 2],
        noise: &Noise,
        depth: usize,
        out: &mut [String; 2],
    ) {
        let names = |side: &[Member<'_>]| {
            let names = side.iter().map(|it| json::decoded(it.name).into_owned());
            names.collect::<Vec<_>>()
        };
        let (rows, moved) = paired(&names(&sides[0]), &names(&sides[1]));
        self.members_moved |= moved;
        out.iter_mut().for_each(|out| out.push('{'));
        for row in rows {
            let [ours, theirs] = [0, 1].map(|side| row[side].and_then(|at| sides[side].get(at)));
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                for (out, member) in out.iter_mut().zip([ours, theirs]) {
                    separate(out);
                    out.extend([member.name, ":"]);
                }
                self.value([ours.value, theirs.value], noise, depth + 1, out);
                continue;
            }
            let alone = ours.or(theirs);
            let name = alone.map(|member| json::decoded(member.name).to_lowercase());
            match name.filter(|name| {
                noise.has(name) && alone.is_some_and(|it| !it.value.starts_with(['{', '[']))
            }) {
                Some(name) => {
                    self.members_dropped = true;
                    self.dropped.insert(name);
                }
                None => write_one([ours, theirs].map(|it| it.map(|it| it.text)), out),
            }
        }
        out.iter_mut().for_each(|out| out.push('}'));
    }
}

/// Writes what only one of the texts has.
fn write_one(sides: [Option<&str>; 2], out: &mut [String; 2]) {
    for (out, side) in out.iter_mut().zip(sides) {
        if let Some(text) = side {
            separate(out);
            out.push_str(text);
        }
    }
}

/// Writes a comma unless an object or array has just begun.
fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

/// A member as written.
struct Member<'a> {
    name: &'a str,
    value: &'a str,
    /// Both.
    text: &'a str,
}

/// Returns the members of an object.
fn members(object: &str) -> Vec<Member<'_>> {
    let mut found = Vec::new();
    let (mut depth, mut name, mut value) = (0_usize, None, None);
    let mut end = 0;
    for token in json::tokens(object) {
        match (token.kind, depth) {
            (Kind::Name, 1) => (name, value) = (Some(token), None),
            (Kind::Comma | Kind::Close, 1) => {
                if let (Some(name), Some(value)) = (name.take(), value) {
                    let part = |from: usize| object.get(from..end).unwrap_or_default();
                    found.push(Member {
                        name: name.text,
                        value: part(value),
                        text: part(name.at),
                    });
                }
            }
            (Kind::Colon, 1) => {}
            _ => value = value.or(Some(token.at)),
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        end = token.end();
    }
    found
}

/// Pairs names, equal ones in their order, and returns the rows in the order of the first, and whether the second has another
/// order. A name that only the second has comes after the one before it.
fn paired(ours: &[String], theirs: &[String]) -> (Vec<[Option<usize>; 2]>, bool) {
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, name) in theirs.iter().enumerate() {
        places.entry(name).or_default().push_back(at);
    }
    let partners: Vec<Option<usize>> = ours
        .iter()
        .map(|name| places.get_mut(name.as_str())?.pop_front())
        .collect();
    let alone: BTreeSet<usize> = places.into_values().flatten().collect();
    let run = |from: usize| {
        let run = (from..theirs.len()).take_while(|at| alone.contains(at));
        run.map(|at| [None, Some(at)])
    };
    let mut rows: Vec<_> = run(0).collect();
    for (at, partner) in partners.iter().enumerate() {
        rows.push([Some(at), *partner]);
        rows.extend(partner.iter().flat_map(|partner| run(partner + 1)));
    }
    (rows, !partners.iter().flatten().is_sorted())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Diff, Line, compare};

    fn header(name: &str, value: &str) -> Header {
        Header {
            name: name.to_owned(),
            value: value.to_owned().into(),
        }
    }

    fn bodies(one: &str, other: &str) -> Diff {
        let messages = [one, other].map(|body| ("POST /", &[][..], body.as_bytes()));
        compare(messages, &Noise::default())
    }

    #[test]
    fn order_and_noise_of_one_side_are_no_changes() {
        for (one, other, not_compared) in [
            (
                r#"{"a":1,"b":2}"#,
                r#"{"b":2,"a":1}"#,
                "order of the JSON's fields",
            ),
            (
                r#"[{"a":[],"b":{}}]"#,
                r#"[ {"b":{},"a":[]} ]"#,
                "order of the JSON's fields",
            ),
            (
                r#"{"uuid":"1","a":1}"#,
                r#"{"a":1}"#,
                "skipped fields: uuid",
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":1,"time":"}{"}"#,
                "skipped fields: time",
            ),
            (
                r#"{"x":{"time":1},"y":{}}"#,
                r#"{"x":{},"y":{"time":1}}"#,
                "skipped fields: time",
            ),
            (
                r#"{"a":1,"a":2}"#,
                r#"{"a":1, "a":2}"#,
                "white space between the tokens of the JSON",
            ),
        ] {
            let diff = bodies(one, other);
            assert_eq!((diff.changes, &*diff.lines), (0, &[][..]), "{one} {other}");
            assert_eq!(diff.not_compared, [not_compared], "{one} {other}");
        }
    }

    #[test]
    fn only_what_differs_is_a_change_in_another_order() {
        let one = r#"{"uuid":"1","a":1,"b":[{"c":1,"d":2}],"gone":0}"#;
        let other = r#"{"b":[{"d":2,"c":3},4],"new":[5],"time":1,"a":1}"#;
        let changed = |mark: fn(&Line) -> Option<&String>| {
            let diff = bodies(one, other);
            let lines: Vec<String> = diff.lines.iter().filter_map(mark).cloned().collect();
            lines.join("").replace([' ', ','], "")
        };
        let removed = changed(|it| match it {
            Line::Removed(text) => Some(text),
            _ => None,
        });
        let added = changed(|it| match it {
            Line::Added(text) => Some(text),
            _ => None,
        });
        assert_eq!(
            (&*removed, &*added),
            (r#""c":1}"gone":0"#, r#""c":3}4"new":[5]"#)
        );
        for (one, other) in [(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#), ("[1,2]", "[2,1]")] {
            assert!(bodies(one, other).changes > 0, "{one}");
        }
    }

    #[test]
    fn order_and_case_of_header_names_are_no_changes() {
        let one = [header("A", "1"), header("Date", "x"), header("b", "2")];
        let other = [header("B", "2"), header("a", "1")];
        let diff = compare([("", &one, b""), ("", &other, b"")], &Noise::default());
        assert_eq!(diff.changes, 0);
        let parts = ["skipped fields: date", "order or case of header names"];
        assert_eq!(diff.not_compared, parts);
        let twice = [header("a", "1"), header("a", "2")];
        let turned = [header("a", "2"), header("a", "1")];
        let diff = compare([("", &twice, b""), ("", &turned, b"")], &Noise::default());
        assert!(diff.changes > 0);
    }
}
