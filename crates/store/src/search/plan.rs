//! How a search finds its candidates.
//!
//! A plan yields every event that matches the filter, and others with them. A part of the filter that no index knows
//! yields every event: in an `and` it may be left out, in an `or` it makes the whole yield everything.

use rusqlite::types::Value;

use ringtail_filter::{
    Comparison, Context, Expr, Field, Filter, Fit, Flag, JsonPath, StatusRange, Step, Test, Text,
};

use ringtail_model::FailureKind;

use super::{tokens, trigrams};
use crate::codes;

/// Attempts from this duration on are odd; the schema has the same number.
const ODD_MICROS: u128 = 1_000_000;

/// How candidates are found.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A query of rows in the span `:low`, exclusive, to `:high`, inclusive, and its other parameters.
    indexed: Option<(String, Parameters)>,
    /// The same without an index.
    scan: (String, Parameters),
    needs_index: bool,
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
        let source = filter.expr().and_then(Source::of);
        let indexed = source.as_ref().map(|source| source.sql(&mut parameters));
        Self {
            needs_index: source.is_some_and(|source| source.needs_index()),
            indexed: indexed.map(|sql| (sql, parameters)),
            scan: (sql, conditions),
        }
    }

    /// Returns whether something narrows the candidates.
    pub(super) fn is_driven(&self) -> bool {
        self.indexed.is_some()
    }

    /// Returns whether that needs the index, and not only tables of the history.
    pub(super) fn needs_index(&self) -> bool {
        self.needs_index
    }

    pub(super) fn candidates(&self, by_index: bool) -> (&str, &[(String, Value)]) {
        let chosen = self.indexed.as_ref().filter(|_| by_index);
        let (sql, parameters) = chosen.unwrap_or(&self.scan);
        (sql, &parameters.0)
    }
}

const SPAN: &str = "row > :low AND row <= :high";

/// Values of a query's parameters.
#[derive(Debug, Default)]
struct Parameters(Vec<(String, Value)>);

impl Parameters {
    fn add(&mut self, value: impl Into<Value>) -> String {
        let name = format!(":value{}", self.0.len());
        self.0.push((name.clone(), value.into()));
        name
    }

    /// Returns the condition on columns of `event` that a part of the filter is, if it is one.
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
            Test::Flag(Flag::Pending) => "forward = 1".to_owned(),
            Test::Verdict("token") => "callback = 'validation'".to_owned(),
            // A time-out may have been too short for a verdict.
            Test::Verdict("unjudged") => format!(
                "(callback NOT IN ({}) OR EXISTS
                   (SELECT 1 FROM attempt AS a WHERE a.event = event.id AND a.failure = {}))",
                codes::judged(),
                self.add(FailureKind::TimedOut.word().to_owned())
            ),
            _ => return None,
        })
    }
}

