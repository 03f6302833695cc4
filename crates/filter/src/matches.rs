//! Evaluates a filter over an event.

use std::cell::OnceCell;
use std::fmt;

use bytes::Bytes;
use jiff::Zoned;
use ringtail_protocol::event::Header;
use ringtail_ringcentral::facts::{About, Fact, facts};
use ringtail_ringcentral::signature::Outcome as ProofOutcome;
use ringtail_text::decimal::Decimal;

use super::Filter;
use super::expr::{Comparison, Expr, Field, Flag, Order, Test};
use super::text::Text;
use ringtail_model::secrets::Secrets;
use ringtail_model::signature;
use ringtail_model::{Cause, EventRow, ForwardState, Outcome, endpoint_name};

/// Context of an evaluation: the time and the configured secrets.
pub struct Context {
    /// Reference of `-3h` and `yesterday`.
    pub now: Zoned,
    secrets: Box<dyn Fn(&str) -> Secrets + Send + Sync>,
}

impl Context {
    /// Creates a context; `secrets` returns an endpoint's secrets by its id.
    pub fn new(now: Zoned, secrets: impl Fn(&str) -> Secrets + Send + Sync + 'static) -> Self {
        Self {
            now,
            secrets: Box::new(secrets),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Parts of an event that are not in its row.
#[derive(Debug, Default)]
pub struct More {
    headers: Vec<Header>,
    body: Bytes,
    replayed: bool,
    after_gap: bool,
    facts: OnceCell<Vec<Fact>>,
}

impl More {
    /// Creates it from headers and body, whether the event was ever replayed, and whether it follows a gap.
    #[must_use]
    pub fn new(headers: Vec<Header>, body: Bytes, replayed: bool, after_gap: bool) -> Self {
        Self {
            headers,
            body,
            replayed,
            after_gap,
            facts: OnceCell::new(),
        }
    }

    fn facts(&self) -> &[Fact] {
        self.facts.get_or_init(|| facts(&self.body))
    }
}

impl Filter {
    /// Returns true if the event matches; `None` if that depends on `more` and it is missing.
    #[must_use]
    pub fn matches(
        &self,
        event: &EventRow,
        more: Option<&More>,
        context: &Context,
    ) -> Option<bool> {
        let subject = Subject {
            event,
            more,
            context,
        };
        self.expr().map_or(Some(true), |expr| subject.expr(expr))
    }
}

struct Subject<'a> {
    event: &'a EventRow,
    more: Option<&'a More>,
    context: &'a Context,
}

impl Subject<'_> {
    fn expr(&self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::Not(inner) => self.expr(inner).map(|holds| !holds),
            Expr::And(parts) => self.decides(parts, false),
            Expr::Or(parts) => self.decides(parts, true),
            Expr::Test(test) => self.test(test),
        }
    }

