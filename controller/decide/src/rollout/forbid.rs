//! What a roll-out forbids on a node.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{RolloutStage, Trigger};
use unstall_crds::units::KernelVersion;

use super::{Rollout, worse};
use crate::Node;
use crate::no::No;
use crate::view::View;

/// What `rollout` forbids on `node` now. A node on which something was done already
/// gets its next remedy whatever the others wait for: it may be why they do.
#[must_use]
pub fn forbids(view: &View<'_>, rollout: &Rollout<'_>, node: &Node, is_begun: bool) -> Vec<No> {
    let progress = &rollout.progress;
    let text = progress.message.clone().unwrap_or_default();
    let staged = not_staged(view, rollout.trigger, node);
    let stage = match progress.stage {
        _ if is_begun => None,
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
        RolloutStage::Canary if rollout.canary != Some(node.name.as_str()) => {
            Some(No::new(BlockedReason::CanariesFirst, text))
        }
        RolloutStage::Canary => not_comparable(view, rollout, node),
        RolloutStage::Rolling | RolloutStage::Complete => None,
    };
    staged.into_iter().chain(stage).collect()
}

/// Why nobody could tell whether a canary got worse.
fn not_comparable(view: &View<'_>, rollout: &Rollout<'_>, node: &Node) -> Option<No> {
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
    let health = view.health(node).and_then(|it| it.status.as_ref());
    let staged: Option<&KernelVersion> = health
        .and_then(|status| status.kernel.as_ref())
        .and_then(|kernel| kernel.staged.as_ref());
    let text = match staged {
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
