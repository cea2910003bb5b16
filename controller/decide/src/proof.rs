//! Whether a remedy worked: the statistic that fired is good again, over
//! samples that are all younger than the remedy, and what caused it is gone.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::NodeHealth;
use unstall_crds::policy::{Signal, Trigger};
use unstall_crds::remediation::Measurement;
use unstall_crds::units::{Quantity, Reading};

use crate::judge;

/// Fewer zombies than this are everyday life (2 to 60 were seen on an idle
/// machine, some hundreds while pods churn) and no cause of a stall.
const ZOMBIES_THAT_MATTER: u64 = 1_000;

/// What was measured around a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough was measured since.
    Waiting(String),
    /// It worked.
    Cured(Measurement),
    /// It did not, and this remains.
    NotCured {
        /// What was measured after it.
        after: Measurement,
        /// What is still bad, with its numbers.
        remains: String,
    },
}

/// What the probe measured before the remedy: the statistic of `trigger`.
#[must_use]
pub fn before(health: &NodeHealth, policy: &str, trigger: &Trigger) -> Option<Measurement> {
    let signal = trigger.signal.as_ref()?;
    let status = judge::trigger_status(health, policy, trigger)?;
    let at = judge::signal(health, signal.name)?.sampled_at.clone()?;
    Some(measurement(
        signal,
        status.value?,
        judge::zombies(health, None),
        at,
    ))
}

/// Compares `before` with what was measured since the command ended at
/// `finished`, by the node's clock.
#[must_use]
pub fn verdict(
    health: &NodeHealth,
    policy: &str,
    trigger: &Trigger,
    before: Option<&Measurement>,
    finished: Timestamp,
) -> Verdict {
    let Some(signal) = trigger.signal.as_ref() else {
        return Verdict::Waiting("the trigger has no signal to measure again".to_owned());
    };
    let status = judge::trigger_status(health, policy, trigger);
    let Some(value) = status.and_then(|status| status.value_since_command) else {
        return Verdict::Waiting(format!(
            "waiting for {} samples of {} since the remedy",
            signal.samples, signal.name
        ));
    };
    let zombies_before = before.and_then(|m| m.zombie_memcgs).map(|r| r.0.number());
    let zombies = judge::zombies(health, Some(finished));
    let bound = zombies_allowed(zombies_before);
    if bound.is_some() && zombies.is_none() {
        return Verdict::Waiting(
            "waiting for a count of zombie memcgs since the remedy".to_owned(),
        );
    }
    let at = judge::signal(health, signal.name)
        .and_then(|status| status.sampled_at.clone())
        .unwrap_or(Time(finished));
    let after = measurement(signal, value, zombies, at);
    let mut remains = Vec::new();
    // Only a smaller value of the same unit is good; anything else is not.
    if value.0.partial_cmp(&signal.clear_below.get()) != Some(std::cmp::Ordering::Less) {
        remains.push(format!(
            "{} of {} is still {value}, not below {}",
            signal.statistic, signal.name, signal.clear_below
        ));
    }
    if let (Some(left), Some(bound)) = (zombies, bound)
        && left > bound
    {
        remains.push(match zombies_before {
            Some(before) => format!("{left} of {before} zombie memcgs are still there"),
            None => format!("{left} zombie memcgs are there, of an unknown number before"),
        });
    }
    if remains.is_empty() {
        Verdict::Cured(after)
    } else {
        Verdict::NotCured {
            after,
            remains: remains.join("; "),
        }
    }
}

/// How many zombies may be left of `before`; without a bound where there were
/// too few to matter. How many there were may be unknown: then none may be left
/// that would matter.
fn zombies_allowed(before: Option<u64>) -> Option<u64> {
    match before {
        Some(before) if before < ZOMBIES_THAT_MATTER => None,
        Some(before) => Some(before / 2),
        None => Some(ZOMBIES_THAT_MATTER - 1),
    }
}

fn measurement(signal: &Signal, value: Reading, zombies: Option<u64>, at: Time) -> Measurement {
    Measurement {
        signal: Some(signal.name),
        statistic: Some(signal.statistic),
        samples: Some(u32::from(signal.samples)),
        value: value.to_string(),
        zombie_memcgs: zombies.map(|count| Reading(Quantity::Count(count))),
        at,
    }
}
