//! What the latest answer about a pod means: whether it may be asked again,
//! when, and why it is still there.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::cause::Cause;
use crate::judge::add;
use crate::{EvictionAnswer, Pod, Said};

const fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// A call takes 35 s at most; an answer that was lost is not waited for longer.
const ASKED: SignedDuration = seconds(60);
/// What was accepted shows in a watch long before this.
const SEEN: SignedDuration = seconds(30);
const UNKNOWN: SignedDuration = seconds(5);
const BUDGET: SignedDuration = seconds(5);
const STALE_BUDGET: SignedDuration = seconds(10);
const MANY_BUDGETS: SignedDuration = seconds(60);
const NAMESPACE: SignedDuration = seconds(60);
const REFUSED: SignedDuration = seconds(30);
const THROTTLED: SignedDuration = seconds(10);

/// What an answer means for the pod that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Whether the pod is on its way as far as anyone knows, and takes a place.
    pub is_on_its_way: bool,
    /// Not before this is the pod asked again.
    pub again_at: Timestamp,
    /// Why it is still there.
    pub cause: Option<Cause>,
    /// The budget, as namespace and name, that also holds up other pods: of
    /// those one is asked at a time.
    pub budget: Option<(String, String)>,
}

/// What `answer` means for `pod`. A deletion does not care for what forbade an
/// eviction.
#[must_use]
pub fn meaning(
    pod: &Pod,
    answer: Option<&EvictionAnswer>,
    delete: bool,
    now: Timestamp,
) -> Meaning {
    let mut meaning = Meaning {
        is_on_its_way: false,
        again_at: now,
        cause: None,
        budget: None,
    };
    let Some(answer) = answer else {
        return meaning;
    };
    if delete && is_about_evictions(answer.said) {
        return meaning;
    }
    meaning.again_at = add(came(answer, now), pause(answer.said));
    meaning.is_on_its_way = match answer.said {
        Said::Asked | Said::Accepted | Said::Gone | Said::Unknown => now < meaning.again_at,
        _ => false,
    };
    if let Some(asked) = answer.asked_again {
        meaning.again_at = add(asked.min(now), ASKED);
        meaning.is_on_its_way = now < meaning.again_at;
    }
    meaning.cause = cause(pod, answer);
    if matches!(answer.said, Said::Budget | Said::StaleBudget) {
        let name = answer.budget.clone();
        meaning.budget = name.map(|name| (pod.namespace.clone(), name));
    }
    meaning
}

/// Until when nobody is asked for anything, and why, if the API server wants
/// fewer calls.
#[must_use]
pub fn throttled(
    answers: &BTreeMap<String, EvictionAnswer>,
    now: Timestamp,
) -> Option<(Timestamp, Cause)> {
    let throttled = answers.values().filter(|it| it.said == Said::Throttled);
    let last = throttled.max_by_key(|it| came(it, now))?;
    let until = add(came(last, now), THROTTLED);
    (now < until).then(|| (until, Cause::throttled(&last.message)))
}

/// When an answer came; one from the future came now.
fn came(answer: &EvictionAnswer, now: Timestamp) -> Timestamp {
    answer.at.min(now)
}

const fn is_about_evictions(said: Said) -> bool {
    matches!(
        said,
        Said::Budget | Said::StaleBudget | Said::ManyBudgets | Said::NamespaceTerminating
    )
}

const fn pause(said: Said) -> SignedDuration {
    match said {
        Said::Asked => ASKED,
        Said::Accepted | Said::Gone => SEEN,
        Said::Unknown => UNKNOWN,
        Said::Budget => BUDGET,
        Said::StaleBudget => STALE_BUDGET,
        Said::ManyBudgets => MANY_BUDGETS,
        Said::NamespaceTerminating => NAMESPACE,
        Said::Refused => REFUSED,
        Said::Throttled => THROTTLED,
    }
}

fn cause(pod: &Pod, answer: &EvictionAnswer) -> Option<Cause> {
    let said = answer.message.as_str();
    match answer.said {
        Said::Asked | Said::Accepted | Said::Gone => None,
        Said::Budget | Said::StaleBudget => {
            let name = answer.budget.as_deref();
            Some(Cause::budget(&pod.namespace, name, said))
        }
        Said::ManyBudgets => Some(Cause::many_budgets(said)),
        Said::NamespaceTerminating => Some(Cause::namespace_terminating()),
        Said::Refused => Some(Cause::refused(said)),
        Said::Throttled => Some(Cause::throttled(said)),
        Said::Unknown => Some(Cause::unanswered(said)),
    }
}
