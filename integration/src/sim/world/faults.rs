//! How often what goes wrong between the processes and the API server.

use std::collections::BTreeMap;
use std::time::Duration;

use super::request::Fate;
use crate::sim::api::kind::Kind;
use crate::sim::chance::Chance;

/// The mix of faults, as the seed drew it.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Of a hundred thousand calls, how many meet which fate.
    fates: BTreeMap<Fate, u64>,
    /// Of a thousand times that a watch tells something, how often it breaks off.
    breaks: u64,
    /// How many milliseconds watches lag behind, at least and at most.
    lag: (u64, u64),
    /// Nobody reaches the API server until then.
    down_until: Duration,
    /// No image is to be had until then.
    imageless_until: Duration,
    /// Somebody else is faster at every write until then.
    contended_until: Duration,
    /// Writes to objects of these kinds are refused until then.
    denied: BTreeMap<Kind, Duration>,
    /// From now on nothing goes wrong any more.
    is_over: bool,
}

impl Faults {
    /// Draws a mix: most worlds know a few faults well, some know all, some none.
    pub fn draw(chance: &mut Chance) -> Self {
        let mut fates = BTreeMap::new();
        let (share, most) = chance.of([(0, 0), (300, 100), (300, 600), (1000, 200)]);
        for fate in Fate::FAULTS {
            if chance.happens(share) {
                let is_rare = matches!(fate, Fate::CrashBefore | Fate::CrashAfter | Fate::Hangs);
                let most = if is_rare { most / 4 } else { most };
                fates.insert(fate, 1 + chance.below(most));
            }
        }
        Self {
            fates,
            breaks: chance.of([0, 1, 10]),
            lag: chance.of([(2, 40), (2, 40), (50, 3000), (500, 30_000)]),
            down_until: Duration::ZERO,
            imageless_until: Duration::ZERO,
            contended_until: Duration::ZERO,
            denied: BTreeMap::new(),
            is_over: false,
        }
    }

    /// What becomes of a call; one that writes meets ten times as much.
    pub fn fate(&self, chance: &mut Chance, is_write: bool) -> Fate {
        if self.is_over || self.fates.is_empty() {
            return Fate::Good;
        }
        let mut drawn = chance.below(100_000);
        for (fate, share) in &self.fates {
            let share = if is_write { share * 10 } else { *share };
            match drawn.checked_sub(share) {
                None => return *fate,
                Some(rest) => drawn = rest,
            }
        }
        Fate::Good
    }

    /// Whether a watch breaks off now.
    pub fn breaks_watch(&self, chance: &mut Chance) -> bool {
        !self.is_over && chance.happens(self.breaks)
    }

    /// After how long a watch tells what happened.
    pub fn lag(&self, chance: &mut Chance) -> Duration {
        let (least, most) = if self.is_over { (2, 40) } else { self.lag };
        chance.millis(least, most)
    }

    /// Nobody reaches the API server until then.
    pub fn take_api_down(&mut self, until: Duration) {
        self.down_until = until;
    }

    pub fn api_is_down(&self, now: Duration) -> bool {
        now < self.down_until
    }

    /// An admission webhook refuses writes to objects of a kind until then.
    pub fn deny(&mut self, kind: Kind, until: Duration) {
        self.denied.insert(kind, until);
    }

    pub fn denies(&self, kind: Kind, now: Duration) -> bool {
        self.denied.get(&kind).is_some_and(|until| now < *until)
    }

    /// Somebody else is faster at every write until then.
    pub fn contend(&mut self, until: Duration) {
        self.contended_until = self.contended_until.max(until);
    }

    pub fn are_contended(&self, now: Duration) -> bool {
        now < self.contended_until
    }

    /// No image is to be had until then.
    pub fn lose_images(&mut self, until: Duration) {
        self.imageless_until = self.imageless_until.max(until);
    }

    pub fn has_images(&self, now: Duration) -> bool {
        now >= self.imageless_until
    }

    /// For how long a process may still act on what it saw, if nothing keeps it from its
    /// work.
    pub fn slack(&self) -> Duration {
        let is_slow = [Fate::Late, Fate::Hangs];
        match is_slow.iter().any(|fate| self.fates.contains_key(fate)) {
            true => Duration::from_mins(5),
            false => Duration::from_secs(30),
        }
    }

    /// From now on nothing goes wrong any more.
    pub fn end(&mut self) {
        self.is_over = true;
        self.down_until = Duration::ZERO;
        self.imageless_until = Duration::ZERO;
        self.contended_until = Duration::ZERO;
        self.denied.clear();
    }

    pub const fn are_over(&self) -> bool {
        self.is_over
    }
}
