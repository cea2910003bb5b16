//! Whether other signals bear a slow read out. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::history::GAP_MAX;
use super::rule::{Corroborator, Rule};
use super::series::Series;
use super::signal::Signal;
use crate::time::MonotonicTime;

/// What the corroborators of a rule say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Corroboration {
    /// The rule asks for none, or one is elevated.
    Given,
    /// At least one is known, and none is elevated.
    Denied(String),
    /// None is known: that is not health.
    Unknown(String),
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
        let mut denied = Vec::new();
        for one in &rule.corroborated_by {
            match greatest(one, rule.samples, signals, now) {
                Some(value) if value >= one.elevated => return Self::Given,
                Some(_) => denied.push(one.name.as_str()),
                None => {}
            }
        }
        if denied.is_empty() {
            let names: Vec<_> = rule
                .corroborated_by
                .iter()
                .map(|c| c.name.as_str())
                .collect();
            Self::Unknown(format!(
                "above the limit, but {} cannot be told",
                names.join(" and ")
            ))
        } else {
            Self::Denied(format!(
                "above the limit, but not borne out by {}",
                denied.join(" or ")
            ))
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
    let (newest, _) = series.history().last()?;
    if series.unreadable().is_some() || now.since(newest) > GAP_MAX {
        return None;
    }
    Some(series.history().summary(samples)?.max)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(
            denied,
            Corroboration::Denied(
                "above the limit, but not borne out by SoftirqDelay or CPUSteal".to_owned()
            )
        );
    }

    #[test]
    fn what_is_not_known_neither_bears_out_nor_denies() {
        let rule = asking(&[None, Some(Signal::SoftirqDelay)]);
        let none = Corroboration::of(&rule, &seen(&[]), at(9));
        let text = "above the limit, but NetworkStall and SoftirqDelay cannot be told";
        assert_eq!(none, Corroboration::Unknown(text.to_owned()));
        let stale = seen(&[(Signal::SoftirqDelay, &[90])]);
        let later = at(2).after(GAP_MAX);
        assert!(matches!(
            Corroboration::of(&rule, &stale, later),
            Corroboration::Unknown(_)
        ));
        let mut gone = seen(&[(Signal::SoftirqDelay, &[90])]);
        gone[Signal::SoftirqDelay.index()].add(at(2), Reading::Unreadable("gone".into()));
        assert!(matches!(
            Corroboration::of(&rule, &gone, at(3)),
            Corroboration::Unknown(_)
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
