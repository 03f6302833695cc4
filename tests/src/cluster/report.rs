//! What a run found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::asker::Asked;
use super::fault::Fault;
use crate::stores;
use crate::traffic::{Bad, LATE, Sent};

/// Outcome of a run.
#[derive(Debug, Default)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) relays: usize,
    pub(super) took: Duration,
    pub(super) faults: Vec<Suffered>,
    pub(super) sent: Sent,
    pub(super) stored: usize,
    pub(super) delivered: usize,
    /// Numbers answered 200 that the history lacks.
    pub(super) lost: Vec<u64>,
    /// Numbers that the history has more than once.
    pub(super) doubled: Vec<u64>,
    /// A caller's notifications that one relay answered, and the history has in another order.
    pub(super) disordered: usize,
    /// A caller's notifications that different relays answered, and the history has in another order.
    pub(super) overtaken: usize,
    pub(super) gaps: usize,
    pub(super) asked: Vec<Asked>,
    pub(super) callbacks_lost: usize,
    pub(super) callbacks_doubled: usize,
    /// Bytes of an event in the database with its indexes, and in the database's write-ahead log with all that goes with it.
    pub(super) event_bytes: usize,
    pub(super) log_bytes: usize,
    /// What the check of the recorded history found.
    pub(super) wrong: Vec<String>,
    pub(super) clients: usize,
}

/// A fault that happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suffered {
    pub(super) fault: Fault,
    pub(super) began: Instant,
    /// Until it was over.
    pub(super) lasted: Duration,
    /// Until the app answered again and more was acknowledged.
    pub(super) settled: Duration,
}

impl Report {
    /// Returns whether nothing was lost, doubled or disordered, and nothing refused by a relay.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.doubled.is_empty()
            && self.disordered == 0
            && self.gaps == 0
            && self.refused() == 0
            && self.callbacks_lost == 0
            && self.callbacks_doubled == 0
            && self.wrong.is_empty()
    }

    /// Counts the notifications to which a relay answered something else than 200.
    fn refused(&self) -> usize {
        let refused = |it: &&Bad| it.by_relay && it.status != Some(200);
        self.sent.bad.iter().filter(refused).count()
    }

    fn sum(&self, of: fn(&Asked) -> u64) -> usize {
        self.asked.iter().map(of).sum::<u64>() as usize
    }

    /// Writes what callers saw from one fault to the next, by kind of fault.
    fn write_views(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {:<22}", "fault, times")?;
        for column in [
            "lasts s",
            "settles s",
            "by HAProxy",
            "none",
            "over 1 s",
            "longest s",
            "app: none",
            "over 1 s",
            "longest s",
        ] {
            write!(f, " {column:>10}")?;
        }
        let kinds: BTreeSet<Fault> = self.faults.iter().map(|it| it.fault).collect();
        for kind in kinds {
            let of_kind: Vec<&Suffered> =
                self.faults.iter().filter(|it| it.fault == kind).collect();
            let mean = |of: fn(&Suffered) -> Duration| {
                let all: Duration = of_kind.iter().map(|it| of(it)).sum();
                all.as_secs_f64() / of_kind.len() as f64
            };
            let name = format!("{kind:?} {}", of_kind.len());
            let (lasts, settles) = (mean(|it| it.lasted), mean(|it| it.settled));
            write!(f, "\n  {name:<22} {lasts:>10.1} {settles:>10.1}")?;
            let since = |bad: &&Bad| self.fault_at(bad.at) == Some(kind);
            let notifications = View::of(self.sent.bad.iter().filter(since));
            let app = View::of(self.asked.iter().flat_map(|it| &it.bad).filter(since));
            write!(
                f,
                " {:>10} {:>10} {:>10} {:>10.1} {:>10} {:>10} {:>10.1}",
                notifications.by_front,
                notifications.unanswered,
                notifications.late,
                notifications.longest.as_secs_f64(),
                app.unanswered,
                app.late,
                app.longest.as_secs_f64(),
            )?;
        }
        Ok(())
    }

    /// Returns the last fault before a moment.
    fn fault_at(&self, at: Instant) -> Option<Fault> {
        let began = self.faults.partition_point(|it| it.began <= at);
        Some(self.faults.get(began.checked_sub(1)?)?.fault)
    }
}

