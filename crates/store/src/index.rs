//! What makes searching quick: filled behind the events, a little at a time, when the writing thread has nothing
//! better to do.
//!
//! Every step is one short transaction that also says how far it came, so that whoever opens the history next goes
//! on there; a history of an older version is indexed in the same way, from its first event on. An index may know
//! less than the events do, as long as it never leaves out one that a search is for: [`super::search`] looks at
//! every event that an index yields.

mod pace;
mod turn;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use ringtail_protocol::event::Kind;
use ringtail_ringcentral::facts::{About, facts};
use ringtail_ringcentral::limits::ANSWER_MAX_BYTES;

pub(super) use self::pace::Pace;
pub(super) use self::turn::Turn;
use super::codes;
use super::learn::Learner;
use ringtail_filter::Field;
use ringtail_model::{RowId, endpoint_name};

/// Bytes of bodies after which a step ends.
const BATCH_BYTES: usize = 128 * 1024;

/// Attempts of one step.
const ATTEMPTS: usize = 1000;

/// Bytes of a body that are indexed as text. What is larger is looked through whenever texts are searched for.
const TEXT_BYTES: usize = 64 * 1024;

/// Longest token; longer facts are known by their beginning.
const TOKEN_BYTES: usize = 40;

/// From this duration on, an attempt is odd.
pub(super) const ODD_MICROS: i64 = 1_000_000;

/// Which attempts are odd.
fn odd() -> String {
    format!(
        "a.status IS NOT 200 OR a.cause = 3 OR a.duration_us >= {ODD_MICROS} OR a.wire_bytes > {ANSWER_MAX_BYTES}"
    )
}

/// Where the index stands after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The newest event that is indexed.
    pub(super) reached: RowId,
    /// Whether there is more to do.
    pub(super) more: bool,
    /// The last row of what is new in the events of the step.
    pub(super) novelty: Option<RowId>,
}

/// Puts parts of the indexes together, so many pages of them; or, when there are few parts, indexes so many events, and
/// some attempts, and learns from the events. Runs outside of other transactions.
pub(super) fn step(
    connection: &Connection,
    batch: usize,
    learner: &mut Learner,
) -> rusqlite::Result<Step> {
    // Immediate: a read that turns into a write fails when another process wrote in between.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let (events, attempts) = indexed(&transaction)?;
    if merge(&transaction, batch)? {
        transaction.commit()?;
        return Ok(Step {
            reached: RowId(events),
            more: true,
            novelty: None,
        });
    }
    learner.begin(events);
    let mut novelty = None;
    let (reached, all_events) = index_events(&transaction, events, batch, learner, &mut novelty)?;
    learner.write(&transaction)?;
    let (reached_attempts, all_attempts) = index_attempts(&transaction, attempts)?;
    if (reached, reached_attempts) != (events, attempts) {
        transaction
            .prepare_cached("UPDATE indexed SET events = ?1, attempts = ?2")?
            .execute([reached, reached_attempts])?;
    }
    transaction.commit()?;
    learner.end(reached);
    Ok(Step {
        reached: RowId(reached),
        more: !(all_events && all_attempts),
        novelty,
    })
}

