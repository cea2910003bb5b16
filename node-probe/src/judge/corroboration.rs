//! Whether other signals bear a slow read out. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::rule::{Corroborator, Rule};
use super::series::Series;
use super::signal::Signal;
use crate::time::MonotonicTime;

/// What the corroborators of a rule say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corroboration {
    /// The rule asks for none, or one is elevated.
    Given,
    /// These are known, and none of them is elevated.
    Denied(Known),
    /// None is known: that is not health.
    Unknown,
}

/// The corroborators of a rule whose values are known, by their positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known(u32);

impl Known {
    fn add(&mut self, position: u32) {
        self.0 |= 1u32.checked_shl(position).unwrap_or(0);
    }

    fn has(self, position: u32) -> bool {
        self.0 & 1u32.checked_shl(position).unwrap_or(0) != 0
    }
}

impl Corroboration {
    /// What `signals` (by [`Signal::index`]) say for `rule` at `now`: the
    /// greatest of each corroborator's last samples, as many as the rule's own.
    /// A stall need not meet every sample of another signal.
    #[must_use]
    pub fn of(rule: &Rule, signals: &[Series; Signal::ALL.len()], now: MonotonicTime) -> Self {
        if rule.corroborated_by.is_empty() {
            return Self::Given;
        }
        let mut known = Known::default();
        for (position, one) in (0..).zip(&rule.corroborated_by) {
            match greatest(one, rule.samples, signals, now) {
                Some(value) if value >= one.elevated => return Self::Given,
                Some(_) => known.add(position),
                None => {}
            }
        }
        if known == Known::default() {
            Self::Unknown
        } else {
            Self::Denied(known)
        }
    }

    /// It in words, where it keeps `rule` from firing. Apart from the judgement,
    /// which is made of every sample and may not allocate.
    #[must_use]
    pub fn sentence(self, rule: &Rule) -> String {
        let names = |is_meant: &dyn Fn(u32) -> bool, word: &str| {
            let all = (0..).zip(&rule.corroborated_by);
            let meant = all.filter(|(position, _)| is_meant(*position));
            let names: Vec<_> = meant.map(|(_, one)| one.name.as_str()).collect();
            names.join(word)
        };
        match self {
            Self::Given => String::new(),
            Self::Denied(known) => format!(
                "above the limit, but not borne out by {}",
                names(&|position| known.has(position), " or ")
            ),
            Self::Unknown => format!(
                "above the limit, but {} cannot be told",
                names(&|_| true, " and ")
            ),
        }
    }
}

fn greatest(
    one: &Corroborator,
    samples: usize,
    signals: &[Series; Signal::ALL.len()],
    now: MonotonicTime,
) -> Option<u64> {
    let series = &signals[one.signal?.index()];
    if series.unreadable().is_some() || series.history().is_stale(now) {
        return None;
    }
    Some(series.history().summary(samples)?.max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::history::GAP_MAX;
    use crate::judge::testing::{at, rule};
    use crate::judge::trust::Reading;

    fn asking(signals: &[Option<Signal>]) -> Rule {
        let one = |signal: &Option<Signal>| Corroborator {
            name: signal.map_or("NetworkStall", Signal::name).to_owned(),
            signal: *signal,
            elevated: 20,
        };
        Rule {
            corroborated_by: signals.iter().map(one).collect(),
            ..rule()
        }
    }

    fn seen(values: &[(Signal, &[u64])]) -> [Series; Signal::ALL.len()] {
        let mut signals: [Series; Signal::ALL.len()] = Default::default();
        for (signal, values) in values {
            for (second, value) in (1..).zip(*values) {
                signals[signal.index()].add(at(second), Reading::Trusted(*value));
            }
        }
        signals
    }

    #[test]
    fn any_one_that_was_elevated_lately_bears_it_out() {
        let rule = asking(&[Some(Signal::SoftirqDelay), Some(Signal::CpuSteal)]);
        let of = |values: &[(Signal, &[u64])]| Corroboration::of(&rule, &seen(values), at(9));
        let quiet: (Signal, &[u64]) = (Signal::CpuSteal, &[0, 0, 0]);
        assert_eq!(
            of(&[quiet, (Signal::SoftirqDelay, &[0, 20, 0])]),
            Corroboration::Given
        );
        let denied = of(&[quiet, (Signal::SoftirqDelay, &[20, 19, 0, 0])]);
        assert!(matches!(denied, Corroboration::Denied(_)));
        assert_eq!(
            denied.sentence(&rule),
            "above the limit, but not borne out by SoftirqDelay or CPUSteal"
        );
        let steal = of(&[quiet]).sentence(&rule);
        assert_eq!(steal, "above the limit, but not borne out by CPUSteal");
    }

    #[test]
    fn what_is_not_known_neither_bears_out_nor_denies() {
        let rule = asking(&[None, Some(Signal::SoftirqDelay)]);
        let none = Corroboration::of(&rule, &seen(&[]), at(9));
        assert_eq!(none, Corroboration::Unknown);
        assert_eq!(
            none.sentence(&rule),
            "above the limit, but NetworkStall and SoftirqDelay cannot be told"
        );
        let stale = seen(&[(Signal::SoftirqDelay, &[90])]);
        let later = at(2).after(GAP_MAX);
        assert!(matches!(
            Corroboration::of(&rule, &stale, later),
            Corroboration::Unknown
        ));
        let mut gone = seen(&[(Signal::SoftirqDelay, &[90])]);
        gone[Signal::SoftirqDelay.index()].add(at(2), Reading::Unreadable("gone".into()));
        assert!(matches!(
            Corroboration::of(&rule, &gone, at(3)),
            Corroboration::Unknown
        ));
    }

    #[test]
    fn a_rule_that_asks_for_none_needs_none() {
        assert_eq!(
            Corroboration::of(&rule(), &seen(&[]), at(1)),
            Corroboration::Given
        );
    }
}
