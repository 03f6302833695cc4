//! How a search uses the indexes.
//!
//! A plan yields every event that the filter is for, and others with them. A part of the filter that no index knows
//! yields every event: beside others it may be left out, as an alternative it makes the whole yield everything.

use rusqlite::types::Value;

use super::super::{codes, index};
use super::letters;
use ringtail_filter::{
    Comparison, Context, Expr, Field, Filter, Fit, Flag, JsonPath, StatusRange, Step, Test, Text,
};

/// How candidates are found.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A query of rows in the span `?1`, exclusive, to `?2`, inclusive, and its parameters from `?3` on.
    indexed: Option<(String, Vec<Value>)>,
    /// The same without an index.
    scan: (String, Vec<Value>),
}

impl Plan {
    pub(super) fn of(filter: &Filter, context: &Context) -> Self {
        let mut conditions = Parameters::default();
        let mut sql = format!("SELECT row FROM event WHERE {SPAN}");
        let parts = match filter.expr() {
            None => &[],
            Some(Expr::And(parts)) => &parts[..],
            Some(expr) => std::slice::from_ref(expr),
        };
        for condition in parts
            .iter()
            .filter_map(|part| conditions.column(part, context))
        {
            sql += " AND ";
            sql += &condition;
        }
        let mut parameters = Parameters::default();
        let indexed = filter
            .expr()
            .and_then(Source::of)
            .map(|source| source.sql(&mut parameters));
        Self {
            indexed: indexed.map(|sql| (sql, parameters.0)),
            scan: (sql, conditions.0),
        }
    }

    pub(super) fn has_index(&self) -> bool {
        self.indexed.is_some()
    }

    pub(super) fn candidates(&self, by_index: bool) -> (&str, &[Value]) {
        let chosen = self.indexed.as_ref().filter(|_| by_index);
        let (sql, parameters) = chosen.unwrap_or(&self.scan);
        (sql, parameters)
    }
}

const SPAN: &str = "row > ?1 AND row <= ?2";

/// Values of a query's parameters.
#[derive(Debug, Default)]
struct Parameters(Vec<Value>);

impl Parameters {
    fn add(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("?{}", self.0.len() + 2)
    }

    /// Returns what a part of the filter says of a column that can be told without looking at the event.
    fn column(&mut self, part: &Expr, context: &Context) -> Option<String> {
        let Expr::Test(test) = part else { return None };
        let now = &context.now;
        Some(match test {
            Test::Since(when) => format!("received_at >= {}", self.add(when.micros(now))),
            Test::Until(when) => format!("received_at < {}", self.add(when.micros(now))),
            Test::On(day) => {
                let (first, end) = day.bounds(now);
                let (first, end) = (self.add(first), self.add(end));
                format!("received_at >= {first} AND received_at < {end}")
            }
            Test::Seq(first, last) => {
                let bound = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
                let (first, last) = (self.add(bound(*first)), self.add(bound(*last)));
                format!("seq BETWEEN {first} AND {last}")
            }
            Test::Flag(Flag::Duplicate) => "duplicate_of IS NOT NULL".to_owned(),
            Test::Flag(Flag::Held) => "forward = 1".to_owned(),
            Test::Verdict("token") => "callback = 'validation'".to_owned(),
            Test::Verdict("unjudged") => format!("callback NOT IN ({})", codes::judged()),
            _ => return None,
        })
    }
}

