//! Numbers and words that stand for the model's values in the file.

use ringtail_ringcentral::classify::{Callback, TABLE};

use ringtail_model::{Cause, ForwardState};

/// A number of an endpoint as SQLite holds it. [`super::History::store`] refuses what does not fit.
pub(super) fn seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A size as SQLite holds it.
pub(super) fn len(len: impl TryInto<i64>) -> i64 {
    len.try_into().unwrap_or(i64::MAX)
}

/// A number or size as it was before [`seq`] or [`len`].
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The schema's index on pending events names the 1.
pub(super) fn forward(state: ForwardState) -> u8 {
    match state {
        ForwardState::None | ForwardState::Rejected => 0,
        ForwardState::Pending => 1,
        ForwardState::Done => 2,
    }
}

pub(super) fn forward_from(code: u8) -> ForwardState {
    match code {
        1 => ForwardState::Pending,
        2 => ForwardState::Done,
        _ => ForwardState::None,
    }
}

/// As [`forward_from`], for an event that may be one that is kept from the app.
pub(super) fn forward_or_rejected(code: u8, rejected: bool) -> ForwardState {
    match rejected {
        true => ForwardState::Rejected,
        false => forward_from(code),
    }
}

pub(super) fn cause(cause: Cause) -> u8 {
    match cause {
        Cause::Forward => 1,
        Cause::Passthrough => 2,
        Cause::Replay => 3,
    }
}

pub(super) fn cause_from(code: u8) -> Cause {
    match code {
        2 => Cause::Passthrough,
        3 => Cause::Replay,
        _ => Cause::Forward,
    }
}

/// The callback of a stored name; one that this version does not know is judged like any other request.
pub(super) fn callback_from(name: Option<&str>) -> Callback {
    TABLE
        .iter()
        .find(|row| Some(row.name) == name)
        .map_or(Callback::Other, |row| row.callback)
}

/// The stored names of the callbacks whose answers RingCentral judges, as a list in SQL.
pub(super) fn judged() -> String {
    let judged = TABLE.iter().filter(|row| row.callback.is_judged());
    let names: Vec<String> = judged.map(|row| format!("'{}'", row.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_as_what_they_stand_for() {
        for state in [
            ForwardState::None,
            ForwardState::Pending,
            ForwardState::Done,
        ] {
            assert_eq!(forward_from(forward(state)), state);
        }
        for known in [Cause::Forward, Cause::Passthrough, Cause::Replay] {
            assert_eq!(cause_from(cause(known)), known);
        }
    }

    #[test]
    fn every_callback_is_found_by_its_name() {
        for row in TABLE {
            assert_eq!(callback_from(Some(row.name)), row.callback);
        }
        assert_eq!(callback_from(None), Callback::Other);
    }
}