/// What callers saw that was bad.
#[derive(Debug, Default)]
struct View {
    /// Answers of the proxy in front.
    by_front: usize,
    unanswered: usize,
    late: usize,
    longest: Duration,
}

impl View {
    fn of<'a>(bad: impl Iterator<Item = &'a Bad>) -> Self {
        let mut view = Self::default();
        for bad in bad {
            view.by_front += usize::from(bad.status.is_some_and(|it| it != 200) && !bad.by_relay);
            view.unanswered += usize::from(bad.status.is_none());
            view.late += usize::from(bad.took > LATE);
            view.longest = view.longest.max(bad.took);
        }
        view
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        write!(
            f,
            "{} relays behind HAProxy, on PostgreSQL with a synchronous standby, {} faults, {took:.1} s, seed {}",
            self.relays,
            self.faults.len(),
            self.seed
        )?;
        self.write_views(f)?;
        let all = View::of(self.sent.bad.iter());
        let app = View::of(self.asked.iter().flat_map(|it| &it.bad));
        for (name, count) in [
            ("sent", self.sent.sent as usize),
            ("acknowledged", self.sent.acknowledged.len()),
            ("refused by a relay", self.refused()),
            ("refused by HAProxy", all.by_front),
            ("without an answer", all.unanswered),
            ("over 1 s", all.late),
            ("longest wait, ms", all.longest.as_millis() as usize),
            ("stored", self.stored),
            ("delivered", self.delivered),
            ("lost", self.lost.len()),
            ("doubled", self.doubled.len()),
            ("out of order", self.disordered),
            ("of two relays", self.overtaken),
            ("gaps", self.gaps),
            ("pages by the app", self.sum(|it| it.pages)),
            ("pages refused", self.sum(|it| it.pages_refused)),
            ("callbacks by the app", self.sum(|it| it.callbacks)),
            ("callbacks' fallbacks", self.sum(|it| it.fallbacks)),
            ("callbacks by HAProxy", self.sum(|it| it.by_front)),
            ("callbacks lost", self.callbacks_lost),
            ("callbacks doubled", self.callbacks_doubled),
            ("neither answered", self.sum(|it| it.unanswered)),
            ("longest of these, ms", app.longest.as_millis() as usize),
            ("table bytes an event", self.event_bytes),
            ("log bytes an event", self.log_bytes),
        ] {
            write!(f, "\n  {name:<22} {count}")?;
        }
        write!(
            f,
            "\n  readings of {} clients that are no prefix of the one order: {}",
            self.clients,
            self.wrong.len()
        )?;
        for wrong in self.wrong.iter().take(10) {
            write!(f, "\n    {wrong}")?;
        }
        Ok(())
    }
}

/// Compares what was acknowledged with what the client has.
pub(super) fn compare(history: &[stores::Stored], sent: Sent) -> Report {
    let mut delivered = BTreeSet::new();
    let mut report = Report {
        delivered: history.len(),
        ..Report::default()
    };
    // A caller sends its next notification after the answer to the one before. A relay keeps their order; relays with spools
    // do not keep that of each other's.
    let mut of_relay: BTreeMap<_, u64> = BTreeMap::new();
    let mut of_caller: BTreeMap<_, u64> = BTreeMap::new();
    let mut last_seq = 0;
    for event in history {
        let Some(number) = event.number() else {
            continue;
        };
        if !delivered.insert(number) {
            report.doubled.push(number);
        }
        let caller = conversation(&event.body);
        let mut is_behind = event.seq <= last_seq;
        last_seq = event.seq;
        // Without an answer nobody knows which relay it was.
        if sent.acknowledged.contains(&number) {
            let relay = (caller.clone(), sent.relays.get(&number));
            let before = of_relay.insert(relay, number);
            is_behind |= before.is_some_and(|before| before > number);
        }
        let before = of_caller.insert(caller, number);
        let is_overtaken = before.is_some_and(|before| before > number);
        report.disordered += usize::from(is_behind);
        report.overtaken += usize::from(is_overtaken && !is_behind);
    }
    report.lost = sent.acknowledged.difference(&delivered).copied().collect();
    report.sent = sent;
    report
}

