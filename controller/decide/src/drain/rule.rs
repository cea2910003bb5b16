//! Which rule counts for a pod, and which of its steps the clock is at.

use std::time::Duration;

use unstall_crds::policy::{Drain, DrainAction, DrainRule};

use crate::Pod;

/// What the rules say of a pod now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<'a> {
    /// The first rule that matches the pod.
    pub rule: Option<&'a DrainRule>,
    /// What is done about it now.
    pub action: DrainAction,
    /// When, counted from the beginning of the drain, the next step begins.
    pub until: Option<Duration>,
}

/// What the rules say of `pod` when the drain has lasted `elapsed`. A pod that
/// comes later is at the same step as those that were there.
#[must_use]
pub fn order<'a>(drain: &'a Drain, pod: &Pod, elapsed: Duration) -> Order<'a> {
    let rule = drain.rules.iter().find(|rule| matches(rule, pod));
    let mut order = Order {
        rule,
        action: DrainAction::Evict,
        until: None,
    };
    let Some(rule) = rule else {
        return order;
    };
    // A rule without steps, which the API refuses, asks for nothing to be done.
    order.action = DrainAction::Wait;
    let mut end = Duration::ZERO;
    for (number, step) in rule.steps.iter().enumerate() {
        order.action = step.action;
        let lasts = step.r#for.as_ref().filter(|_| !step.action.is_final());
        let is_last = number + 1 == rule.steps.len();
        let Some(lasts) = lasts.filter(|_| !is_last) else {
            break;
        };
        end = end.saturating_add(lasts.get());
        if elapsed < end {
            order.until = Some(end);
            break;
        }
    }
    order
}

/// Whether the rule is about pods like this one, and not about all: then it
/// also decides about a pod that asks not to be disrupted.
#[must_use]
pub const fn is_specific(rule: &DrainRule) -> bool {
    rule.pod_selector.is_some() || rule.namespaces.is_some()
}

fn matches(rule: &DrainRule, pod: &Pod) -> bool {
    let selector = rule.pod_selector.as_ref();
    let namespaces = rule.namespaces.as_ref();
    selector.is_none_or(|selector| selector.matches(&pod.labels))
        && namespaces.is_none_or(|namespaces| namespaces.contains(&pod.namespace))
}
