//! The model's values as the file holds them.

use ringtail_ringcentral::classify::{Callback, TABLE};

use ringtail_model::{Cause, ForwardState};

/// A `seq` as SQLite holds it. [`super::History::store`] refuses one that does not fit.
pub(super) fn seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A size as SQLite holds it.
pub(super) fn len(len: impl TryInto<i64>) -> i64 {
    len.try_into().unwrap_or(i64::MAX)
}

/// The inverse of [`seq`] and [`len`].
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The codes of the states; the schema names 1 and 2, too.
pub(super) fn forward(state: ForwardState) -> u8 {
    match state {
        ForwardState::None => 0,
        ForwardState::Pending => 1,
        ForwardState::Done => 2,
        ForwardState::Rejected => 3,
    }
}

pub(super) fn forward_from(code: u8) -> ForwardState {
    match code {
        1 => ForwardState::Pending,
        2 => ForwardState::Done,
        3 => ForwardState::Rejected,
        _ => ForwardState::None,
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

/// The callback of a stored name; [`Callback::Other`] for one that this version does not know.
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
    fn codes_round_trip() {
        for state in [
            ForwardState::None,
            ForwardState::Pending,
            ForwardState::Done,
            ForwardState::Rejected,
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
