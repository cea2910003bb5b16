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

/// What would be done to a node.
pub struct Foreseen {
    /// As the status says it.
    pub forecast: Forecast,
    /// Whether nothing stands before it but time, and others that go first.
    pub is_next: bool,
}

/// What would be done, in this order.
pub fn of<'a>(view: &'a View<'a>, policy: &'a PolicyView<'a>, usage: &Usage<'a>) -> Vec<Foreseen> {
    // What is forecast for one node is not there for the next.
    let mut taken = usage.clone();
    let mut last: Option<String> = None;
    let calls = order::calls(view, Mode::Observe);
    let own = calls
        .into_iter()
        .filter(|(_, call)| call.policy.name == policy.name);
    let mut all: Vec<Foreseen> = Vec::new();
    for (node, call) in own.take(WORKED_OUT) {
        let mut foreseen = all.iter().filter(|it| it.is_next);
        if foreseen.any(|it| it.forecast.node == node.name) {
            // Another roll-out of the policy takes it.
            continue;
        }
        let Some((remedy, kind)) = incident::first_remedy(&call) else {
            continue;
        };
        let reasons = reasons(view, usage, node, &call, kind);
        let why_not = reasons.iter().find(|no| no.until.is_none() && !is_turn(no));
        let before = guard::forbids(view, &taken, &ask(node, &call, kind));
        let after = last.as_ref().filter(|_| is_behind(&reasons, &before));
        let at = match (why_not, after) {
            (None, None) => when(view, policy, &reasons, kind),
            _ => None,
        };
        let verb = verb(kind, &node.name);
        let message = match (why_not, after, at) {
            (Some(no), ..) => format!("would {verb}, but: {}", no.text),
            (None, Some(last), _) => format!("would {verb} after {last}"),
            (None, None, Some(at)) => {
                format!("would {verb} {}", text_of(view, policy, &reasons, at))
            }
            (None, None, None) => {
                let why = reasons
                    .first()
                    .map_or("others go first", |no| no.text.as_str());
                format!("would {verb}, but: {why}")
            }
        };
        let is_next = at.is_some() || (why_not.is_none() && after.is_some());
        if is_next {
            let slot = if kind.is_disruptive() {
                SlotKind::Disruptive
            } else {
                SlotKind::InPlace
            };
            taken.take(view, node, slot);
            last = Some(node.name.clone());
        }
        let mut forecast = Forecast {
            node: node.name.clone(),
            trigger: call.trigger.name.clone(),
            remedy: remedy.name.clone(),
            action: kind,
            at: at.map(|at| Time(judge::whole_seconds(at))),
            blocked_by: once_each(&reasons),
            message: Some(record::cut(&message, SENTENCE)),
        };
        keep_time(view, policy, &mut forecast);
        all.push(Foreseen { forecast, is_next });
    }
    all
}

/// Whether a reason ends when others had their turn.
fn is_turn(no: &No) -> bool {
    no.reason == BlockedReason::CanariesFirst
}

/// Whether others go first: by the order of the roll-out, or because they take
/// what there is; `before` is what forbids it beside them.
fn is_behind(reasons: &[No], before: &[No]) -> bool {
    let is_new = |no: &No| reasons.iter().all(|known| known.reason != no.reason);
    reasons.iter().any(is_turn) || before.iter().any(is_new)
}

/// When, and what it waits for where that is not the windows alone.
fn text_of(view: &View<'_>, policy: &PolicyView<'_>, reasons: &[No], at: Timestamp) -> String {
    let now = view.snapshot.now;
    if at <= now {
        return "now".to_owned();
    }
    let windows = [BlockedReason::OutsideWindow, BlockedReason::ExcludedTime];
    let others = reasons.iter().filter(|no| !windows.contains(&no.reason));
    // What ends last.
    let why = others.max_by_key(|no| no.until);
    let why = why.map_or(String::new(), |no| format!(" ({})", no.text));
    let windows = &policy.policy.spec.disruption.windows;
    format!("at {}{why}", window::local(at, now, windows))
}

/// What could begin at a time that has come could begin since then; otherwise the
/// status would change with every look.
fn keep_time(view: &View<'_>, policy: &PolicyView<'_>, new: &mut Forecast) {
    let now = view.snapshot.now;
    let has_come = |at: &Option<Time>| at.as_ref().is_some_and(|at| at.0 <= now);
    let status = policy.policy.status.as_ref();
    let mut before = status.into_iter().flat_map(|status| &status.forecast);
    let before = before
        .find(|it| it.node == new.node && it.trigger == new.trigger && it.remedy == new.remedy);
    if has_come(&new.at)
        && let Some(before) = before.filter(|before| has_come(&before.at))
    {
        new.at.clone_from(&before.at);
    }
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
        && let Some(used_up) = ladder::used_up(view, node, remedy)
    {
        let no = No::new(BlockedReason::RemedyExhausted, used_up.text);
        reasons.push(match used_up.until {
            Some(until) => no.until(until),
            None => no,
        });
    }
    if kind == RemedyKind::Reboot {
        reasons.extend(held_up(view, node, call));
    }
    reasons
}

/// What would hold the node's drain up.
fn held_up(view: &View<'_>, node: &Node, call: &Call<'_, '_>) -> Vec<No> {
    let Some(pods) = view.snapshot.pods.get(&node.name) else {
        let text =
            "the node's pods are not known, so that nobody can tell what would hold its drain up";
        return vec![No::new(BlockedReason::PodsUnknown, text)];
    };
    let drain = &call.policy.policy.spec.drain;
    let budgets = view.snapshot.budgets.as_deref();
    let held_up = drain::forecast(drain, pods, budgets).into_iter();
    held_up.map(No::from).collect()
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