/// Puts parts of the indexes together; returns whether there was anything to do. Every step adds a part, and removed
/// events stay in theirs until it is put together with others.
fn merge(connection: &Connection, pages: usize) -> rusqlite::Result<bool> {
    for sql in [
        "INSERT INTO fact_index (fact_index, rank) VALUES ('merge', ?1)",
        "INSERT INTO text_index (text_index, rank) VALUES ('merge', ?1)",
    ] {
        let before = connection.total_changes();
        connection
            .prepare_cached(sql)?
            .execute([codes::len(pages)])?;
        // The command itself counts for one change.
        if connection.total_changes() - before > 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads the last event and the last attempt that are indexed.
pub(super) fn indexed(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached("SELECT events, attempts FROM indexed")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Indexes events after a row; returns the last and whether there are no more.
fn index_events(
    connection: &Connection,
    after: i64,
    batch: usize,
    learner: &mut Learner,
    novelty: &mut Option<RowId>,
) -> rusqlite::Result<(i64, bool)> {
    let mut statement = connection.prepare_cached(
        "SELECT e.row, e.id, e.endpoint, e.kind, e.topic, e.summary, e.path, c.body, e.edited_from IS NOT NULL
         FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row > ?1 ORDER BY e.row LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, codes::len(batch)])?;
    let (mut last, mut count, mut bytes) = (after, 0, 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let body = row.get_ref(7)?.as_blob()?;
        let kind = Kind::from_code(row.get(3)?);
        let mut tokens = Tokens::default();
        tokens.whole(Field::Kind, row.get_ref(4)?.as_str()?);
        tokens.whole(Field::Kind, kind.word());
        let endpoint = row.get_ref(2)?.as_str()?;
        tokens.whole(Field::Endpoint, endpoint);
        let name = endpoint_name(endpoint);
        if name != endpoint {
            tokens.whole(Field::Endpoint, name);
        }
        for fact in facts(body) {
            tokens.fact(fact.about, &fact.value);
        }
        connection
            .prepare_cached("INSERT INTO fact_index (rowid, facts) VALUES (?1, ?2)")?
            .execute(params![last, tokens.text])?;
        let (text, is_whole) = text(row.get_ref(5)?.as_str()?, row.get_ref(6)?.as_str()?, body);
        connection
            .prepare_cached("INSERT INTO text_index (rowid, text) VALUES (?1, ?2)")?
            .execute(params![last, text])?;
        if !is_whole {
            connection
                .prepare_cached("INSERT OR IGNORE INTO text_partial (row) VALUES (?1)")?
                .execute([last])?;
        }
        // A passthrough request's attempt may be older than its event.
        connection
            .prepare_cached(&format!(
                "INSERT OR IGNORE INTO odd (row) SELECT ?1 FROM attempt AS a WHERE a.event = ?2 AND ({}) LIMIT 1",
                odd()
            ))?
            .execute(params![last, row.get_ref(1)?.as_blob()?])?;
        // What the user wrote tells nothing of what RingCentral sends.
        if !row.get::<_, bool>(8)? {
            let new = learner.event(connection, last, row.get_ref(4)?.as_str()?, body)?;
            *novelty = new.or(*novelty);
        }
        count += 1;
        bytes += body.len();
        if bytes >= BATCH_BYTES {
            return Ok((last, false));
        }
    }
    Ok((last, count < batch))
}

fn index_attempts(connection: &Connection, after: i64) -> rusqlite::Result<(i64, bool)> {
    let last: i64 = connection
        .prepare_cached(
            "SELECT coalesce(max(row), ?1) FROM (SELECT row FROM attempt WHERE row > ?1 ORDER BY row LIMIT ?2)",
        )?
        .query_row(params![after, codes::len(ATTEMPTS)], |row| row.get(0))?;
    if last == after {
        return Ok((last, true));
    }
    connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO odd (row) SELECT e.row FROM attempt AS a JOIN event AS e ON e.id = a.event
             WHERE a.row > ?1 AND a.row <= ?2 AND ({})",
            odd()
        ))?
        .execute([after, last])?;
    Ok((last, last - after < codes::len(ATTEMPTS)))
}

/// Returns what of an event is indexed as text, and whether that is everything.
fn text(summary: &str, path: &str, body: &[u8]) -> (String, bool) {
    let start = body.get(..TEXT_BYTES).unwrap_or(body);
    let mut text = format!("{summary}\n{path}\n");
    text.push_str(&String::from_utf8_lossy(start));
    // The tokenizer takes it for the end.
    let text = text.replace('\0', " ");
    (
        text,
        start.len() == body.len() && !has_escaped_letters(body),
    )
}

/// Says whether JSON writes a letter that is searched for in another way: `\u0041`, or by the number of one of the two
/// that are such a letter in another case.
fn has_escaped_letters(body: &[u8]) -> bool {
    body.windows(6).any(|window| match window {
        [b'\\', b'u', digits @ ..] => {
            matches!(digits, [b'0', b'0', b'2'..=b'7', _])
                || digits.eq_ignore_ascii_case(b"017f")
                || digits.eq_ignore_ascii_case(b"212a")
        }
        _ => false,
    })
}

/// The tokens of an event.
#[derive(Default)]
struct Tokens {
    text: String,
}

impl Tokens {
    fn whole(&mut self, field: Field, value: &str) {
        self.text.push_str(&token(field, value).unwrap_or_default());
        self.text.push(' ');
    }

    fn fact(&mut self, about: About, value: &str) {
        let field = match about {
            About::Event => Field::Event,
            About::Uuid => Field::Uuid,
            About::Session => Field::Session,
            About::From => Field::From,
            About::To => Field::To,
            About::Extension => return self.whole(Field::Extension, value),
        };
        // Every beginning of a word: that is where a search may begin.
        let mut in_word = false;
        for (at, character) in value.char_indices() {
            if character.is_alphanumeric() && !in_word {
                self.whole(field, &value[at..]);
            }
            in_word = character.is_alphanumeric();
        }
    }
}

/// Returns the token of a value; the beginning of a value gives the beginning of its token. `None` for a field that
/// is not indexed.
pub(super) fn token(field: Field, value: &str) -> Option<String> {
    let mut token = match field {
        Field::Kind => "k_",
        Field::Event => "e_",
        Field::From => "f_",
        Field::To => "t_",
        Field::Session => "s_",
        Field::Extension => "x_",
        Field::Uuid => "u_",
        Field::Endpoint => "n_",
        Field::Method | Field::Path | Field::Comment => return None,
    }
    .to_owned();
    token.extend(
        value
            .chars()
            .take(TOKEN_BYTES)
            .map(|character| match character {
                // The two that are these letters in another case.
                '\u{17f}' => 's',
                '\u{212a}' => 'k',
                letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
                _ => '_',
            }),
    );
    Some(token)
}

#[cfg(test)]
mod tests;