/// Where candidates come from.
#[derive(Debug)]
enum Source {
    /// An expression of `fact_index`.
    Facts(String),
    /// An expression of `text_index`.
    Text(String),
    Odd,
    Held,
    Gap,
    Marked,
    /// Events with something new in them.
    Novel,
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Source {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::And(parts) => Self::all(parts.iter().filter_map(Self::of)),
            Expr::Or(parts) => {
                let sources: Option<Vec<_>> = parts.iter().map(Self::of).collect();
                sources.map(Self::any)
            }
            // What an index leaves out is not what it was asked for, but what it yields may be neither.
            Expr::Not(_) => None,
            Expr::Test(test) => Self::of_test(test),
        }
    }

    fn of_test(test: &Test) -> Option<Self> {
        match test {
            Test::Anywhere(text) => text_source(text, |_| true),
            Test::Field(Field::Path, text) => text_source(text, |_| true),
            Test::Field(Field::Comment, _) | Test::Flag(Flag::Marked) => Some(Self::Marked),
            Test::Field(field, text) => fact_source(*field, text),
            Test::Flag(Flag::Replayed) => Some(Self::Odd),
            Test::Flag(Flag::Held) => Some(Self::Held),
            Test::Flag(Flag::Gap) => Some(Self::Gap),
            Test::Flag(Flag::NewField) => Some(Self::Novel),
            Test::Status(StatusRange(first, last)) => {
                (!(*first..=*last).contains(&200)).then_some(Self::Odd)
            }
            Test::Verdict("late" | "status" | "size" | "no-answer") => Some(Self::Odd),
            // An answer may look well but for its header, or belong to a request that is not judged.
            Test::Verdict(_) => None,
            Test::Slower(time) => {
                (i64::try_from(time.as_micros()).ok()? >= index::ODD_MICROS).then_some(Self::Odd)
            }
            Test::Has(path) => path_source(path),
            Test::Json(path, Comparison::Is(text) | Comparison::Fits(text)) => {
                text_source(text, is_plain_in_json).or_else(|| path_source(path))
            }
            Test::Json(path, _) => path_source(path),
            Test::Header(..)
            | Test::Flag(Flag::Duplicate | Flag::Forged)
            | Test::Signature(_)
            | Test::Seq(..)
            | Test::Since(_)
            | Test::Until(_)
            | Test::On(_) => None,
        }
    }

    /// Joins what is asked of one index, which is quicker at that.
    fn all(sources: impl Iterator<Item = Self>) -> Option<Self> {
        let (mut facts, mut texts, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            match source {
                Self::Facts(expression) => facts.push(expression),
                Self::Text(expression) => texts.push(expression),
                other => others.push(other),
            }
        }
        if !facts.is_empty() {
            others.push(Self::Facts(facts.join(" AND ")));
        }
        if !texts.is_empty() {
            others.push(Self::Text(texts.join(" AND ")));
        }
        if others.len() > 1 {
            Some(Self::All(others))
        } else {
            others.pop()
        }
    }

    fn any(sources: Vec<Self>) -> Self {
        let mut facts = Vec::new();
        let mut others = Vec::new();
        for source in sources {
            match source {
                Self::Facts(expression) => facts.push(format!("({expression})")),
                other => others.push(other),
            }
        }
        if !facts.is_empty() {
            others.push(Self::Facts(format!("({})", facts.join(" OR "))));
        }
        Self::Any(others)
    }

    /// Returns the query of the rows in the span.
    fn sql(&self, parameters: &mut Parameters) -> String {
        match self {
            Self::Facts(expression) => {
                let expression = parameters.add(expression.clone());
                format!(
                    "SELECT rowid AS row FROM fact_index WHERE fact_index MATCH {expression} AND rowid > ?1 AND rowid <= ?2"
                )
            }
            Self::Text(expression) => {
                let expression = parameters.add(expression.clone());
                format!(
                    "SELECT rowid AS row FROM text_index WHERE text_index MATCH {expression} AND rowid > ?1 AND rowid <= ?2
                     UNION SELECT row FROM text_partial WHERE {SPAN}"
                )
            }
            // The order of a CROSS JOIN is as written: there are few of the first, and many events in the span.
            Self::Odd => format!(
                // Attempts may come long after their event was indexed.
                "SELECT row FROM odd WHERE {SPAN} UNION SELECT e.row FROM attempt AS a CROSS JOIN event AS e ON e.id = a.event
                 WHERE a.row > (SELECT attempts FROM indexed) AND e.row > ?1 AND e.row <= ?2"
            ),
            // The forwarder's queue is by endpoint. SQLite would rather go through all events of the span than from one
            // endpoint of the queue to the next.
            Self::Held => "WITH RECURSIVE owed (endpoint) AS (
                   SELECT min(endpoint) FROM event INDEXED BY event_pending WHERE forward = 1
                   UNION ALL SELECT (SELECT min(endpoint) FROM event INDEXED BY event_pending
                     WHERE forward = 1 AND endpoint > owed.endpoint) FROM owed WHERE owed.endpoint IS NOT NULL)
                 SELECT e.row FROM owed CROSS JOIN event AS e INDEXED BY event_pending
                   ON e.endpoint = owed.endpoint AND e.forward = 1
                 WHERE e.row > ?1 AND e.row <= ?2"
                .to_owned(),
            Self::Marked => format!("SELECT row FROM mark WHERE {SPAN}"),
            Self::Novel => {
                "SELECT event AS row FROM novelty WHERE event > ?1 AND event <= ?2".to_owned()
            }
            Self::Gap => "SELECT e.row FROM gap AS g CROSS JOIN event AS e
                   ON e.endpoint = g.endpoint AND e.journal = g.journal AND e.seq = g.last + 1
                 WHERE e.row > ?1 AND e.row <= ?2"
                .to_owned(),
            Self::All(sources) => join(sources, " INTERSECT ", parameters),
            Self::Any(sources) => join(sources, " UNION ", parameters),
        }
    }
}

fn join(sources: &[Source], between: &str, parameters: &mut Parameters) -> String {
    let queries: Vec<String> = sources
        .iter()
        .map(|source| format!("SELECT row FROM ({})", source.sql(parameters)))
        .collect();
    queries.join(between)
}

fn fact_source(field: Field, text: &Text) -> Option<Source> {
    let beginning = text
        .source
        .trim_start_matches(|c: char| !c.is_alphanumeric());
    let (value, star) = match text.fit {
        Fit::Whole => (text.source.as_str(), ""),
        Fit::Begins if !beginning.is_empty() => (beginning, " *"),
        Fit::Begins | Fit::Part | Fit::Pattern => return None,
    };
    Some(Source::Facts(format!(
        "{}{star}",
        index::token(field, value)?
    )))
}

fn text_source(text: &Text, is_plain: fn(u8) -> bool) -> Option<Source> {
    letters::expression(text, is_plain).map(Source::Text)
}

/// Says whether JSON writes a letter as itself, or in a way that makes [`index`] call the event partial.
fn is_plain_in_json(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | b'/')
}

/// Looks for the longest name of a path.
fn path_source(path: &JsonPath) -> Option<Source> {
    let names = path.0.iter().filter_map(|step| match step {
        Step::Field(name) => Some(name),
        Step::Index(_) | Step::Any => None,
    });
    let name = Text::new(names.max_by_key(|name| name.len())?, Fit::Part).ok()?;
    text_source(&name, is_plain_in_json)
}
