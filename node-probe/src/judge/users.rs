//! Which processes used system time while reads were slow. (pure)
//!
//! What runs inside the kernel when reads are slow, and did not when they were
//! fast, is likely to read, or to make work for those who do.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::sample::{ProcessUse, SLOW_READ, Uses};

/// Intervals kept of each kind.
const KEPT: usize = 8;
/// Processes named.
const NAMED: usize = 3;
/// A rise below this share of a CPU, in hundredths of a percent, is noise.
const RISE_MIN: u64 = 50;

/// A process whose system time rose with the reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number on the host.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The share of a CPU that it used in the kernel while reads were slow, in
    /// hundredths of a percent.
    pub slow: u64,
    /// The same while they were fast; `None` if that was not seen, or too little to
    /// be told among others.
    pub fast: Option<u64>,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |hundredths: u64| {
            let tenths = hundredths.saturating_add(5) / 10;
            format!("{}.{} %", tenths / 10, tenths % 10)
        };
        let (name, pid, slow) = (&self.name, self.pid, share(self.slow));
        write!(
            f,
            "{name} (pid {pid}) used {slow} of a CPU in the kernel while reads were slow"
        )?;
        match self.fast {
            Some(fast) => write!(f, ", {} while they were fast", share(fast)),
            None => Ok(()),
        }
    }
}

/// What processes used while reads were slow and while they were fast.
#[derive(Clone, Debug, Default)]
pub struct Users {
    slow: VecDeque<Uses>,
    fast: VecDeque<Uses>,
}

impl Users {
    /// Takes in what was used up to a root read that took `root` of CPU.
    pub fn add(&mut self, uses: &Uses, root: Duration) {
        let kept = if root >= SLOW_READ {
            &mut self.slow
        } else {
            &mut self.fast
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(uses.clone());
        if root < SLOW_READ {
            // It is over: the next stall is another one.
            self.slow.clear();
        }
    }

    /// Those whose use rose the most, the most first: a rise is what is left of it
    /// if they used as much before as they can have.
    #[must_use]
    pub fn risen(&self) -> Vec<User> {
        let mut users: Vec<(u64, User)> = Vec::new();
        for process in self.slow.iter().flat_map(|uses| &uses.top) {
            let key = (process.pid, process.started);
            if users.iter().any(|(_, user)| user.pid == process.pid) {
                continue;
            }
            let (slow, _) = shares(&self.slow, key);
            let (known, at_most) = shares(&self.fast, key);
            let is_known = !self.fast.is_empty() && known == at_most;
            let user = User {
                pid: process.pid,
                name: process.name.clone(),
                slow,
                fast: is_known.then_some(known),
            };
            users.push((slow.saturating_sub(at_most), user));
        }
        users.retain(|(rise, _)| *rise >= RISE_MIN);
        users.sort_by_key(|(rise, _)| std::cmp::Reverse(*rise));
        users.truncate(NAMED);
        users.into_iter().map(|(_, user)| user).collect()
    }
}

/// Hundredths of a percent of a CPU that the process `key` used in all of it, as far
/// as that was told, and the most that it can have used.
fn shares(intervals: &VecDeque<Uses>, key: (u32, u64)) -> (u64, u64) {
    let whole: Duration = intervals.iter().map(|uses| uses.over).sum();
    let (mut known, mut at_most) = (Duration::ZERO, Duration::ZERO);
    for uses in intervals {
        let is_it = |process: &&ProcessUse| (process.pid, process.started) == key;
        let told = uses.top.iter().find(is_it).map(|process| process.system);
        known += told.unwrap_or_default();
        at_most += told.unwrap_or(uses.rest);
    }
    let share = |used: Duration| {
        let share = used.as_nanos() * 10_000 / whole.as_nanos().max(1);
        u64::try_from(share).unwrap_or(u64::MAX)
    };
    (share(known), share(at_most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(used: &[(&str, u64)]) -> Uses {
        let process = |(pid, (name, ms)): (u32, &(&str, u64))| ProcessUse {
            pid,
            started: 1,
            name: (*name).to_owned(),
            system: Duration::from_millis(*ms),
        };
        Uses {
            over: Duration::from_secs(10),
            top: (1..).zip(used).map(process).collect(),
            rest: Duration::ZERO,
        }
    }

    #[test]
    fn whose_use_rose_with_the_reads_is_first() {
        let mut users = Users::default();
        let fast = Duration::from_micros(30);
        users.add(&uses(&[("kubelet", 20), ("database", 5_000)]), fast);
        for _ in 0..3 {
            users.add(&uses(&[("kubelet", 1_500), ("database", 5_010)]), SLOW_READ);
        }
        let kubelet = User {
            pid: 1,
            name: "kubelet".to_owned(),
            slow: 1_500,
            fast: Some(20),
        };
        assert_eq!(users.risen(), [kubelet], "the database is busy anyway");
    }

    #[test]
    fn what_was_not_told_while_reads_were_fast_is_not_taken_for_nothing() {
        let mut users = Users::default();
        let mut fast = uses(&[]);
        // 1.5 % of a CPU each in ten seconds.
        fast.rest = Duration::from_millis(150);
        users.add(&fast, Duration::ZERO);
        users.add(&uses(&[("steady", 160), ("risen", 900)]), SLOW_READ);
        let risen = users.risen();
        let told: Vec<_> = risen.iter().map(|user| (&*user.name, user.fast)).collect();
        assert_eq!(told, [("risen", None)]);
    }

    #[test]
    fn without_a_comparison_the_busiest_are_named_and_said_so() {
        let mut users = Users::default();
        assert_eq!(users.risen(), []);
        users.add(
            &uses(&[("a", 100), ("b", 900), ("c", 49), ("d", 300), ("e", 60)]),
            SLOW_READ,
        );
        let risen = users.risen();
        let names: Vec<_> = risen.iter().map(|user| &*user.name).collect();
        assert_eq!(names, ["b", "d", "a"]);
        assert_eq!(risen[0].fast, None);
    }

    #[test]
    fn what_was_seen_of_a_stall_that_is_over_is_forgotten() {
        let mut users = Users::default();
        users.add(&uses(&[("a", 900)]), SLOW_READ);
        users.add(&uses(&[("a", 1)]), Duration::ZERO);
        assert_eq!(users.risen(), []);
    }
}
