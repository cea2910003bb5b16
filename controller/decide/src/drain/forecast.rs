//! What would hold a drain up now.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::core::{Selector, SelectorExt};
use unstall_crds::policy::Drain;

use super::cause::{self, Cause};
use super::outlook::Blocked;
use super::rule;
use super::stance::{self, Stance};
use crate::{DisruptionBudget, Pod, PodPhase};

/// What would hold up a drain of a node with these `pods` if it began now, the
/// most important first. Nothing is asked for; where the budgets are not known
/// nothing is said of them.
///
/// Several pods of one budget that allows one eviction are no blocker: they go
/// one after the other.
#[must_use]
pub fn forecast(drain: &Drain, pods: &[Pod], budgets: Option<&[DisruptionBudget]>) -> Vec<Blocked> {
    let budgets = by_namespace(budgets.unwrap_or_default());
    let causes = pods.iter().filter_map(|pod| {
        let cause = obstacle(drain, pod, &budgets)?;
        Some((pod, cause))
    });
    cause::blockers(causes)
}

type Budgets<'a> = BTreeMap<&'a str, Vec<(Selector, &'a DisruptionBudget)>>;

fn by_namespace(budgets: &[DisruptionBudget]) -> Budgets<'_> {
    let mut known = Budgets::new();
    for budget in budgets {
        // None selects no pod; one that cannot be understood neither, as the
        // API server has it.
        let selector = budget.selector.clone().map(Selector::try_from);
        if let Some(Ok(selector)) = selector {
            let all = known.entry(&budget.namespace).or_default();
            all.push((selector, budget));
        }
    }
    for all in known.values_mut() {
        all.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    }
    known
}

fn obstacle(drain: &Drain, pod: &Pod, budgets: &Budgets) -> Option<Cause> {
    if stance::stays(pod) || pod.deleting.is_some() {
        return None;
    }
    let order = rule::order(drain, pod, Duration::ZERO);
    match stance::present(drain, pod, order) {
        Stance::Held(cause) => Some(cause),
        Stance::Aborts(_) => order.rule.map(|rule| Cause::would_abort(&rule.name)),
        Stance::Leaves { delete: false } => forbidden(pod, budgets),
        _ => None,
    }
}

/// What budgets say of the eviction of `pod`, by the API server's own rules.
fn forbidden(pod: &Pod, budgets: &Budgets) -> Option<Cause> {
    if pod.is_finished() || pod.phase == PodPhase::Pending {
        return None;
    }
    let all = budgets.get(pod.namespace.as_str())?;
    let mut selecting = all
        .iter()
        .filter(|(selector, _)| selector.matches(&pod.labels))
        .map(|(_, budget)| *budget);
    let first = selecting.next()?;
    let others: Vec<_> = selecting.collect();
    if !others.is_empty() {
        let all = std::iter::once(first).chain(others);
        let names: Vec<_> = all
            .map(|budget| format!("{}/{}", budget.namespace, budget.name))
            .collect();
        return Some(Cause::would_be_many(&names));
    }
    let is_exempt = !pod.ready && first.allows_unready;
    (first.allowed <= 0 && !is_exempt).then(|| Cause::would_forbid(first))
}
