//! What happens when.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

/// What is to happen, the earliest first; of what is due at once, what was entered
/// first.
#[derive(Debug)]
pub struct Agenda<T> {
    entries: BinaryHeap<Entry<T>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Duration,
    number: u64,
    what: T,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            entries: BinaryHeap::new(),
            count: 0,
        }
    }
}

impl<T> Agenda<T> {
    pub fn enter(&mut self, at: Duration, what: T) {
        self.count += 1;
        self.entries.push(Entry {
            at,
            number: self.count,
            what,
        });
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Duration> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// The next one that is due at `now`.
    pub fn due(&mut self, now: Duration) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop().map(|entry| entry.what)
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_equals_the_one_entered_first() {
        let mut agenda = Agenda::default();
        let at = Duration::from_secs;
        for (time, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            agenda.enter(at(time), what);
        }
        assert_eq!(agenda.due(Duration::ZERO), None);
        let order: String = std::iter::from_fn(|| agenda.due(at(9))).collect();
        assert_eq!(order, "abcd");
    }
}
