//! What a roll-out forbids on a node.

use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{RolloutStage, Trigger};
use unstall_crds::units::KernelVersion;

use super::canary::Canary;
use super::{Rollout, worse};
use crate::Node;
use crate::no::No;
use crate::view::{PolicyView, View};

/// What `rollout` forbids on `node` now. A node on which something was done already
/// gets its next remedy whatever the others wait for: it may be why they do.
#[must_use]
pub fn forbids(view: &View<'_>, rollout: &Rollout<'_>, node: &Node, is_begun: bool) -> Vec<No> {
    let staged = not_staged(view, rollout.trigger, node);
    let stage = by_stage(view, rollout, node).filter(|_| !is_begun);
    staged.into_iter().chain(stage).collect()
}

/// What those of `earlier` forbid that `node` is due for too: a reboot for another roll-out
/// of the policy would carry them out as well, while their canaries bake or a human is to
/// look at them.
#[must_use]
pub fn by_earlier(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    earlier: &[Rollout<'_>],
    node: &Node,
) -> Option<No> {
    due(view, policy, earlier, node)
        .find_map(|rollout| goes_first(rollout, node).or_else(|| by_stage(view, rollout, node)))
}

/// The one of `earlier` whose canary `node` is, and can go: another's incident that has done
/// nothing yet gives way to it, or its canaries would be rebooted and not counted.
#[must_use]
pub fn first_on<'r, 'a>(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    earlier: &'r [Rollout<'a>],
    node: &Node,
) -> Option<&'r Rollout<'a>> {
    due(view, policy, earlier, node).find(|it| is_canary(it, node, |canary| canary.can_go))
}

/// Those of `earlier` that a reboot of `node` would carry out.
fn due<'r, 'a>(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    earlier: &'r [Rollout<'a>],
    node: &Node,
) -> impl Iterator<Item = &'r Rollout<'a>> {
    let staged = staged(view, node);
    earlier.iter().filter(move |rollout| {
        let known = policy.trigger(&rollout.trigger.name);
        let is_due =
            known.is_some_and(|(index, _)| policy.state(&node.name, index) == TriggerState::Firing);
        let kernel = rollout.trigger.kernel.as_ref();
        let is_other_boot = kernel
            .zip(staged)
            .is_some_and(|(kernel, staged)| *staged < kernel.at_least);
        is_due && !is_other_boot
    })
}

/// That `rollout` itself is to reboot `node`, its canary: by another the fleet would get it
/// node by node, each the canary for that time, and none of them watched.
fn goes_first(rollout: &Rollout<'_>, node: &Node) -> Option<No> {
    is_canary(rollout, node, |_| true).then(|| {
        let text = format!(
            "roll-out {} goes first, and the node is its canary",
            rollout.progress.trigger
        );
        No::new(BlockedReason::CanariesFirst, text)
    })
}

fn is_canary(rollout: &Rollout<'_>, node: &Node, is_one: impl Fn(&Canary<'_>) -> bool) -> bool {
    let canary = rollout.canary.as_ref();
    canary.is_some_and(|it| it.node == node.name && is_one(it))
}

/// What the stage of `rollout` forbids on `node`.
fn by_stage(view: &View<'_>, rollout: &Rollout<'_>, node: &Node) -> Option<No> {
    let progress = &rollout.progress;
    let text = progress.message.clone().unwrap_or_default();
    match progress.stage {
        RolloutStage::Halted => {
            let text = format!(
                "roll-out {} is halted: {text}; resume it in the ledger (resumeRollouts)",
                progress.trigger
            );
            Some(No::new(BlockedReason::RolloutHalted, text))
        }
        RolloutStage::Baking => {
            let no = No::new(BlockedReason::CanaryBaking, text);
            let until = progress.baking_until.as_ref();
            Some(match until.filter(|until| until.0 > view.snapshot.now) {
                Some(until) => no.until(until.0),
                None => no,
            })
        }
        RolloutStage::Canary if !is_canary(rollout, node, |_| true) => {
            Some(No::new(BlockedReason::CanariesFirst, text))
        }
        RolloutStage::Canary | RolloutStage::Rolling | RolloutStage::Complete => None,
    }
}

/// Why nobody could tell whether a canary got worse. Also of a node that is none now: what it
/// waits for decides whether it is one again.
#[must_use]
pub fn not_comparable(view: &View<'_>, rollout: &Rollout<'_>, node: &Node) -> Option<No> {
    if rollout.progress.stage != RolloutStage::Canary {
        return None;
    }
    let signal = worse::not_told(view, rollout.policy, node)?;
    let text = format!(
        "rollout.haltOnWorse.signals: the probe does not tell {signal} of {}, so that nobody could see it get worse; \
         remove it from the list if this kernel does not give it",
        node.name
    );
    Some(No::new(BlockedReason::SignalUnknown, text))
}

/// Why a node's next boot would not run what the roll-out wants, if the trigger
/// asks for that to be known.
#[must_use]
pub fn not_staged(view: &View<'_>, trigger: &Trigger, node: &Node) -> Option<No> {
    let kernel = trigger.kernel.as_ref().filter(|it| it.require_staged)?;
    let text = match staged(view, node) {
        Some(staged) if *staged >= kernel.at_least => return None,
        Some(staged) => format!(
            "the next boot would run {staged}, older than {}: install the kernel on the node",
            kernel.at_least
        ),
        None => format!(
            "the probe cannot tell which kernel the next boot would run (the chart's probe.hostState lets it): install {} or newer, or write requireStaged: false",
            kernel.at_least
        ),
    };
    Some(No::new(BlockedReason::KernelNotStaged, text))
}

/// The kernel that the node's next boot would run, if that is known.
fn staged<'a>(view: &View<'a>, node: &Node) -> Option<&'a KernelVersion> {
    let status = view.health(node)?.status.as_ref()?;
    status.kernel.as_ref()?.staged.as_ref()
}
