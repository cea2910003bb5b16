//! What the probe says of its node, for people. (pure)
//!
//! Triggers alone open incidents; the verdict goes by constants. It names the
//! cause only as far as the evidence goes: that dead cgroups are many and that
//! the root's read is slow, not that one makes the other.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::time::Duration;

use super::evidence::Evidence;
use super::history::Summary;
use super::sentence::{sentence, summary, unknown};
use crate::text;

/// Fewer trusted reads than this make no verdict, except when each of them was
/// slow.
pub const READS_MIN: usize = 3;

/// How the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It cannot be said.
    Unknown,
    /// Reads are as fast as they should be.
    Healthy,
    /// Slower than they should be: worth an eye.
    Watch,
    /// Slow enough to delay packets noticeably.
    Degraded,
    /// Slow enough to stall the network of the CPU that reads.
    Stalled,
}

impl Level {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Healthy => "Healthy",
            Self::Watch => "Watch",
            Self::Degraded => "Degraded",
            Self::Stalled => "Stalled",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From which CPU time of a root read each level begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Where [`Level::Watch`] begins.
    pub watch: Duration,
    /// Where [`Level::Degraded`] begins.
    pub degraded: Duration,
    /// Where [`Level::Stalled`] begins.
    pub stalled: Duration,
}

impl Default for Thresholds {
    /// A healthy kernel takes 1 to 2 ms or less on any size of node; from
    /// 100 ms on, connections were seen to stall (`kernel.md` section 4).
    fn default() -> Self {
        Self {
            watch: Duration::from_millis(5),
            degraded: Duration::from_millis(20),
            stalled: Duration::from_millis(100),
        }
    }
}

impl Thresholds {
    fn level(&self, nanos: u64) -> Level {
        let read = Duration::from_nanos(nanos);
        if read >= self.stalled {
            Level::Stalled
        } else if read >= self.degraded {
            Level::Degraded
        } else if read >= self.watch {
            Level::Watch
        } else {
            Level::Healthy
        }
    }

    /// The level of the median read. A tail that is degraded or worse (one read
    /// in ten) is worth an eye even where the median is fine.
    fn judge(&self, reads: &Summary) -> Level {
        if reads.samples < READS_MIN {
            // Each of them was that slow: more reads would cost more stalls and
            // could not make the node healthy.
            let least = self.level(reads.min);
            return if least >= Level::Degraded {
                least
            } else {
                Level::Unknown
            };
        }
        let level = self.level(reads.p50);
        let has_slow_tail = self.level(reads.p90) >= Level::Degraded;
        if has_slow_tail {
            level.max(Level::Watch)
        } else {
            level
        }
    }
}

/// What the probe says of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the node is.
    pub level: Level,
    /// One line of at most 80 characters, which is what node-problem-detector
    /// keeps of a plugin's output.
    pub summary: String,
    /// A full sentence.
    pub sentence: String,
    /// The numbers behind it.
    pub evidence: Evidence,
}

impl Verdict {
    /// The verdict that `evidence` supports.
    #[must_use]
    pub fn of(evidence: Evidence, thresholds: &Thresholds) -> Self {
        let level = evidence
            .cpu
            .as_ref()
            .map_or(Level::Unknown, |cpu| thresholds.judge(cpu));
        let (summary, sentence) = match &evidence.cpu {
            Some(cpu) if level != Level::Unknown => {
                let is_tail = thresholds.level(cpu.p50) < level;
                (
                    summary(level, cpu, is_tail, &evidence),
                    sentence(level, cpu, is_tail, &evidence),
                )
            }
            _ => unknown(&evidence),
        };
        Self {
            level,
            summary,
            sentence,
            evidence,
        }
    }
}

/// A measurement in flight for longer is worth a word: cycles take milliseconds,
/// the dearest reads seen in production took seconds.
const IN_FLIGHT_MIN: Duration = Duration::from_secs(10);

