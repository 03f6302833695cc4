//! The course of a call, put together from the events of its telephony session (docs/RINGCENTRAL.md 2.8 and 6).
//!
//! RingCentral promises no order and no uniqueness: events come late, twice, or through two event filters that both
//! match. `sequence` grows within a session, so it says what happened first; what it skips did not arrive.

use std::time::Duration;

use crate::body;
use crate::catalogue::{Node, words};
use crate::envelope::Envelope;

/// The course of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// The session's id, if any event names one.
    pub session: Option<String>,
    /// Who took part, in the order of their first event.
    pub parties: Vec<Party>,
    /// What happened, by `sequence`; events without one stand where they arrived.
    pub steps: Vec<Step>,
    /// Numbers that no event had, between the lowest and the highest.
    pub missing: Vec<(i64, i64)>,
}

/// A party of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// RingCentral's id of the party.
    pub id: String,
    /// Who it is, for people.
    pub label: String,
    /// `Inbound` or `Outbound`, as far as it is known.
    pub direction: String,
}

/// One event of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which of the events it is, from 0 in the order of arrival.
    pub arrival: usize,
    /// Its number in the session.
    pub sequence: Option<i64>,
    /// Another event before it had the same number.
    pub repeated: bool,
    /// An event with a higher number came before it.
    pub late: bool,
    /// State of each party that it names.
    pub states: Vec<State>,
}

/// State of a party, as an event reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Which of [`Timeline::parties`].
    pub party: usize,
    /// The state in words, such as `ringing`.
    pub text: String,
    /// Not the same as before.
    pub changed: bool,
}

/// Most parties of a timeline; a conference is shown by its first ones.
pub const MAX_PARTIES: usize = 64;

/// Most missing numbers that are listed, as ranges.
pub const MAX_MISSING: usize = 100;

impl Timeline {
    /// Puts a call together from the bodies of its events in the order of arrival.
    ///
    /// Bodies that are no telephony events become steps that say nothing.
    pub fn of<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut timeline = Self::default();
        let mut highest = None;
        for (arrival, body) in bodies.into_iter().enumerate() {
            let text = body::text(body);
            let envelope = Envelope::parse(&text);
            let content = Node(envelope.body.as_deref());
            if timeline.session.is_none() {
                timeline.session = content.at("telephonySessionId").text();
            }
            let sequence = content.at("sequence").number();
            let late = sequence.is_some_and(|sequence| highest.is_some_and(|high| sequence < high));
            highest = highest.max(sequence);
            let states = content
                .at("parties")
                .items(MAX_PARTIES)
                .filter_map(|party| timeline.state(party))
                .collect();
            timeline.steps.push(Step {
                arrival,
                sequence,
                repeated: false,
                late,
                states,
            });
        }
        timeline.put_in_order();
        timeline
    }

    fn state(&mut self, node: Node<'_>) -> Option<State> {
        let id = node.at("id").text()?;
        let direction = node.at("direction").text().unwrap_or_default();
        let own = if direction == "Outbound" {
            "from"
        } else {
            "to"
        };
        let label = node.at(own).who();
        let known = self.parties.iter().position(|party| party.id == id);
        let party = match known {
            Some(party) => party,
            None if self.parties.len() == MAX_PARTIES => return None,
            None => {
                self.parties.push(Party {
                    id,
                    label: String::new(),
                    direction: String::new(),
                });
                self.parties.len() - 1
            }
        };
        let entry = self.parties.get_mut(party)?;
        if let Some(label) = label {
            entry.label = label;
        }
        if !direction.is_empty() {
            entry.direction = direction;
        }
        let status = node.at("status");
        let mut text = words(&status.at("code").text()?);
        if let Some(reason) = status.at("reason").text() {
            text += &format!(" ({})", words(&reason));
        }
        if node.at("missedCall").is_true() {
            text += ", missed";
        }
        if node.at("muted").is_true() {
            text += ", muted";
        }
        Some(State {
            party,
            text,
            changed: false,
        })
    }

    fn put_in_order(&mut self) {
        // What has no number stays behind what arrived before it.
        let mut place = i64::MIN;
        let mut keyed: Vec<(i64, Step)> = std::mem::take(&mut self.steps)
            .into_iter()
            .map(|step| {
                place = step.sequence.unwrap_or(place);
                (place, step)
            })
            .collect();
        keyed.sort_by_key(|(place, step)| (*place, step.arrival));
        let mut current = vec![String::new(); self.parties.len()];
        let mut before: Option<i64> = None;
        for (_, mut step) in keyed {
            if let (Some(now), Some(before)) = (step.sequence, before) {
                step.repeated = now == before;
                if now.saturating_sub(before) > 1 && self.missing.len() < MAX_MISSING {
                    self.missing.push((before + 1, now - 1));
                }
            }
            before = step.sequence.or(before);
            for state in &mut step.states {
                if let Some(current) = current.get_mut(state.party)
                    && *current != state.text
                {
                    state.changed = true;
                    current.clone_from(&state.text);
                }
            }
            self.steps.push(step);
        }
    }
}

/// Returns the time between two arrivals in words; what arrived in another order than it happened goes back.
#[must_use]
pub fn gap(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "+" };
    let time = Duration::from_micros(micros.unsigned_abs());
    match time.as_secs() {
        0 => format!("{sign}{} ms", time.as_millis()),
        1..60 => format!("{sign}{:.1} s", time.as_secs_f64()),
        seconds @ 60..3600 => format!("{sign}{}:{:02}", seconds / 60, seconds % 60),
        seconds @ 3600..86_400 => format!("{sign}{} h", seconds / 3600),
        seconds => format!("{sign}{} d", seconds / 86_400),
    }
}

