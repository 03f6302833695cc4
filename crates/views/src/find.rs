//! Finds events by number, range or id.

use std::collections::BTreeSet;

use ringtail_errors::{Failure, codes};
use ringtail_model::{EventRow, GapRow, RowId, endpoint_name};
use ringtail_protocol::event::EventId;
use ringtail_store::{History, MAX_PAGE, Selector};

/// Endpoints that a message lists.
const SHOWN: usize = 4;

/// Finds the events that a text names: a selector, or `endpoint/selector`. An ambiguous text is an error: numbers of two
/// endpoints, a number that a relay has given twice, as after a restored backup, or an id prefix of two events.
///
/// Returns ids, because a range may be the whole history.
///
/// # Errors
/// When it is not one of the forms, names nothing, or is ambiguous.
pub async fn find(
    history: &History,
    endpoint: Option<&str>,
    text: &str,
) -> Result<Vec<EventId>, Failure> {
    let (endpoint, selector) = match text.split_once('/') {
        Some((endpoint, rest)) => (Some(endpoint), rest),
        None => (endpoint, text),
    };
    let selector = Selector::parse(selector)?;
    let mut found = Vec::new();
    let mut endpoints = BTreeSet::new();
    let mut after = RowId::default();
    loop {
        let page = history.find(None, &selector, after, MAX_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.row;
        let is_meant = |event: &EventRow| {
            // A number excludes edited copies, unless their endpoint is given.
            let is_copy = matches!(selector, Selector::Seq { .. }) && event.edited_from.is_some();
            is_on(event, endpoint) && (!is_copy || endpoint == Some(&event.endpoint))
        };
        for event in page.into_iter().filter(is_meant) {
            found.push(event.id);
            endpoints.insert(event.endpoint);
        }
    }
    if found.is_empty() {
        if let Some(wanted) = endpoint {
            on_some(history, wanted).await?;
        }
        let gaps = gaps(history).await?;
        let lost = gaps.into_iter().find(|gap| {
            matches!(selector, Selector::Seq { first, last } if first <= gap.last && gap.first <= last)
                && endpoint.is_none_or(|wanted| is_of(&gap.endpoint, wanted))
        });
        return Err(match lost {
            Some(gap) => Failure::new(&codes::NO_DATA, lost_in(text, &gap)),
            None => no_event(text),
        });
    }
    let clear = match selector {
        Selector::Seq { first, last } if first != last => endpoints.len() == 1,
        Selector::Seq { .. } | Selector::Id(_) => found.len() == 1,
    };
    match clear {
        true => Ok(found),
        false => Err(ambiguous(text, &selector, &found, endpoints)),
    }
}

/// Reads all gaps of the history, oldest first.
///
/// # Errors
/// When the history cannot be read.
pub async fn gaps(history: &History) -> Result<Vec<GapRow>, Failure> {
    let mut gaps = Vec::<GapRow>::new();
    loop {
        let after = gaps.last().map_or(RowId::default(), |gap| gap.row);
        let page = history.gaps_after(after, MAX_PAGE).await?;
        if page.is_empty() {
            return Ok(gaps);
        }
        gaps.extend(page);
    }
}

fn lost_in(text: &str, gap: &GapRow) -> String {
    format!(
        "event {text} is lost: the relay had deleted #{} to #{} of {} before they were fetched",
        gap.first, gap.last, gap.endpoint
    )
}

fn no_event(text: &str) -> Failure {
    let failure = format!("no event {text} in the history");
    Failure::new(&codes::NO_DATA, failure).hint("`ringtail events list` shows the events")
}

/// Fails if the history has no events of the endpoint.
async fn on_some(history: &History, wanted: &str) -> Result<(), Failure> {
    let endpoints = history.read(|reader| reader.endpoints()).await;
    let endpoints = endpoints?;
    if endpoints.iter().any(|id| is_of(id, wanted)) || endpoints.is_empty() {
        return Ok(());
    }
    let failure = format!("no endpoint {wanted} in the history");
    let hint = format!("the history has {}", some(&endpoints));
    Err(Failure::new(&codes::NO_DATA, failure).hint(hint))
}

/// Lists the first names.
fn some(names: &[String]) -> String {
    match names.get(..SHOWN) {
        Some(first) if names.len() > SHOWN => {
            format!("{} and {} more", first.join(", "), names.len() - SHOWN)
        }
        _ => names.join(", "),
    }
}

fn ambiguous(
    text: &str,
    selector: &Selector,
    found: &[EventId],
    endpoints: BTreeSet<String>,
) -> Failure {
    let (count, endpoints) = (found.len(), Vec::from_iter(endpoints));
    let failure = format!("{text} matches {count} events of {}", some(&endpoints));
    let number = text.rsplit('/').next().unwrap_or(text);
    let hint = match (selector, &endpoints[..]) {
        (Selector::Seq { .. }, [_]) => {
            let ids: Vec<String> = found.iter().map(EventId::to_string).collect();
            format!("name one by its id: {}", some(&ids))
        }
        (Selector::Seq { .. }, [first, ..]) => format!("name the endpoint, as in {first}/{number}"),
        _ => "give more of the id".to_owned(),
    };
    Failure::new(&codes::NO_DATA, failure).hint(hint)
}

/// Finds one event.
///
/// # Errors
/// As for [`find`].
pub async fn find_one(
    history: &History,
    endpoint: Option<&str>,
    text: &str,
) -> Result<EventRow, Failure> {
    let found = find(history, endpoint, text).await?;
    let row = match found.first() {
        Some(first) => history.row(*first).await?,
        None => None,
    };
    // Retention may have deleted it.
    let row = row.ok_or_else(|| no_event(text))?;
    match found.len() {
        1 => Ok(row),
        count => {
            let many = format!("{text} names {count} events, and one is expected");
            let hint = format!("name one, such as {}", row.seq);
            Err(Failure::new(&codes::NO_DATA, many).hint(hint))
        }
    }
}

/// Returns whether an event is of the endpoint, given by id or name.
#[must_use]
pub fn is_on(event: &EventRow, endpoint: Option<&str>) -> bool {
    endpoint.is_none_or(|wanted| is_of(&event.endpoint, wanted))
}

fn is_of(id: &str, wanted: &str) -> bool {
    id == wanted || endpoint_name(id) == wanted
}

#[cfg(test)]
mod tests {
    use ringtail_store::testing::{ENDPOINT, TestHistory, call};
    use ringtail_store::{Forwarding, Incoming};

    use super::*;

    #[tokio::test]
    async fn a_number_that_was_given_twice_names_no_event() {
        let test = TestHistory::open();
        let mut ids = Vec::new();
        for journal in ["before", "after"] {
            let event = call(22, "s");
            ids.push(event.id);
            let batch = vec![Incoming::Event(event)];
            let stored = test
                .history
                .store(ENDPOINT, journal, batch, Forwarding::Off);
            stored.await.unwrap();
        }
        for text in ["22", "demo/22"] {
            let failure = find(&test.history, None, text).await.unwrap_err();
            let expected = format!("hint: name one by its id: {}, {}", ids[0], ids[1]);
            assert!(failure.to_string().contains(&expected), "{failure}");
        }
        let found = find_one(&test.history, None, &ids[1].to_string()).await;
        assert_eq!(found.unwrap().id, ids[1]);
        let both = find(&test.history, None, "22..23").await;
        assert_eq!(both.unwrap(), ids);
    }
}
