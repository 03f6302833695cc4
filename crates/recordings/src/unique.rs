//! Names that differ by a number.

use std::collections::HashMap;

/// The names that are taken, each with the last number that was put behind it.
#[derive(Debug, Default)]
pub(crate) struct UniqueNames(HashMap<String, u64>);

impl UniqueNames {
    /// Takes a name, with a number from 2 behind it if it is taken: `a`, `a#2`, `a#3`. A name that is wanted often takes no
    /// longer each time.
    pub(crate) fn take(&mut self, wanted: &str, before_number: &str) -> String {
        let mut number = self.0.get(wanted).copied().unwrap_or(1);
        let mut name = wanted.to_owned();
        while self.has(&name) {
            number += 1;
            name = format!("{wanted}{before_number}{number}");
        }
        self.0.insert(wanted.to_owned(), number);
        self.0.entry(name.clone()).or_insert(1);
        name
    }

    /// Returns whether a name is taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_the_next_free_number() {
        let mut names = UniqueNames::default();
        let taken = ["a", "a", "a3", "a", "a", "b"].map(|wanted| names.take(wanted, ""));
        assert_eq!(taken, ["a", "a2", "a3", "a4", "a5", "b"]);
    }
}
