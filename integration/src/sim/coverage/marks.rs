//! Which lines of its log the controller reached: each place in the code that says
//! something is one that a world can reach or miss.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Counts what is said, by its words without what is different each time.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Marks {
    /// What was said so far, and how often.
    pub fn take(&self) -> BTreeMap<String, u64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counts)
    }
}

impl Subscriber for Marks {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("unstall_controller")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(plain(&said.message)).or_default() += 1;
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Said {
    message: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String does not fail.
            let _ = write!(self.message, "{value:?}");
        }
    }
}

/// The words without names, numbers and times; not more than ten.
fn plain(message: &str) -> String {
    let is_same = |word: &&str| !word.contains(|it: char| it.is_ascii_digit());
    let words: Vec<&str> = message.split_whitespace().filter(is_same).collect();
    words.into_iter().take(10).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_says_the_same_of_every_node() {
        let text =
            "left for the next pass: node n07 does not carry the cordon of incident n07-2 any more";
        let other = text.replace("n07", "n12");
        assert_eq!(plain(text), plain(&other));
        assert_eq!(
            plain(text),
            "left for the next pass: node does not carry the"
        );
    }

    #[test]
    fn what_is_said_is_counted() {
        let marks = Marks::default();
        tracing::subscriber::with_default(marks.clone(), || {
            tracing::info!(target: "unstall_controller::act", node = "n1", "taking a slot");
            tracing::info!(target: "unstall_controller::act", "taking a slot");
            tracing::debug!(target: "unstall_controller::act", "not counted");
            tracing::info!(target: "another", "not counted");
        });
        assert_eq!(
            marks.take(),
            BTreeMap::from([("taking a slot".to_owned(), 2)])
        );
    }
}
