//! What a policy in Observe would do: whom next, when, and whom not.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::ledger::SlotKind;
use unstall_crds::policy::{Forecast, Mode, RemedyKind};

use super::whole::SENTENCE;
use crate::guard::{self, Ask};
use crate::incident::{self, Call};
use crate::no::No;
use crate::usage::Usage;
use crate::view::{PolicyView, View};
use crate::{Node, drain, judge, ladder, order, record, window};

/// How many are listed, and how many reasons each of them has at most.
pub const LISTED: usize = 32;
const REASONS: usize = 16;
/// How many are worked out, so that a fleet that is due as a whole costs no more.
const WORKED_OUT: usize = 128;

/// What would be done, in this order.
pub fn of<'a>(view: &'a View<'a>, policy: &'a PolicyView<'a>, usage: &Usage<'a>) -> Vec<Forecast> {
    // What is forecast for one node is not there for the next.
    let mut taken = usage.clone();
    let mut last: Option<String> = None;
    let calls = order::calls(view, Mode::Observe);
    let own = calls
        .into_iter()
        .filter(|(_, call)| call.policy.name == policy.name);
    let mut forecasts = Vec::new();
    for (node, call) in own.take(WORKED_OUT) {
        let Some((remedy, kind)) = incident::first_remedy(&call) else {
            continue;
        };
        let reasons = reasons(view, usage, node, &call, kind);
        let then =
            reasons.is_empty() && !guard::forbids(view, &taken, &ask(node, &call, kind)).is_empty();
        let at = if then {
            None
        } else {
            when(view, policy, &reasons, kind)
        };
        let is_next = at.is_some() || then;
        let verb = verb(kind, &node.name);
        let message = match (&at, &last, reasons.first()) {
            (_, Some(last), _) if then => format!("would {verb} after {last}"),
            (Some(at), _, None) if *at <= view.snapshot.now => format!("would {verb} now"),
            (Some(at), _, why) => {
                let windows = &policy.policy.spec.disruption.windows;
                let time = window::local(*at, view.snapshot.now, windows);
                let why = why.map_or(String::new(), |no| format!(" ({})", no.text));
                format!("would {verb} at {time}{why}")
            }
            (None, _, Some(no)) => format!("would {verb}, but: {}", no.text),
            (None, _, None) => format!("would {verb} after others"),
        };
        if is_next {
            let slot = if kind.is_disruptive() {
                SlotKind::Disruptive
            } else {
                SlotKind::InPlace
            };
            taken.take(view, node, slot);
            last = Some(node.name.clone());
        }
        forecasts.push(Forecast {
            node: node.name.clone(),
            trigger: call.trigger.name.clone(),
            remedy: remedy.name.clone(),
            action: kind,
            at: at.map(|at| Time(judge::whole_seconds(at))),
            blocked_by: once_each(&reasons),
            message: Some(record::cut(&message, SENTENCE)),
        });
    }
    forecasts
}

fn ask<'x>(node: &'x Node, call: &Call<'x, 'x>, kind: RemedyKind) -> Ask<'x> {
    let remedy = incident::first_remedy(call).map(|(remedy, _)| remedy);
    Ask {
        node,
        policy: &call.policy.name,
        trigger: Some(call.trigger),
        remedy: remedy.unwrap_or(&call.policy.policy.spec.remedies[0]),
        kind,
        incident: None,
        is_begun: false,
    }
}

fn reasons(
    view: &View<'_>,
    usage: &Usage<'_>,
    node: &Node,
    call: &Call<'_, '_>,
    kind: RemedyKind,
) -> Vec<No> {
    let mut reasons = guard::forbids(view, usage, &ask(node, call, kind));
    if let Some(other) = view.open_on(&node.name).first() {
        let text = format!("incident {} is not over", other.name_any());
        reasons.insert(0, No::new(BlockedReason::OtherIncident, text));
    }
    if let Some((remedy, _)) = incident::first_remedy(call)
        && let Some(used_up) = ladder::used_up(view.snapshot, node, remedy)
    {
        let no = No::new(BlockedReason::RemedyExhausted, used_up.text);
        reasons.push(match used_up.until {
            Some(until) => no.until(until),
            None => no,
        });
    }
    if kind == RemedyKind::Reboot
        && let Some(pods) = view.snapshot.pods.get(&node.name)
    {
        let drain = &call.policy.policy.spec.drain;
        let budgets = view.snapshot.budgets.as_deref();
        let held_up = drain::forecast(drain, pods, budgets);
        reasons.extend(held_up.into_iter().map(No::from));
    }
    reasons
}

/// The earliest time at which it could begin; `None` where nobody knows.
fn when(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    reasons: &[No],
    kind: RemedyKind,
) -> Option<Timestamp> {
    let now = view.snapshot.now;
    let mut at = now;
    for no in reasons {
        at = at.max(no.until?);
    }
    let windows = &policy.policy.spec.disruption.windows;
    if at > now && window::binds(windows, kind) {
        return window::next_open(windows, at);
    }
    Some(at)
}

/// What would be done to a node, in words.
fn verb(kind: RemedyKind, node: &str) -> String {
    match kind {
        RemedyKind::DropCaches => format!("drop caches on {node}"),
        RemedyKind::Reboot => format!("reboot {node}"),
        RemedyKind::Cordon => format!("cordon {node}"),
        RemedyKind::HandOver => format!("hand {node} over"),
    }
}

/// The reasons in their order, each once: two policies may have the same one.
fn once_each(reasons: &[No]) -> Vec<BlockedReason> {
    let mut once = Vec::new();
    for no in reasons {
        if !once.contains(&no.reason) && once.len() < REASONS {
            once.push(no.reason);
        }
    }
    once
}