/// Returns in words which numbers did not arrive between two that did, if any is missing.
#[must_use]
pub fn not_arrived(before: i64, now: i64) -> Option<String> {
    match now.saturating_sub(before) {
        ..=1 => None,
        2 => Some(format!("{} did not arrive", before + 1)),
        _ => Some(format!("{} to {} did not arrive", before + 1, now - 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn gaps_have_the_unit_that_tells_most() {
        for (micros, words) in [
            (0, "+0 ms"),
            (218_400, "+218 ms"),
            (-1_500_000, "-1.5 s"),
            (65_000_000, "+1:05"),
            (7_200_000_000, "+2 h"),
            (200_000_000_000, "+2 d"),
            (i64::MIN, "-106751991 d"),
        ] {
            assert_eq!(gap(micros), words);
        }
    }

    fn event(sequence: Option<i64>, party: &str, status: &str) -> Vec<u8> {
        json!({"uuid": "u", "event": "/restapi/v1.0/account/1/telephony/sessions", "body": {
            "telephonySessionId": "s-1", "sequence": sequence,
            "parties": [{"id": party, "direction": "Inbound", "to": {"name": party.to_uppercase()},
                "status": {"code": status}}],
        }})
        .to_string()
        .into_bytes()
    }

    fn course(timeline: &Timeline) -> Vec<(usize, Option<i64>, bool, bool)> {
        let steps = timeline.steps.iter();
        steps
            .map(|step| (step.arrival, step.sequence, step.repeated, step.late))
            .collect()
    }

    #[test]
    fn events_stand_by_sequence_with_what_is_wrong_marked() {
        let events = [
            event(Some(2), "pat", "Setup"),
            event(Some(6), "pat", "Answered"),
            event(Some(3), "pat", "Proceeding"),
            event(Some(3), "pat", "Proceeding"),
            event(None, "alex", "Setup"),
            event(Some(9), "pat", "Disconnected"),
        ];
        let timeline = Timeline::of(events.iter().map(Vec::as_slice));
        assert_eq!(timeline.session.as_deref(), Some("s-1"));
        assert_eq!(
            course(&timeline),
            [
                (0, Some(2), false, false),
                (2, Some(3), false, true),
                (3, Some(3), true, true),
                (4, None, false, false),
                (1, Some(6), false, false),
                (5, Some(9), false, false),
            ]
        );
        assert_eq!(timeline.missing, [(4, 5), (7, 8)]);
        let labels: Vec<&str> = timeline
            .parties
            .iter()
            .map(|party| party.label.as_str())
            .collect();
        assert_eq!(labels, ["PAT", "ALEX"]);
        let changes: Vec<(&str, bool)> = timeline
            .steps
            .iter()
            .flat_map(|step| &step.states)
            .map(|state| (state.text.as_str(), state.changed))
            .collect();
        assert_eq!(
            changes,
            [
                ("setup", true),
                ("proceeding", true),
                ("proceeding", false),
                ("setup", true),
                ("answered", true),
                ("disconnected", true)
            ]
        );
    }

    #[test]
    fn a_real_call_has_its_course() {
        let stream = crate::samples::payloads()
            .into_iter()
            .filter(|sample| {
                sample
                    .name
                    .starts_with("telephony-sessions-stream-pstn-to-rc")
            })
            .map(|sample| sample.body)
            .collect::<Vec<_>>();
        let timeline = Timeline::of(stream.iter().map(Vec::as_slice));
        let lines: Vec<String> = timeline
            .steps
            .iter()
            .flat_map(|step| {
                step.states.iter().map(|state| {
                    let party = &timeline.parties[state.party];
                    format!(
                        "{:?} {} {}: {}{}",
                        step.sequence.unwrap_or(0),
                        party.direction,
                        party.label,
                        state.text,
                        if state.changed { "" } else { " =" }
                    )
                })
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn numbers_that_did_not_arrive_are_told() {
        for (before, now, words) in [
            (1, 2, None),
            (2, 2, None),
            (5, 1, None),
            (1, 3, Some("2 did not arrive")),
            (1, 5, Some("2 to 4 did not arrive")),
            (
                i64::MIN,
                i64::MAX,
                Some("-9223372036854775807 to 9223372036854775806 did not arrive"),
            ),
        ] {
            assert_eq!(not_arrived(before, now).as_deref(), words);
        }
    }

    proptest! {
        #[test]
        fn every_event_is_a_step_whatever_it_holds(bodies in prop::collection::vec(any::<Vec<u8>>(), 0..8), sequences in prop::collection::vec(any::<i64>(), 0..8)) {
            let events = sequences.iter().map(|sequence| event(Some(*sequence), "p", "Setup"));
            let all: Vec<Vec<u8>> = bodies.into_iter().chain(events).collect();
            let timeline = Timeline::of(all.iter().map(Vec::as_slice));
            let mut arrivals: Vec<usize> = timeline.steps.iter().map(|step| step.arrival).collect();
            arrivals.sort_unstable();
            prop_assert_eq!(arrivals, (0..all.len()).collect::<Vec<_>>());
        }
    }
}
