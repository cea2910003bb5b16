//! The latest objects of one kind, as decisions need them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::watcher::Event;
use tokio::time::Instant;

/// A watch may fail for so long before what it told counts as old, and nothing new is begun
/// on it. A restart of the API server takes less.
pub const MAY_FAIL_FOR: Duration = Duration::from_secs(60);

/// The latest objects, by key. What comes is converted at once, so that the
/// object as it came is kept nowhere.
#[derive(Debug)]
pub struct Table<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    live: BTreeMap<String, Arc<T>>,
    /// A list that is being read.
    fresh: BTreeMap<String, Arc<T>>,
    /// Whether a list was read to its end.
    is_listed: bool,
    /// Since when the watch has told nothing but errors, and the latest of them.
    failing: Option<(Instant, String)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        let inner = Inner {
            live: BTreeMap::new(),
            fresh: BTreeMap::new(),
            is_listed: false,
            failing: None,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }
}

impl<T> Table<T> {
    /// Takes in what a watch tells, and says whether decisions may be others now.
    /// `convert` gives an object's key and what is kept of it.
    pub fn take_in<K>(
        &self,
        event: Event<K>,
        convert: impl Fn(K) -> (String, T),
        is_same: impl Fn(&T, &T) -> bool,
    ) -> bool {
        let mut inner = self.lock();
        // A list that begins is no answer yet.
        if !matches!(event, Event::Init) {
            inner.failing = None;
        }
        match event {
            Event::Init => {
                inner.fresh.clear();
                false
            }
            Event::InitApply(object) => {
                let (key, kept) = convert(object);
                inner.fresh.insert(key, Arc::new(kept));
                // Half a list is none.
                false
            }
            Event::InitDone => {
                inner.live = std::mem::take(&mut inner.fresh);
                inner.is_listed = true;
                true
            }
            Event::Apply(object) => {
                let (key, kept) = convert(object);
                let kept = Arc::new(kept);
                let old = inner.live.insert(key, Arc::clone(&kept));
                old.is_none_or(|old| !is_same(&old, &kept))
            }
            Event::Delete(object) => {
                let (key, _) = convert(object);
                inner.live.remove(&key).is_some()
            }
        }
    }

    /// Notes that the watch failed.
    pub fn fail(&self, why: String) {
        let failing = &mut self.lock().failing;
        let since = failing.take().map_or_else(Instant::now, |(since, _)| since);
        *failing = Some((since, why));
    }

    /// For how long the watch has failed, and why.
    #[must_use]
    pub fn failing(&self) -> Option<(Duration, String)> {
        let inner = self.lock();
        let failing = inner.failing.as_ref();
        failing.map(|(since, why)| (since.elapsed(), why.clone()))
    }

    /// All of them; `None` until they were listed once.
    #[must_use]
    pub fn all(&self) -> Option<BTreeMap<String, Arc<T>>> {
        let inner = self.lock();
        inner.is_listed.then(|| inner.live.clone())
    }

    /// All of them; `None` until they were listed once, and where what is known of them
    /// may be old.
    #[must_use]
    pub fn known(&self) -> Option<BTreeMap<String, Arc<T>>> {
        let failing = self.failing();
        let is_old = failing.is_some_and(|(time, _)| time > MAY_FAIL_FOR);
        self.all().filter(|_| !is_old)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().live.len()
    }

    /// How many a list that is being read has told so far.
    #[must_use]
    pub fn read(&self) -> usize {
        self.lock().fresh.len()
    }

    /// Whether they were listed once.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.lock().is_listed
    }

    /// A holder of the lock that panicked left a map that is whole.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(text: &str) -> (String, String) {
        (text.chars().take(1).collect(), text.to_owned())
    }

    fn keys(table: &Table<String>) -> Option<String> {
        let all = table.all()?;
        Some(all.values().map(|it| it.as_str()).collect())
    }

    fn take_in(table: &Table<String>, event: Event<&str>) -> bool {
        table.take_in(event, keyed, |old, new| old == new)
    }

    #[test]
    fn a_list_replaces_what_was_there_when_it_is_whole() {
        let table = Table::default();
        assert_eq!(keys(&table), None);
        take_in(&table, Event::Init);
        take_in(&table, Event::InitApply("a1"));
        take_in(&table, Event::InitApply("b1"));
        assert_eq!(keys(&table), None, "half a list is none");
        assert_eq!(table.read(), 2);
        take_in(&table, Event::InitDone);
        assert_eq!(table.read(), 0);
        assert_eq!(keys(&table).unwrap(), "a1b1");
        take_in(&table, Event::Apply("b2"));
        take_in(&table, Event::Delete("a1"));
        assert_eq!(keys(&table).unwrap(), "b2");
        take_in(&table, Event::Init);
        take_in(&table, Event::InitApply("c1"));
        assert_eq!(keys(&table).unwrap(), "b2", "the old list until then");
        take_in(&table, Event::InitDone);
        assert_eq!(keys(&table).unwrap(), "c1");
    }

    #[test]
    fn a_watch_fails_until_it_tells_something() {
        let table = Table::default();
        assert_eq!(table.failing(), None);
        table.fail("refused".to_owned());
        take_in(&table, Event::Init);
        table.fail("timed out".to_owned());
        let (since, why) = table.failing().unwrap();
        assert_eq!(why, "timed out");
        assert!(since < Duration::from_secs(60));
        take_in(&table, Event::Apply("a1"));
        assert_eq!(table.failing(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_failing_watch_told_is_not_known_for_ever() {
        let table = Table::default();
        take_in(&table, Event::Init);
        take_in(&table, Event::InitApply("a1"));
        take_in(&table, Event::InitDone);
        table.fail("refused".to_owned());
        tokio::time::advance(MAY_FAIL_FOR).await;
        assert!(table.known().is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        table.fail("refused".to_owned());
        assert!(table.known().is_none() && table.all().is_some());
        take_in(&table, Event::Apply("a1"));
        assert!(table.known().is_some());
    }

    #[test]
    fn what_is_said_again_is_no_news() {
        let table = Table::default();
        let heard = |event| take_in(&table, event);
        assert!(!heard(Event::Init) && !heard(Event::InitApply("a1")));
        assert!(heard(Event::InitDone), "the first list is");
        assert!(!heard(Event::Apply("a1")) && heard(Event::Apply("a2")));
        assert!(heard(Event::Apply("b1")), "a new one is");
        assert!(heard(Event::Delete("b1")) && !heard(Event::Delete("b1")));
    }
}
