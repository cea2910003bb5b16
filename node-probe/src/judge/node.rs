//! Everything that one node's observations say. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use super::corroboration::Corroboration;
use super::evidence::{Evidence, READS};
use super::growth::Growth;
use super::history::gap_after;
use super::nature::Pairs;
use super::proof::{Proof, is_awaited};
use super::rule::Rule;
use super::series::Series;
use super::signal::Signal;
use super::slope::Costs;
use super::trigger::{State, Trigger};
use super::trust::{Reading, leaf_reading, nanos, reading, surrounding};
use super::users::Users;
use super::verdict::{Thresholds, Verdict};
use crate::pace::{DEAR_CYCLE, Mode, Pace};
use crate::sample::{Observation, Surroundings};
use crate::time::MonotonicTime;

/// A suspension is longer: what clocks differ by from one look to the next is
/// far below it.
const SUSPENDED_MIN: Duration = Duration::from_secs(1);

/// Takes in observations; gives triggers, a verdict, proofs, and how eagerly
/// more samples are wanted.
#[derive(Debug, Default)]
pub struct Judge {
    signals: [Series; Signal::ALL.len()],
    leaf: Series,
    growth: Growth,
    pairs: Pairs,
    costs: Costs,
    users: Users,
    triggers: Vec<Trigger>,
    thresholds: Thresholds,
    pace: Pace,
    /// Whether the last cycle was so dear that another one has to be worth it.
    is_dear: bool,
}

impl Judge {
    /// A judge without rules or history whose verdicts go by `thresholds`, of samples
    /// that are taken at `pace`.
    #[must_use]
    pub fn new(thresholds: Thresholds, pace: Pace) -> Self {
        Self {
            thresholds,
            pace,
            ..Self::default()
        }
    }

    /// Judges by `rules` from `now` on. A trigger keeps its state where policy,
    /// name and hash are the same, so that an edit elsewhere in a policy resets
    /// no timer.
    pub fn set_rules(&mut self, rules: Vec<Rule>, now: MonotonicTime) {
        let mut known = std::mem::take(&mut self.triggers);
        self.triggers = rules
            .into_iter()
            .map(|rule| {
                let same = known
                    .iter()
                    .position(|trigger| trigger.rule().is_same_as(&rule));
                match same {
                    Some(index) => {
                        let mut trigger = known.swap_remove(index);
                        trigger.set_rule(rule);
                        trigger
                    }
                    None => Trigger::new(rule, now),
                }
            })
            .collect();
        self.evaluate(now);
    }

    /// Takes over what an earlier run of the probe said of `rule` on this boot.
    pub fn resume(&mut self, rule: &Rule, state: State, since: MonotonicTime, now: MonotonicTime) {
        let mut triggers = self.triggers.iter_mut();
        if let Some(trigger) = triggers.find(|trigger| trigger.rule().is_same_as(rule)) {
            trigger.resume(state, since, now, self.pace);
        }
    }

    /// Takes in one observation and judges every trigger by it.
    pub fn observe(&mut self, observation: &Observation) {
        if observation.suspended >= SUSPENDED_MIN {
            self.forget();
        }
        for signal in Signal::ALL {
            let reading = match signal {
                Signal::ZombieMemcgGrowth => self.growth(observation),
                _ => reading(signal, observation),
            };
            self.signals[signal.index()].add(observation.at, reading);
        }
        self.leaf.add(observation.at, leaf_reading(observation));
        if let Reading::Trusted(read) = reading(Signal::MemoryStatReadCpu, observation) {
            let again = observation.again.map(|again| nanos(again.on_cpu));
            self.pairs.add(observation.at, read, again);
            if let Reading::Trusted(zombies) = reading(Signal::ZombieMemcgs, observation) {
                self.costs.add(zombies, read);
            }
        }
        if let (Some(uses), Ok(root)) = (&observation.processes, &observation.root) {
            self.users.add(uses, root.on_cpu);
        }
        self.is_dear = observation.cost > DEAR_CYCLE;
        self.set_gap(gap_after(observation.cost));
        self.evaluate(observation.at);
    }

