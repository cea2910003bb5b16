//! Whose turn it is: lower priority first, critical pods last, so many at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::answer::{self, Meaning};
use super::cause::Cause;
use super::outlook::Input;
use super::stance::Stance;
use crate::Pod;

/// The priority from which on Kubernetes calls a pod critical to the system
/// (`system-cluster-critical`): what the other pods need to end in order.
pub const CRITICAL: i32 = 2_000_000_000;

/// What becomes of a pod that has to leave, in this look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is asked now; a cause is what was answered before.
    Now(Option<Cause>),
    /// It was asked, and what became of it will be seen. Else it is asked again.
    Asked {
        again_at: Timestamp,
        cause: Option<Cause>,
    },
    /// It is asked again later; without a time, when another one was answered.
    Again {
        at: Option<Timestamp>,
        cause: Option<Cause>,
    },
    /// All places are taken.
    NoPlace(Option<Cause>),
    /// It is critical, and others are left.
    AfterOthers,
}

/// A pod that has to leave, and what the latest answer means for it.
struct Candidate<'a> {
    pod: &'a Pod,
    meaning: Meaning,
}

/// The turns of those of `pods` that leave, by their places in the list, which
/// is in the order of turns.
#[must_use]
pub fn turns(input: &Input, pods: &[(&Pod, Stance)]) -> BTreeMap<usize, Turn> {
    let candidates = candidates(input, pods);
    let leaving = pods
        .iter()
        .filter(|(_, stance)| matches!(stance, Stance::Leaving { .. }));
    let asked = candidates.values().filter(|it| it.meaning.is_on_its_way);
    let mut places = input
        .parallel
        .saturating_sub(leaving.count() + asked.count());
    let is_only_critical_left = pods
        .iter()
        .filter(|(_, stance)| !matches!(stance, Stance::Stays | Stance::Skipped))
        .filter(|(_, stance)| !matches!(stance, Stance::GivenUp(_)))
        .all(|(pod, _)| pod.priority >= CRITICAL);
    let throttled = answer::throttled(input.answers, input.now);
    let budgets = budgets(&candidates);
    let mut turns = BTreeMap::new();
    for (index, Candidate { pod, meaning }) in candidates {
        let mut turn = if meaning.is_on_its_way {
            Turn::Asked {
                again_at: meaning.again_at,
                cause: meaning.cause,
            }
        } else if pod.priority >= CRITICAL && !is_only_critical_left {
            Turn::AfterOthers
        } else if let Some((until, cause)) = &throttled {
            Turn::Again {
                at: Some(meaning.again_at.max(*until)),
                cause: meaning.cause.or_else(|| Some(cause.clone())),
            }
        } else {
            let group = meaning.budget.as_ref().and_then(|it| budgets.get(it));
            by_time(index, meaning, group, input.now)
        };
        if let Turn::Now(cause) = &mut turn {
            match places.checked_sub(1) {
                Some(rest) => places = rest,
                None => turn = Turn::NoPlace(cause.take()),
            }
        }
        turns.insert(index, turn);
    }
    turns
}

fn candidates<'a>(input: &Input, pods: &[(&'a Pod, Stance)]) -> BTreeMap<usize, Candidate<'a>> {
    let mut candidates = BTreeMap::new();
    for (index, (pod, stance)) in pods.iter().enumerate() {
        let Stance::Leaves { delete } = stance else {
            continue;
        };
        let answer = input.answers.get(&pod.uid);
        let meaning = answer::meaning(pod, answer, *delete, input.now);
        candidates.insert(index, Candidate { pod, meaning });
    }
    candidates
}

/// The pods that one budget holds up: who is asked next, and when. The others
/// would be answered the same.
struct Group {
    next: usize,
    asked_at: Timestamp,
    due: Timestamp,
}

fn budgets(candidates: &BTreeMap<usize, Candidate>) -> BTreeMap<(String, String), Group> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for (index, Candidate { meaning, .. }) in candidates {
        let Some(budget) = &meaning.budget else {
            continue;
        };
        let at = meaning.again_at;
        let group = groups.entry(budget.clone()).or_insert(Group {
            next: *index,
            asked_at: at,
            due: at,
        });
        group.due = group.due.max(at);
        // Who was asked longest ago: each has its turn.
        if at < group.asked_at {
            (group.next, group.asked_at) = (*index, at);
        }
    }
    groups
}

fn by_time(index: usize, meaning: Meaning, group: Option<&Group>, now: Timestamp) -> Turn {
    let due = group.map_or(meaning.again_at, |group| group.due);
    let cause = meaning.cause;
    if now < due {
        return Turn::Again {
            at: Some(due),
            cause,
        };
    }
    match group {
        Some(group) if group.next != index => Turn::Again { at: None, cause },
        _ => Turn::Now(cause),
    }
}
