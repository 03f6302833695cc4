//! What waits for its turn: each owner's next one after one of every other owner, however many there are.

use std::collections::{HashMap, VecDeque};

use crate::budget::Owner;

#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    waiting: HashMap<Option<Owner>, VecDeque<T>>,
    /// The next turn is the first owner's, who then goes to the end.
    order: VecDeque<Option<Owner>>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> FairQueue<T> {
    pub(crate) fn add(&mut self, owner: Option<Owner>, item: T) {
        let items = self.waiting.entry(owner).or_default();
        if items.is_empty() {
            self.order.push_back(owner);
        }
        items.push_back(item);
    }

    /// Takes the next one that `accept` makes something of; others were given up and take no turn.
    pub(crate) fn take<R>(&mut self, mut accept: impl FnMut(T) -> Option<R>) -> Option<R> {
        while let Some(owner) = self.order.pop_front() {
            let Some(items) = self.waiting.get_mut(&owner) else {
                continue;
            };
            let accepted = std::iter::from_fn(|| items.pop_front()).find_map(&mut accept);
            match items.is_empty() {
                true => drop(self.waiting.remove(&owner)),
                false => self.order.push_back(owner),
            }
            if accepted.is_some() {
                return accepted;
            }
        }
        None
    }

    pub(crate) fn owners(&self) -> usize {
        self.order.len()
    }
}