    /// Takes in what the node went through up to `at`, told outside of a cycle.
    pub fn surround(&mut self, at: MonotonicTime, around: &Surroundings) {
        for signal in Signal::ALL.into_iter().filter(|it| it.has_window()) {
            self.signals[signal.index()].add(at, surrounding(signal, around));
        }
    }

    /// What was measured before a suspension says nothing about now, however
    /// little of the monotonic clock has passed.
    fn forget(&mut self) {
        self.signals.iter_mut().for_each(Series::forget);
        self.leaf.forget();
        self.growth.clear();
    }

    /// After a dear cycle the next one comes late, and is of the same series.
    fn set_gap(&mut self, gap: Duration) {
        self.signals.iter_mut().for_each(|it| it.set_gap(gap));
        self.leaf.set_gap(gap);
        self.growth.set_gap(gap);
    }

    /// How fast zombies become more, as far as counts can be believed.
    fn growth(&mut self, observation: &Observation) -> Reading {
        match reading(Signal::ZombieMemcgs, observation) {
            Reading::Trusted(count) => {
                let growth = self.growth.add(observation.at, count);
                growth.map_or(Reading::Awaited, Reading::Trusted)
            }
            Reading::Unreadable(why) => {
                self.growth.clear();
                Reading::Unreadable(why)
            }
            other @ (Reading::Untrusted(_) | Reading::Awaited) => other,
        }
    }

    /// Judges every trigger at `now` by what is known: samples go stale when
    /// none follow.
    pub fn evaluate(&mut self, now: MonotonicTime) {
        for trigger in &mut self.triggers {
            let others = Corroboration::of(trigger.rule(), &self.signals, now);
            let series = &self.signals[trigger.rule().signal.index()];
            trigger.evaluate(now, series, others);
        }
    }

    /// The triggers, in the order of their rules.
    #[must_use]
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// What is known of `signal`.
    #[must_use]
    pub fn series(&self, signal: Signal) -> &Series {
        &self.signals[signal.index()]
    }

    /// What is known of the control.
    #[must_use]
    pub fn leaf(&self) -> &Series {
        &self.leaf
    }

    /// The verdict at `now`, over the last [`READS`] reads.
    #[must_use]
    pub fn verdict(&self, now: MonotonicTime) -> Verdict {
        self.verdict_over(READS, now)
    }

    /// The verdict at `now`, over the last `reads` reads.
    #[must_use]
    pub fn verdict_over(&self, reads: usize, now: MonotonicTime) -> Verdict {
        let mut evidence = Evidence::gather(&self.signals, &self.leaf, reads, now);
        evidence.repeated = self.pairs.median(now);
        evidence.slope = self.costs.slope();
        evidence.users = self.users.risen();
        Verdict::of(evidence, &self.thresholds)
    }

    /// What the samples since `remedied` prove about `rule`.
    #[must_use]
    pub fn proof(&self, rule: &Rule, remedied: MonotonicTime) -> Proof {
        Proof::of(rule, self.series(rule.signal), remedied)
    }

    /// How eagerly the samples are wanted at `now` that `rule` waits for since
    /// `remedied`: not at all where it does not count, or once nobody waits for them.
    #[must_use]
    pub fn mode_of_proof(&self, rule: &Rule, remedied: MonotonicTime, now: MonotonicTime) -> Mode {
        if rule.not_here.is_some() || !is_awaited(rule, remedied, now) {
            return Mode::Quiet;
        }
        match self.proof(rule, remedied) {
            Proof::Waiting { .. } => rule.signal.mode(),
            Proof::Good { .. } | Proof::Bad { .. } | Proof::Unreadable(_) => Mode::Quiet,
        }
    }

    /// How eagerly more samples are wanted: for the triggers' sake, and while there
    /// is no trusted read yet of those that earn a long pause: one is enough for a
    /// verdict, but none may be without it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let reads = self.series(Signal::MemoryStatReadCpu).history();
        if self.is_dear && reads.is_empty() {
            return Mode::Fast;
        }
        let triggers = self.triggers.iter();
        let wanted = triggers.map(|trigger| {
            let series = self.series(trigger.rule().signal);
            trigger.mode(series, self.pace)
        });
        wanted.max().unwrap_or_default()
    }
}