impl Verdict {
    /// The same while a measurement has been in flight for that long. What the
    /// last reads said is no health then; a sickness that they showed stands.
    #[must_use]
    pub fn while_in_flight(mut self, in_flight: Option<Duration>) -> Self {
        let Some(time) = in_flight.filter(|time| *time >= IN_FLIGHT_MIN) else {
            return self;
        };
        let time = text::duration(time);
        if self.level < Level::Degraded {
            self.level = Level::Unknown;
            self.summary = format!("Unknown: a read of this node has been in flight for {time}");
        }
        self.sentence = format!(
            "a measurement has been in flight for {time}, the kernel has not returned from it; \
             before it, {}",
            self.sentence
        );
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::history::History;
    use crate::judge::sentence::SENTENCE_MAX;
    use crate::judge::signal::Signal;
    use crate::judge::testing::at;
    use crate::judge::users::User;

    const MS: u64 = 1_000_000;

    fn summary_of(reads: &[u64]) -> Option<Summary> {
        let mut history = History::default();
        for (second, read) in (1..).zip(reads) {
            history.add(at(second), *read);
        }
        history.summary(reads.len())
    }

    fn verdict(reads: &[u64], leaf: &[u64], zombies: Option<u64>) -> Verdict {
        let evidence = Evidence {
            cpu: summary_of(reads),
            leaf: summary_of(leaf),
            zombies,
            ..Evidence::default()
        };
        Verdict::of(evidence, &Thresholds::default())
    }

    #[test]
    fn the_level_is_that_of_the_median_read() {
        let cases = [
            (4_999_999, Level::Healthy),
            (5 * MS, Level::Watch),
            (20 * MS - 1, Level::Watch),
            (20 * MS, Level::Degraded),
            (100 * MS - 1, Level::Degraded),
            (100 * MS, Level::Stalled),
        ];
        for (read, level) in cases {
            assert_eq!(verdict(&[read; 5], &[], None).level, level, "{read} ns");
        }
    }

    #[test]
    fn a_sick_node_is_described_by_what_was_measured() {
        let reads = [150 * MS, 153 * MS, 160 * MS];
        let verdict = verdict(&reads, &[7_000; 3], Some(48_211));
        assert_eq!(verdict.level, Level::Stalled);
        assert_eq!(
            verdict.summary,
            "Stalled: memory.stat reads take 153 ms of CPU; 48,211 zombie memcgs"
        );
        assert_eq!(
            verdict.sentence,
            "root memory.stat reads take 153 ms of CPU (median of 3, at most 160 ms), 21,857 times \
             a leaf's 7.0 us; 48,211 zombie memcgs"
        );
    }

    #[test]
    fn a_repeated_read_tells_a_walk_from_a_flush() {
        let of = |read: u64, again: (u64, u64)| {
            let evidence = Evidence {
                cpu: summary_of(&[read; 5]),
                leaf: summary_of(&[7_000; 5]),
                zombies: Some(48_211),
                repeated: Some(again),
                ..Evidence::default()
            };
            Verdict::of(evidence, &Thresholds::default()).sentence
        };
        let walk = of(153 * MS, (152 * MS, 99));
        assert!(walk.contains("7.0 us, 152 ms again at once: each walks the cgroup tree; 48"));
        let flush = of(77 * MS, (30_000, 0));
        assert!(flush.contains("30 us if repeated at once: they flush changed statistics; 48"));
        let neither = of(77 * MS, (38 * MS, 50));
        assert!(neither.contains("38 ms if repeated at once: walk or flush undetermined"));
        let healthy = of(40_000, (152 * MS, 99));
        assert!(!healthy.contains("at once"), "{healthy}");
        for text in [walk, flush, neither] {
            assert!(text.len() <= SENTENCE_MAX, "{text}");
        }
    }

    #[test]
    fn who_reads_and_what_waits_is_said_while_it_fits() {
        let user = |name: &str, fast| User {
            pid: 812,
            name: name.to_owned(),
            slow: 1_530,
            fast,
        };
        let of = |read: u64, user: User, waited: u64| {
            let evidence = Evidence {
                cpu: summary_of(&[read; 5]),
                leaf: summary_of(&[7_000; 5]),
                zombies: Some(48_211),
                repeated: Some((152 * MS, 99)),
                users: vec![user],
                softirq_delay: Some(waited),
                ..Evidence::default()
            };
            Verdict::of(evidence, &Thresholds::default()).sentence
        };
        let known = of(153 * MS, user("kubelet", Some(20)), 99 * MS);
        assert_eq!(
            known,
            "root memory.stat reads take 153 ms of CPU (median of 5, at most 153 ms), 21,857 times \
             a leaf's 7.0 us, 152 ms again at once: each walks the cgroup tree; 48,211 zombie \
             memcgs; kubelet's system time rose with them; softirqs waited 99 ms"
        );
        let alone = of(153 * MS, user("cadvisor", None), 19 * MS);
        assert!(alone.ends_with("; cadvisor uses the most system time"));
        let long = of(153 * MS, user(&"x".repeat(64), Some(20)), 99 * MS);
        assert!(long.ends_with("memcgs; softirqs waited 99 ms"), "{long}");
        assert!(long.len() <= SENTENCE_MAX);
        let healthy = of(30_000, user("kubelet", Some(20)), 99 * MS);
        assert!(!healthy.contains("kubelet") && !healthy.contains("softirqs"));
    }

    #[test]
    fn a_read_that_does_not_return_is_no_health() {
        let healthy = || verdict(&[30_000; 5], &[], Some(0));
        let brief = healthy().while_in_flight(Some(Duration::from_secs(9)));
        assert_eq!(brief, healthy().while_in_flight(None));
        let stuck = healthy().while_in_flight(Some(Duration::from_secs(42)));
        assert_eq!(stuck.level, Level::Unknown);
        assert!(
            stuck
                .sentence
                .starts_with("a measurement has been in flight for 42 s")
        );
        let sick = verdict(&[3_000 * MS; 3], &[], None);
        let stuck = sick.while_in_flight(Some(Duration::from_secs(42)));
        assert_eq!(stuck.level, Level::Stalled);
        assert!(
            stuck
                .sentence
                .contains("before it, root memory.stat reads take 3.0 s")
        );
    }

    #[test]
    fn a_slow_tail_is_worth_an_eye_and_no_more() {
        let mut reads = [40_000; 10];
        reads[0] = 120 * MS;
        assert_eq!(verdict(&reads, &[], Some(0)).level, Level::Healthy);
        reads[5] = 95 * MS;
        let verdict = verdict(&reads, &[], Some(60_000));
        assert_eq!(verdict.level, Level::Watch);
        assert_eq!(
            verdict.summary,
            "Watch: 1 memory.stat read in 10 takes 95 ms of CPU; 60,000 zombie memcgs"
        );
        assert!(
            verdict
                .sentence
                .contains("40 us of CPU, but one in ten takes 95 ms or more")
        );
    }

    #[test]
    fn a_leaf_as_slow_as_the_root_is_said() {
        let verdict = verdict(&[30 * MS; 5], &[28 * MS; 5], Some(1));
        assert!(verdict.sentence.contains("no more than a leaf's 28 ms"));
        assert!(verdict.sentence.ends_with("1 zombie memcg"));
    }

    #[test]
    fn few_fast_reads_are_no_health() {
        let verdict = verdict(&[30_000; 2], &[], Some(0));
        assert_eq!(verdict.level, Level::Unknown);
        assert_eq!(
            verdict.summary,
            "Unknown: only 2 root memory.stat reads could be trusted, it takes 3"
        );
    }

    #[test]
    fn few_reads_that_are_all_slow_are_sickness() {
        assert_eq!(verdict(&[3_000 * MS], &[], None).level, Level::Stalled);
        assert_eq!(
            verdict(&[3_000 * MS, 1_000], &[], None).level,
            Level::Unknown
        );
        assert_eq!(verdict(&[19 * MS], &[], None).level, Level::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_unknown_with_the_reason() {
        let why = "/proc/x: Permission denied".to_owned();
        let evidence = Evidence {
            unreadable: vec![(Signal::MemoryStatReadCpu, why)],
            ..Evidence::default()
        };
        let verdict = Verdict::of(evidence, &Thresholds::default());
        assert_eq!(verdict.level, Level::Unknown);
        assert_eq!(
            verdict.summary,
            "Unknown: the root memory.stat cannot be read"
        );
        assert!(verdict.sentence.ends_with("/proc/x: Permission denied"));
    }

    #[test]
    fn the_summary_fits_a_plugin_line_whatever_the_numbers() {
        let reads = [86_400_000 * MS, 999 * MS, 20 * MS, 5 * MS, 1];
        for read in reads {
            for zombies in [Some(u64::from(u32::MAX)), None] {
                for tail in [1, 999 * MS] {
                    let mut samples = [read; 10];
                    samples[..2].fill(tail);
                    let summary = verdict(&samples, &[1], zombies).summary;
                    assert!(summary.len() <= 80, "{}: {summary}", summary.len());
                }
            }
        }
    }
}