/// Where candidates come from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// An expression of `fact_index`.
    Facts(String),
    /// An expression of `text_index`.
    Text(String),
    Odd,
    Pending,
    Gap,
    Bookmarked,
    /// Events with new fields.
    NewFields,
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
            // What an index yields need not match, so what it leaves out is not the opposite.
            Expr::Not(_) => None,
            Expr::Test(test) => Self::of_test(test),
        }
    }

    fn of_test(test: &Test) -> Option<Self> {
        match test {
            Test::Anywhere(text) => text_source(text, |_| true),
            Test::Field(Field::Path, text) => text_source(text, |_| true),
            Test::Field(Field::Comment, _) | Test::Flag(Flag::Bookmarked) => Some(Self::Bookmarked),
            Test::Field(field, text) => fact_source(*field, text),
            Test::Flag(Flag::Replayed) => Some(Self::Odd),
            Test::Flag(Flag::Pending) => Some(Self::Pending),
            Test::Flag(Flag::Gap) => Some(Self::Gap),
            Test::Flag(Flag::NewField) => Some(Self::NewFields),
            Test::Status(StatusRange(first, last)) => {
                (!(*first..=*last).contains(&200)).then_some(Self::Odd)
            }
            Test::Verdict("late" | "status" | "size" | "no-answer") => Some(Self::Odd),
            // An answer may be wrong by its header alone, or belong to a request that is not judged.
            Test::Verdict(_) => None,
            Test::Slower(time) => (time.as_micros() >= ODD_MICROS).then_some(Self::Odd),
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

    fn all(sources: impl Iterator<Item = Self>) -> Option<Self> {
        let mut sources = Self::joined(sources, |all| all.join(" AND "));
        match sources.len() {
            0 | 1 => sources.pop(),
            _ => Some(Self::All(sources)),
        }
    }

    fn any(sources: Vec<Self>) -> Self {
        // AND binds more strongly than OR.
        let any = |any: Vec<String>| format!("({})", any.join(" OR "));
        Self::Any(Self::joined(sources.into_iter(), any))
    }

    /// Joins the expressions for one FTS table, which is faster at that, and leaves out duplicates: SQLite joins at most
    /// 500 queries.
    fn joined(
        sources: impl Iterator<Item = Self>,
        join: impl Fn(Vec<String>) -> String,
    ) -> Vec<Self> {
        let (mut facts, mut texts, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            match source {
                Self::Facts(expression) => facts.push(expression),
                Self::Text(expression) => texts.push(expression),
                other if others.contains(&other) => {}
                other => others.push(other),
            }
        }
        if !facts.is_empty() {
            others.push(Self::Facts(join(facts)));
        }
        if !texts.is_empty() {
            others.push(Self::Text(join(texts)));
        }
        others
    }

    fn needs_index(&self) -> bool {
        match self {
            Self::Facts(_) | Self::Text(_) => true,
            Self::All(sources) | Self::Any(sources) => sources.iter().any(Self::needs_index),
            _ => false,
        }
    }

    /// Returns the query of the rows in the span.
    fn sql(&self, parameters: &mut Parameters) -> String {
        match self {
            Self::Facts(expression) => {
                let expression = parameters.add(expression.clone());
                format!(
                    "SELECT rowid AS row FROM search.fact_index
                     WHERE fact_index MATCH {expression} AND rowid > :low AND rowid <= :high"
                )
            }
            Self::Text(expression) => {
                let expression = parameters.add(expression.clone());
                format!(
                    "SELECT rowid AS row FROM search.text_index
                     WHERE text_index MATCH {expression} AND rowid > :low AND rowid <= :high
                     UNION SELECT row FROM search.text_partial WHERE {SPAN}"
                )
            }
            Self::Odd => format!("SELECT row FROM odd WHERE {SPAN}"),
            // The forwarder's queue is by endpoint. By itself SQLite would go through all events of the span and not from
            // one endpoint of the queue to the next.
            Self::Pending => "WITH RECURSIVE queue (endpoint) AS (
                   SELECT min(endpoint) FROM event INDEXED BY event_pending WHERE forward = 1
                   UNION ALL SELECT (SELECT min(endpoint) FROM event INDEXED BY event_pending
                     WHERE forward = 1 AND endpoint > queue.endpoint) FROM queue WHERE queue.endpoint IS NOT NULL)
                 SELECT e.row FROM queue CROSS JOIN event AS e INDEXED BY event_pending
                   ON e.endpoint = queue.endpoint AND e.forward = 1
                 WHERE e.row > :low AND e.row <= :high"
                .to_owned(),
            Self::Bookmarked => format!("SELECT row FROM bookmark WHERE {SPAN}"),
            Self::NewFields => {
                "SELECT event AS row FROM new_fields WHERE event > :low AND event <= :high"
                    .to_owned()
            }
            // The order of a CROSS JOIN is as written: there are few gaps, and many events in the span.
            Self::Gap => "SELECT e.row FROM gap AS g CROSS JOIN event AS e
                   ON e.endpoint = g.endpoint AND e.journal = g.journal AND e.seq = g.last + 1
                 WHERE e.row > :low AND e.row <= :high"
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
    let mut expression = format!("{}{star}", tokens::token(field, value)?);
    if let (Field::From | Field::To, Some(digits)) = (field, text.phone()) {
        expression = format!("({expression} OR {} *)", tokens::token(field, digits)?);
    }
    Some(Source::Facts(expression))
}

fn text_source(text: &Text, is_plain: fn(u8) -> bool) -> Option<Source> {
    trigrams::expression(text, is_plain).map(Source::Text)
}

/// Returns whether JSON writes a letter as itself, or in a way that puts the event into `text_partial`.
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
