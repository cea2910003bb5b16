//! The conditions of a node's status. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::{self, Condition, ConditionReason, ConditionStatus, ConditionType};

use super::rules::Asked;
use super::status::{Inputs, Now};
use super::text::{MAX_MESSAGE, cut};
use crate::judge::{Judge, Rule, Signal};

/// Those of before, brought up to date.
#[must_use]
pub fn conditions(judge: &Judge, inputs: &Inputs<'_>, now: Now) -> Vec<Condition> {
    let mut conditions = inputs.before.conditions.clone();
    for (type_, (status, reason, message)) in [
        (ConditionType::Ready, ready(inputs)),
        (ConditionType::SignalsAvailable, signals(judge, inputs)),
    ] {
        let new = Condition {
            type_: type_.to_string(),
            status,
            observed_generation: inputs.generation,
            last_transition_time: Time(now.wall),
            reason: reason.to_string(),
            message,
        };
        condition::set(&mut conditions, new);
    }
    conditions
}

type Said = (ConditionStatus, ConditionReason, String);

fn ready(inputs: &Inputs<'_>) -> Said {
    let judged = inputs
        .asked
        .iter()
        .filter(|asked| matches!(asked, Asked::Rule(_)))
        .count();
    let first_not = inputs.asked.iter().find_map(|asked| match asked {
        Asked::NotJudged(trigger, why) => {
            Some(format!("{}/{}: {why}", trigger.policy, trigger.name))
        }
        Asked::Rule(_) => None,
    });
    match first_not {
        None => (
            ConditionStatus::True,
            ConditionReason::Evaluated,
            format!("{judged} triggers are judged"),
        ),
        Some(why) => (ConditionStatus::False, ConditionReason::InvalidSpec, why),
    }
}

/// Where what is asked and what this node can give differ.
fn signals(judge: &Judge, inputs: &Inputs<'_>) -> Said {
    let mut blind: Vec<String> = Vec::new();
    for asked in inputs.asked {
        let (trigger, missing) = match asked {
            Asked::Rule(rule) => ((&rule.policy, &rule.name), missing(judge, rule)),
            Asked::NotJudged(it, _) => {
                let name = it.signal.name;
                let is_known = Signal::from_name(name.as_str()).is_some();
                let why = (!is_known).then(|| format!("the probe does not measure {name}"));
                ((&it.policy, &it.name), why.into_iter().collect())
            }
        };
        let (policy, name) = trigger;
        blind.extend(
            missing
                .into_iter()
                .map(|why| format!("{policy}/{name}: {why}")),
        );
    }
    if blind.is_empty() {
        let text = "this node gives every signal that is asked of it".to_owned();
        return (ConditionStatus::True, ConditionReason::AllReadable, text);
    }
    let text = blind.join("; ");
    (ConditionStatus::False, ConditionReason::NotReadable, text)
}

/// Why `rule` cannot be judged on this node: for want of its own signal, or of every one that
/// could bear it out.
fn missing(judge: &Judge, rule: &Rule) -> Vec<String> {
    if rule.not_here.is_some() {
        return Vec::new();
    }
    let unreadable = |signal: Signal| {
        let why = judge.series(signal).unreadable()?;
        Some(not_given(signal.name(), why))
    };
    let others = rule.corroborated_by.iter().map(|one| match one.signal {
        Some(signal) => unreadable(signal),
        None => Some(format!("the probe does not measure {}", one.name)),
    });
    // One that can be read is enough.
    let others: Option<Vec<String>> = others.collect();
    let own = unreadable(rule.signal);
    own.into_iter().chain(others.unwrap_or_default()).collect()
}

/// That this node lacks a signal, which is no failure of the probe.
#[must_use]
pub fn not_given(signal: &str, why: &str) -> String {
    cut(
        &format!("this node cannot give {signal}: {why}"),
        MAX_MESSAGE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Corroborator;
    use crate::judge::testing::{at, observation, rule};
    use crate::publish::status::{Facts, NextBoot};
    use std::time::Duration;
    use unstall_crds::health::NodeHealthStatus;

    const GONE: &str = "/proc/pressure/irq: No such file or directory";

    fn asking(signal: Signal, others: &[Option<Signal>]) -> Rule {
        let one = |signal: &Option<Signal>| Corroborator {
            name: signal.map_or("NetworkStall", Signal::name).to_owned(),
            signal: *signal,
            elevated: 20,
        };
        Rule {
            signal,
            corroborated_by: others.iter().map(one).collect(),
            ..rule()
        }
    }

    /// What is said of `rule` by a node without pressure of interrupts.
    fn said(rule: Rule) -> (ConditionStatus, String) {
        let mut judge = Judge::default();
        let mut seen = observation(1, Duration::from_millis(1));
        seen.surroundings.irq_pressure = Err(GONE.into());
        seen.surroundings.softirq_delay = Ok(Some(Duration::ZERO));
        judge.observe(&seen);
        let inputs = Inputs {
            facts: &Facts {
                boot_id: None,
                kernel_release: None,
                cgroup_version: None,
            },
            next_boot: NextBoot::default(),
            started: at(0),
            asked: &[Asked::Rule(rule)],
            generation: Some(3),
            in_flight: None,
            silence: None,
            reboots: None,
            has_actuator: true,
            command: None,
            command_ended: None,
            before: &NodeHealthStatus::default(),
        };
        let now = Now {
            monotonic: at(2),
            wall: "2026-03-02T12:01:00Z".parse().unwrap(),
        };
        let said = conditions(&judge, &inputs, now).remove(1);
        assert_eq!(said.type_, "SignalsAvailable");
        (said.status, said.message)
    }

    #[test]
    fn a_signal_that_is_asked_for_and_not_given_is_named_with_path_and_reason() {
        let (status, text) = said(asking(Signal::IrqPressure, &[]));
        assert_eq!(status, ConditionStatus::False);
        let expected =
            format!("kernel-stalls/memcg-walk: this node cannot give IRQPressure: {GONE}");
        assert_eq!(text, expected);
        assert_eq!(
            said(asking(Signal::MemoryStatReadCpu, &[])).0,
            ConditionStatus::True
        );
    }

    #[test]
    fn one_signal_that_can_bear_it_out_is_enough() {
        let read = Signal::MemoryStatReadCpu;
        let irq = Some(Signal::IrqPressure);
        let (status, text) = said(asking(read, &[irq, None]));
        assert_eq!(status, ConditionStatus::False);
        assert!(text.contains("cannot give IRQPressure"), "{text}");
        assert!(text.contains("does not measure NetworkStall"), "{text}");
        let softirq = Some(Signal::SoftirqDelay);
        assert_eq!(said(asking(read, &[irq, softirq])).0, ConditionStatus::True);
    }

    #[test]
    fn what_does_not_count_on_this_kernel_needs_nothing() {
        let gated = Rule {
            not_here: Some("only on kernels below 5.2".to_owned()),
            ..asking(Signal::IrqPressure, &[])
        };
        assert_eq!(said(gated).0, ConditionStatus::True);
    }
}
