//! The triggers of the spec as rules for the judge. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use unstall_crds::health::HealthTrigger;
use unstall_crds::signal::SignalName;
use unstall_crds::units::{KernelVersion, Quantity, Reading, Threshold};

use crate::judge::{CAPACITY, Corroborator, Rule, Signal, Statistic, Unit};

/// A trigger of the spec, as far as this probe can judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is judged by this rule.
    Rule(Rule),
    /// It is not judged, and why: its state is Unknown.
    NotJudged(Box<HealthTrigger>, String),
}

/// Turns the triggers of a spec into rules for a node that runs `kernel`.
#[must_use]
pub fn asked(triggers: &[HealthTrigger], kernel: Option<&KernelVersion>) -> Vec<Asked> {
    let one = |trigger: &HealthTrigger| match rule(trigger, kernel) {
        Ok(rule) => Asked::Rule(rule),
        Err(why) => Asked::NotJudged(Box::new(trigger.clone()), why),
    };
    triggers.iter().map(one).collect()
}

/// The rules among them.
#[must_use]
pub fn rules(asked: &[Asked]) -> Vec<Rule> {
    let rule = |one: &Asked| match one {
        Asked::Rule(rule) => Some(rule.clone()),
        Asked::NotJudged(..) => None,
    };
    asked.iter().filter_map(rule).collect()
}

fn rule(trigger: &HealthTrigger, kernel: Option<&KernelVersion>) -> Result<Rule, String> {
    let asked = &trigger.signal;
    let signal = Signal::from_name(asked.name.as_str())
        .ok_or_else(|| format!("this probe does not measure {}", asked.name))?;
    let samples = usize::from(asked.samples);
    if samples > CAPACITY {
        return Err(format!(
            "{samples} samples are asked for, this probe keeps {CAPACITY}"
        ));
    }
    let statistic = Statistic::from_name(asked.statistic.as_str())
        .ok_or_else(|| format!("this probe does not know the statistic {}", asked.statistic))?;
    Ok(Rule {
        policy: trigger.policy.clone(),
        name: trigger.name.clone(),
        signal_hash: trigger.signal_hash.clone(),
        signal,
        statistic,
        samples,
        above: value(signal, &asked.above)?,
        clear_below: value(signal, &asked.clear_below)?,
        hold: asked.r#for.get(),
        corroborated_by: trigger.corroborated_by.iter().map(corroborator).collect(),
        not_here: not_here(trigger, kernel)?,
    })
}

fn corroborator(name: &SignalName) -> Corroborator {
    let signal = Signal::from_name(name.as_str());
    Corroborator {
        name: name.to_string(),
        signal,
        elevated: signal
            .and_then(|signal| number(signal, name.elevated()))
            .unwrap_or(u64::MAX),
    }
}

/// Why the trigger does not count on this kernel, if it does not.
fn not_here(
    trigger: &HealthTrigger,
    kernel: Option<&KernelVersion>,
) -> Result<Option<String>, String> {
    let Some(gate) = &trigger.only_on_kernel else {
        return Ok(None);
    };
    let Some(kernel) = kernel else {
        return Err("onlyOnKernel: the running kernel's release cannot be read".to_owned());
    };
    Ok((!gate.admits(kernel)).then(|| {
        let ends = [("at least", &gate.at_least), ("below", &gate.below)];
        let ends = ends
            .iter()
            .filter_map(|(word, end)| Some(format!("{word} {}", end.as_ref()?)));
        let range = ends.collect::<Vec<_>>().join(" and ");
        format!("only on kernels {range}; this node runs {kernel}")
    }))
}

/// A threshold in the unit of the judge's values.
fn value(signal: Signal, threshold: &Threshold) -> Result<u64, String> {
    number(signal, threshold.get())
        .ok_or_else(|| format!("{threshold} is not in the unit of {signal}"))
}

fn number(signal: Signal, quantity: Quantity) -> Option<u64> {
    match (signal.unit(), quantity) {
        (Unit::Count, Quantity::Count(number)) | (Unit::PerHour, Quantity::PerHour(number)) => {
            Some(number)
        }
        (Unit::Ratio, Quantity::Ratio { hundredths }) => Some(u64::from(hundredths)),
        (Unit::Nanoseconds, Quantity::Duration { micros }) => Some(micros.saturating_mul(1_000)),
        _ => None,
    }
}

/// A value of the judge in the unit that the API has for its signal.
#[must_use]
pub fn quantity(signal: Signal, value: u64) -> Quantity {
    match signal.unit() {
        Unit::Count => Quantity::Count(value),
        Unit::PerHour => Quantity::PerHour(value),
        // The API knows no more than 100 %, which several threads of a process exceed, and a
        // share of a time that was measured a moment too short.
        Unit::Ratio => Quantity::Ratio {
            hundredths: value.min(10_000).try_into().unwrap_or(10_000),
        },
        // Rounded up: what took time never shows as none.
        Unit::Nanoseconds => Quantity::Duration {
            micros: value.div_ceil(1_000),
        },
    }
}

