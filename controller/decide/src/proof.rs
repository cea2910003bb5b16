//! Whether a remedy worked: what fired is good again, by measurements that are
//! all younger than the remedy, and what caused it is gone.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::{NodeHealth, TriggerState};
use unstall_crds::policy::{ConditionTrigger, Signal, Trigger};
use unstall_crds::remediation::Measurement;
use unstall_crds::signal::SignalName;
use unstall_crds::units::{KernelVersion, Quantity, Reading};

use crate::judge::{self, Hearing};
use crate::view::View;
use crate::{Node, record};

/// Fewer zombies than this are everyday life (2 to 60 were seen on an idle
/// machine, some hundreds while pods churn) and no cause of a stall.
const ZOMBIES_THAT_MATTER: u64 = 1_000;

/// A proof has this long at least. At 1 % duty ten reads of 1 s take 17 minutes.
const LIMIT_MIN: SignedDuration = SignedDuration::from_mins(30);
/// What the probe may take for one sample of what has a window of 30 s: the window ends
/// with the first cycle after it, 36 s later at most, and a cycle that costs half a
/// second is followed by a pause of up to 60 s. The rest is for the cycle itself.
const SAMPLE_MAX: SignedDuration = SignedDuration::from_secs(72);
/// Growth is not told before there are counts of so long.
const GROWTH_SPAN: SignedDuration = SignedDuration::from_mins(10);

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

/// A trigger as the probe judges it: with the policy and the hash.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// The policy.
    pub policy: &'a str,
    /// The trigger.
    pub trigger: &'a Trigger,
    /// The hash of its signal.
    pub hash: String,
}

impl<'a> Judged<'a> {
    /// The trigger of a policy.
    #[must_use]
    pub fn new(policy: &'a str, trigger: &'a Trigger) -> Self {
        Self {
            policy,
            trigger,
            hash: trigger.signal_hash(),
        }
    }

    /// Whether it fires on `node`.
    #[must_use]
    pub fn state(&self, view: &View<'_>, node: &Node) -> TriggerState {
        let is_heard = view.hearing(node) == Hearing::Heard;
        let heard = view.health(node).filter(|_| is_heard);
        let now = view.snapshot.now;
        judge::state(now, node, heard, self.policy, self.trigger, &self.hash)
    }

    /// Whether its state rests on samples of the probe that runs: one that was
    /// started again tells what was before until it has its own.
    #[must_use]
    pub fn is_measured(&self, view: &View<'_>, node: &Node) -> bool {
        let health = view.health(node);
        self.trigger.signal.is_none() || health.is_some_and(|it| self.value(it).is_some())
    }

    fn value(&self, health: &NodeHealth) -> Option<Reading> {
        judge::trigger_status(health, self.policy, &self.trigger.name, &self.hash)?.value
    }

    fn since_command(&self, health: &NodeHealth) -> Option<Reading> {
        judge::trigger_status(health, self.policy, &self.trigger.name, &self.hash)?
            .value_since_command
    }
}

/// How long a proof may take after the remedy has settled, by what fired.
#[must_use]
pub fn limit(trigger: Option<&Trigger>) -> SignedDuration {
    let Some(signal) = trigger.and_then(|it| it.signal.as_ref()) else {
        return LIMIT_MIN;
    };
    let first = match signal.name {
        SignalName::ZombieMemcgGrowth => GROWTH_SPAN,
        _ => SignedDuration::ZERO,
    };
    // One more: the window in which the remedy ended proves nothing.
    let samples = i32::from(signal.samples) + 1;
    LIMIT_MIN.max(first + SAMPLE_MAX * samples)
}

/// What was measured before the remedy: the statistic, the condition or the
/// kernel that fired.
#[must_use]
pub fn before(view: &View<'_>, node: &Node, judged: &Judged<'_>) -> Option<Measurement> {
    let now = view.snapshot.now;
    if let Some(signal) = &judged.trigger.signal {
        let health = view.health(node)?;
        let at = judge::signal(health, signal.name)?.sampled_at.clone()?;
        let value = judged.value(health)?;
        return Some(measured(signal, value, judge::zombies(health, None), at));
    }
    Some(stated(node, judged.trigger, now))
}

/// The state of a trigger that is no signal, in its own words.
fn stated(node: &Node, trigger: &Trigger, now: Timestamp) -> Measurement {
    let Some(condition) = &trigger.condition else {
        return kernel_of(node, now);
    };
    let status = node
        .condition(&condition.type_)
        .map(|it| it.status.as_str());
    in_words(status.filter(|it| !it.is_empty()), now)
}

fn kernel_of(node: &Node, now: Timestamp) -> Measurement {
    in_words(node.kernel.as_ref().map(KernelVersion::as_str), now)
}

