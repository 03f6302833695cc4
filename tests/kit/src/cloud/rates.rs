//! Rate limits by group (docs/RINGCENTRAL.md 4.7).

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Length of the penalty, which every request inside it restarts.
const PENALTY: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Light,
    Medium,
    Auth,
}

impl Group {
    pub(super) fn of(line: &str) -> Self {
        if line.contains("/oauth/") {
            Self::Auth
        } else if line.starts_with("GET ") || line.ends_with("/renew") {
            Self::Light
        } else {
            Self::Medium
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Light => 50,
            Self::Medium => 40,
            Self::Auth => 5,
        }
    }
}

type Headers = Vec<(&'static str, String)>;

#[derive(Debug, Default)]
pub(super) struct Rates {
    seen: HashMap<Group, Vec<Timestamp>>,
    punished: HashMap<Group, Timestamp>,
}

impl Rates {
    /// Starts the penalty of a group.
    pub(super) fn punish(&mut self, group: Group, now: Timestamp) {
        self.punished.insert(group, now + PENALTY);
    }

    /// Counts a request; an error is the header fields of a 429.
    pub(super) fn count(
        &mut self,
        group: Group,
        now: Timestamp,
        limits: bool,
    ) -> Result<(), Headers> {
        let is_punished = self.punished.get(&group).is_some_and(|until| now < *until);
        let seen = self.seen.entry(group).or_default();
        seen.retain(|at| now - WINDOW < *at);
        if is_punished || limits && seen.len() >= group.limit() {
            self.punish(group, now);
            return Err(vec![("retry-after", PENALTY.as_secs().to_string())]);
        }
        seen.push(now);
        Ok(())
    }
}