/// The same, as a status shows it.
#[must_use]
pub fn reading(signal: Signal, value: u64) -> Reading {
    Reading(quantity(signal, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn trigger(signal: Value) -> HealthTrigger {
        serde_json::from_value(json!({
            "policy": "p", "name": "t", "signalHash": "0123456789abcdef", "signal": signal,
        }))
        .unwrap()
    }

    fn refused(trigger: HealthTrigger) -> String {
        match asked(&[trigger], None).remove(0) {
            Asked::NotJudged(_, why) => why,
            Asked::Rule(rule) => panic!("{rule:?}"),
        }
    }

    #[test]
    fn thresholds_arrive_in_the_judges_unit() {
        let read = json!({"name": "MemoryStatReadCPU", "statistic": "P90", "samples": 20, "above": "5ms", "clearBelow": "1500us", "for": "2m"});
        let zombies = json!({"name": "ZombieMemcgs", "above": 20000, "clearBelow": "500"});
        let rules = rules(&asked(&[trigger(read), trigger(zombies)], None));
        assert_eq!(
            (rules[0].above, rules[0].clear_below),
            (5_000_000, 1_500_000)
        );
        assert_eq!((rules[0].statistic, rules[0].samples), (Statistic::P90, 20));
        assert_eq!(rules[0].hold.as_secs(), 120);
        assert_eq!((rules[1].above, rules[1].clear_below), (20_000, 500));
    }

    #[test]
    fn every_signal_takes_thresholds_of_its_own_unit_alone_and_shows_values_in_it() {
        let examples = [
            (Unit::Nanoseconds, "20ms", 20_000_000),
            (Unit::Count, "700", 700),
            (Unit::PerHour, "500/h", 500),
            (Unit::Ratio, "20%", 2_000),
        ];
        for signal in Signal::ALL {
            for (unit, text, number) in examples {
                let asked = json!({"name": signal.name(), "above": text, "clearBelow": text});
                let judged = rules(&super::asked(&[trigger(asked)], None));
                let above = judged.first().map(|rule| rule.above);
                assert_eq!(
                    above,
                    (unit == signal.unit()).then_some(number),
                    "{signal} {text}"
                );
                if above.is_some() {
                    assert_eq!(quantity(signal, number).to_string(), text);
                }
            }
        }
    }

    #[test]
    fn what_is_not_judged_says_why() {
        let read =
            |above: &str| json!({"name": "MemoryStatReadCPU", "above": above, "clearBelow": "1ms"});
        assert!(
            refused(trigger(
                json!({"name": "NetworkStall", "above": "20ms", "clearBelow": "10ms"})
            ))
            .contains("does not measure NetworkStall")
        );
        assert!(refused(trigger(read("20%"))).contains("20% is not in the unit"));
    }

    #[test]
    fn corroborators_are_elevated_from_their_own_level_on() {
        let mut corroborated =
            trigger(json!({"name": "MemoryStatReadCPU", "above": "5ms", "clearBelow": "1ms"}));
        corroborated.corroborated_by = vec![SignalName::SoftirqDelay, SignalName::NetworkStall];
        let rule = rules(&asked(&[corroborated], None)).remove(0);
        let [softirq, network] = &rule.corroborated_by[..] else {
            panic!("{rule:?}");
        };
        assert_eq!(
            (softirq.signal, softirq.elevated),
            (Some(Signal::SoftirqDelay), 20_000_000)
        );
        assert_eq!(
            (network.signal, network.name.as_str()),
            (None, "NetworkStall")
        );
    }

    #[test]
    fn a_trigger_counts_on_the_kernels_of_its_gate_alone() {
        let mut gated =
            trigger(json!({"name": "MemoryStatReadCPU", "above": "5ms", "clearBelow": "1ms"}));
        let gate = json!({"atLeast": "5.13", "below": "7.1"});
        gated.only_on_kernel = Some(serde_json::from_value(gate).unwrap());
        let not_here = |kernel: &str| {
            let kernel: KernelVersion = kernel.parse().unwrap();
            rules(&asked(std::slice::from_ref(&gated), Some(&kernel)))
                .remove(0)
                .not_here
        };
        assert_eq!(not_here("6.1.0-40-amd64"), None);
        let text = "only on kernels at least 5.13 and below 7.1; this node runs 4.19.0";
        assert_eq!(not_here("4.19.0").as_deref(), Some(text));
        assert!(refused(gated.clone()).contains("onlyOnKernel"));
    }

    #[test]
    fn what_took_time_never_shows_as_none() {
        assert_eq!(quantity(Signal::MemoryStatReadCpu, 1).to_string(), "1us");
        assert_eq!(
            quantity(Signal::MemoryStatReadCpu, 33_000_000).to_string(),
            "33ms"
        );
        assert_eq!(quantity(Signal::ZombieMemcgs, 0).to_string(), "0");
    }
}