fn in_words(value: Option<&str>, now: Timestamp) -> Measurement {
    Measurement {
        signal: None,
        statistic: None,
        samples: None,
        value: record::cut(value.unwrap_or("unknown"), 64),
        zombie_memcgs: None,
        at: Time(now),
    }
}

/// Compares `before` with what was measured since the command ended at
/// `finished`, by the node's clock.
#[must_use]
pub fn since_command(
    view: &View<'_>,
    node: &Node,
    judged: &Judged<'_>,
    before: Option<&Measurement>,
    finished: Timestamp,
) -> Verdict {
    let Some(signal) = judged.trigger.signal.as_ref() else {
        return since_boot(view, node, judged, before);
    };
    let Some(health) = view.health(node) else {
        return Verdict::Waiting("the node's probe is not there any more".to_owned());
    };
    let Some(value) = judged.since_command(health) else {
        return Verdict::Waiting(format!(
            "waiting for {} samples of {} since the remedy",
            signal.samples, signal.name
        ));
    };
    compare(health, signal, value, before, finished)
}

/// The same over everything that was measured since the node booted: a probe
/// forgets what was before.
#[must_use]
pub fn since_boot(
    view: &View<'_>,
    node: &Node,
    judged: &Judged<'_>,
    before: Option<&Measurement>,
) -> Verdict {
    let state = judged.state(view, node);
    let trigger = judged.trigger;
    if state == TriggerState::Clear && judge::left_out(trigger, node).is_some() {
        // Nobody measures it here.
        return Verdict::Cured(kernel_of(node, view.snapshot.now));
    }
    if let Some(signal) = &trigger.signal {
        let health = view.health(node);
        let heard = health.filter(|_| state != TriggerState::Unknown);
        let known = heard.and_then(|health| Some((health, judged.value(health)?)));
        let Some((health, value)) = known else {
            return Verdict::Waiting(format!(
                "waiting for {} samples of {} since the boot",
                signal.samples, signal.name
            ));
        };
        return compare(health, signal, value, before, Timestamp::MIN);
    }
    let after = stated(node, trigger, view.snapshot.now);
    if let Some(condition) = &trigger.condition {
        return of_condition(node, condition, after);
    }
    match state {
        TriggerState::Clear => Verdict::Cured(after),
        TriggerState::Unknown => {
            let text = "waiting for the node's kubelet and probe to tell the kernel";
            Verdict::Waiting(text.to_owned())
        }
        TriggerState::Firing => {
            let remains = match &trigger.kernel {
                Some(kernel) => format!(
                    "the node still runs {}, older than {}",
                    after.value, kernel.at_least
                ),
                None => "the distribution still asks for a reboot".to_owned(),
            };
            Verdict::NotCured { after, remains }
        }
    }
}

fn of_condition(node: &Node, trigger: &ConditionTrigger, after: Measurement) -> Verdict {
    let type_ = &trigger.type_;
    match node.condition(type_) {
        None => Verdict::Waiting(format!("waiting for condition {type_} to be reported")),
        Some(condition) if condition.status == trigger.status.as_str() => Verdict::NotCured {
            after,
            remains: format!("condition {type_} is still {}", condition.status),
        },
        Some(condition) if judge::is_unknown(&condition.status) => Verdict::Waiting(format!(
            "condition {type_} is Unknown: waiting for it to be known"
        )),
        Some(_) => Verdict::Cured(after),
    }
}

fn compare(
    health: &NodeHealth,
    signal: &Signal,
    value: Reading,
    before: Option<&Measurement>,
    counted_after: Timestamp,
) -> Verdict {
    let zombies_before = before.and_then(|m| m.zombie_memcgs).map(|r| r.0.number());
    let zombies = judge::zombies(health, Some(counted_after));
    let bound = zombies_allowed(zombies_before);
    if bound.is_some() && zombies.is_none() {
        return Verdict::Waiting(
            "waiting for a count of zombie memcgs since the remedy".to_owned(),
        );
    }
    let at = judge::signal(health, signal.name)
        .and_then(|status| status.sampled_at.clone())
        .unwrap_or(Time(counted_after.max(Timestamp::UNIX_EPOCH)));
    let after = measured(signal, value, zombies, at);
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

fn measured(signal: &Signal, value: Reading, zombies: Option<u64>, at: Time) -> Measurement {
    Measurement {
        signal: Some(signal.name),
        statistic: Some(signal.statistic),
        samples: Some(u32::from(signal.samples)),
        value: value.to_string(),
        zombie_memcgs: zombies.map(|count| Reading(Quantity::Count(count))),
        at,
    }
}