    /// Returns the result if one part decides it, even if others are unknown.
    fn decides(&self, parts: &[Expr], deciding: bool) -> Option<bool> {
        let mut all_known = true;
        for part in parts {
            match self.expr(part) {
                Some(holds) if holds == deciding => return Some(deciding),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!deciding)
    }

    fn test(&self, test: &Test) -> Option<bool> {
        let (event, now) = (self.event, &self.context.now);
        let attempt = event.last_attempt.as_ref();
        let received = event.received_at.0;
        Some(match test {
            Test::Anywhere(text) => {
                if text.fits(&event.summary) || text.fits(&event.path) {
                    return Some(true);
                }
                text.fits(&self.more?.body)
            }
            Test::Field(field, text) => return self.field(*field, text),
            Test::Header(name, text) => {
                let headers = &self.more?.headers;
                let mut named = headers.iter().filter(|header| header.is(name));
                named.any(|header| text.fits(&header.value))
            }
            Test::Flag(flag) => return self.flag(*flag),
            Test::Status(range) => attempt.is_some_and(|attempt| match attempt.outcome {
                Outcome::Status(status) => (range.0..=range.1).contains(&status),
                Outcome::Error { .. } => false,
            }),
            Test::Verdict(word) => attempt.is_some_and(|attempt| attempt.verdict.word() == *word),
            Test::Signature(word) => self.proof()?.is_some_and(|proof| proof.name() == *word),
            Test::Slower(time) => attempt.is_some_and(|attempt| attempt.duration > *time),
            Test::Seq(first, last) => (*first..=*last).contains(&event.seq),
            Test::Since(when) => received >= when.micros(now),
            Test::Until(when) => received < when.micros(now),
            Test::On(day) => {
                let (first, end) = day.bounds(now);
                (first..end).contains(&received)
            }
            Test::Has(path) => path.any(&self.more?.body, |_| true),
            Test::Json(path, comparison) => path.any(&self.more?.body, |value| {
                value.is_some_and(|value| comparison.holds(value))
            }),
        })
    }

    fn field(&self, field: Field, text: &Text) -> Option<bool> {
        let event = self.event;
        let about = match field {
            Field::Kind => return Some(text.fits(&event.topic) || text.fits(event.kind.word())),
            Field::Method => return Some(text.fits(&event.method)),
            Field::Path => return Some(text.fits(&event.path)),
            Field::Comment => {
                let bookmark = event.bookmark.as_ref();
                return Some(bookmark.is_some_and(|bookmark| text.fits(&bookmark.comment)));
            }
            Field::Endpoint => {
                let id = event.endpoint.as_str();
                return Some(text.fits(id) || text.fits(endpoint_name(id)));
            }
            Field::Event => About::Event,
            Field::From => About::From,
            Field::To => About::To,
            Field::Session => About::Session,
            Field::Extension => About::Extension,
            Field::Uuid => About::Uuid,
        };
        let mut facts = self.more?.facts().iter().filter(|fact| fact.about == about);
        Some(match about {
            About::From | About::To => facts.any(|fact| text.fits_party(&fact.value)),
            _ => facts.any(|fact| text.fits(&fact.value)),
        })
    }

    fn flag(&self, flag: Flag) -> Option<bool> {
        let event = self.event;
        Some(match flag {
            Flag::Pending => event.forward == ForwardState::Pending,
            Flag::Bookmarked => event.bookmark.is_some(),
            Flag::NewField => event.new_fields.is_some(),
            Flag::Duplicate => event.duplicate_of.is_some(),
            Flag::Replayed => {
                let newest = event.last_attempt.as_ref().map(|attempt| attempt.cause);
                match newest {
                    None => false,
                    Some(Cause::Replay) => true,
                    Some(_) => self.more?.replayed,
                }
            }
            Flag::Gap => self.more?.after_gap,
            Flag::Forged => matches!(
                self.proof()?,
                Some(ProofOutcome::Wrong | ProofOutcome::Missing)
            ),
        })
    }

    /// Checks the signature or token, if RingCentral signs such requests.
    fn proof(&self) -> Option<Option<ProofOutcome>> {
        let more = self.more?;
        let secrets = (self.context.secrets)(&self.event.endpoint);
        let found = signature::of_event(self.event, &more.headers, &more.body, &secrets);
        Some(found.map(|(_, proof)| proof.outcome))
    }
}

impl Comparison {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(text) | Self::Fits(text) => text.fits(value),
            Self::IsNot(text) => !text.fits(value),
            Self::Order(order, wanted) => {
                let ordering = match (Decimal::parse(value), Decimal::parse(wanted)) {
                    (Some(value), Some(wanted)) => value.cmp(&wanted),
                    _ => value.to_lowercase().cmp(&wanted.to_lowercase()),
                };
                match order {
                    Order::Less => ordering.is_lt(),
                    Order::AtMost => ordering.is_le(),
                    Order::More => ordering.is_gt(),
                    Order::AtLeast => ordering.is_ge(),
                }
            }
        }
    }
}