/// Returns the conversation that [`crate::hooks::numbered`] wrote.
fn conversation(body: &[u8]) -> Vec<u8> {
    let mark = b"\"conversation\":{\"id\":\"";
    let start = memmem::find(body, mark).map_or(body.len(), |at| at + mark.len());
    let rest = body.get(start..).unwrap_or_default();
    rest.iter()
        .copied()
        .take_while(|byte| *byte != b'"')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks;

    /// Compares with what six notifications of one caller were answered, by these relays.
    fn compared(history: &[stores::Stored], relays: [&'static str; 6]) -> Report {
        let relays = relays.map(|relay| relay.as_bytes().into());
        let sent = Sent {
            acknowledged: (0..6).collect(),
            relays: (0..).zip(relays).collect(),
            ..Sent::default()
        };
        compare(history, sent)
    }

    #[test]
    fn what_is_lost_doubled_or_disordered_is_seen() {
        let event = |seq, conversation, number| stores::Stored {
            seq,
            body: hooks::numbered(conversation, number),
        };
        let one = ["first"; 6];
        let whole: Vec<_> = (0..6).map(|n| event(n + 1, 0, n)).collect();
        assert!(compared(&whole, one).is_clean());
        // Callers are not ordered among each other.
        let mut two: Vec<_> = [0, 2, 1, 3, 4, 5]
            .into_iter()
            .enumerate()
            .map(|(at, n)| event(at as u64 + 1, (n == 2).into(), n))
            .collect();
        assert!(compared(&two, one).is_clean());
        two[1] = event(2, 0, 2);
        assert_eq!(compared(&two, one).disordered, 1);
        // Nor are relays.
        let mut relays = one;
        relays[2] = "second";
        let overtaken = compared(&two, relays);
        assert_eq!((overtaken.disordered, overtaken.overtaken), (0, 1));
        assert_eq!(compared(&whole[..5], one).lost, [5]);
        let mut back = whole.clone();
        back[5].seq = 5;
        assert_eq!(compared(&back, one).disordered, 1);
        let mut doubled = whole;
        doubled.push(event(7, 0, 5));
        assert_eq!(compared(&doubled, one).doubled, [5]);
    }

    #[test]
    fn what_callers_saw_is_told_by_the_fault_before() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let suffered = |fault, began| Suffered {
            fault,
            began,
            lasted: second,
            settled: second,
        };
        let bad = |at, by_relay| Bad {
            at,
            took: second * 2,
            status: Some(502),
            by_relay,
        };
        let mut report = Report {
            faults: vec![
                suffered(Fault::RelayFrozen, start + second),
                suffered(Fault::RelayKilled, start + second * 3),
            ],
            ..Report::default()
        };
        report.sent.bad = vec![bad(start + second * 2, false)];
        assert_eq!(report.fault_at(start), None);
        assert_eq!(
            report.fault_at(start + second * 2),
            Some(Fault::RelayFrozen)
        );
        assert_eq!(
            report.fault_at(start + second * 3),
            Some(Fault::RelayKilled)
        );
        // The proxy's answer is no relay's.
        assert!(report.is_clean());
        report.sent.bad.push(bad(start, true));
        assert!(!report.is_clean());
    }
}
