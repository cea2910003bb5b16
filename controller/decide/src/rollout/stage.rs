//! Which stage a roll-out is in.

use jiff::Timestamp;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::RolloutStage;
use unstall_crds::remediation::{NodeRemediation, Outcome, Phase};

use super::canary::Canary;
use super::halt::Halt;
use super::progress::{Facts, fixed};
use super::{canary, forbid, worse};
use crate::judge::{add, signed};
use crate::{incident, record};

/// A stage, and what belongs to it.
pub struct Stage<'a> {
    pub stage: RolloutStage,
    pub baking_until: Option<Timestamp>,
    pub canary: Option<Canary<'a>>,
    pub text: Option<String>,
}

pub fn of<'a>(facts: &Facts<'a, '_>, done: usize, halt: Option<&Halt>) -> Stage<'a> {
    let plain = |stage| Stage {
        stage,
        baking_until: None,
        canary: None,
        text: None,
    };
    if halt.is_some() {
        return plain(RolloutStage::Halted);
    }
    let wanted = usize::from(facts.policy.policy.spec.rollout.canaries);
    if facts.due.is_empty() && facts.at_work.is_empty() {
        if let Some(bake) = bake(facts).filter(|_| is_amid_canaries(facts, done)) {
            return bake;
        }
        let is_whole = done == facts.policy.covered.len() || is_wave_over(facts);
        let is_complete = done > 0 && is_whole;
        let mut stage = plain(if is_complete {
            RolloutStage::Complete
        } else {
            match facts.before.map(|it| it.stage) {
                // Somebody resumed it, and nothing is due.
                Some(RolloutStage::Halted) if fixed(facts).len() < wanted => RolloutStage::Canary,
                Some(RolloutStage::Halted) => RolloutStage::Rolling,
                Some(stage) => stage,
                None => RolloutStage::Canary,
            }
        });
        if !is_complete || done < facts.policy.covered.len() {
            stage.text = Some(match facts.policy.covered.len() - done {
                0 => "the policy covers no node".to_owned(),
                left => format!("of {left} nodes it is not known whether they have it"),
            });
        }
        return stage;
    }
    let passed = [RolloutStage::Rolling, RolloutStage::Complete];
    if wanted == 0 || facts.before.is_some_and(|it| passed.contains(&it.stage)) {
        return plain(RolloutStage::Rolling);
    }
    canaries(facts, wanted).unwrap_or_else(|| plain(RolloutStage::Rolling))
}

/// The stage while canaries are on or bake; `None` once they have passed.
fn canaries<'a>(facts: &Facts<'a, '_>, wanted: usize) -> Option<Stage<'a>> {
    let fixed = fixed(facts);
    let next = (fixed.len() < wanted).then(|| next(facts));
    if let Some(next) = next.filter(|next| next.is_some() || fixed.is_empty()) {
        let text = match next {
            Some(Canary { node, .. }) => format!(
                "canary {} of {wanted} is {node}",
                (fixed.len() + 1).min(wanted)
            ),
            None => {
                "no node that needs it matches rollout.canarySelector; label one, or write canaries: 0"
                    .to_owned()
            }
        };
        return Some(Stage {
            stage: RolloutStage::Canary,
            baking_until: None,
            canary: next,
            text: Some(text),
        });
    }
    bake(facts)
}

/// Whether a canary has it and the stage of canaries was not over, of a roll-out that
/// some nodes may still need.
fn is_amid_canaries(facts: &Facts<'_, '_>, done: usize) -> bool {
    let stage = facts.before.map(|it| it.stage);
    let is_amid = matches!(stage, Some(RolloutStage::Canary | RolloutStage::Baking));
    is_amid && done < facts.policy.covered.len()
}

/// Whether nobody is waited for who does not tell, though nobody asks: without a target
/// they may be the first of another wave once they do. One on which this wave failed or
/// is under way belongs to it.
fn is_wave_over(facts: &Facts<'_, '_>) -> bool {
    let mut triggers = facts.policy.policy.spec.triggers.iter();
    let index = triggers.position(|it| it.name == facts.trigger.name);
    let has_it = |node: &str| {
        index.is_some_and(|index| facts.policy.state(node, index) == TriggerState::Clear)
    };
    let outcome = |it: &NodeRemediation| it.status.as_ref().and_then(|status| status.outcome);
    let mut left = facts.incidents.iter().filter(|it| {
        let node = &it.spec.node_name;
        // Of a node that is gone nothing more is awaited.
        outcome(it) != Some(Outcome::Fixed) && facts.policy.covers(node) && !has_it(node)
    });
    facts.trigger.kernel.is_none() && left.next().is_none()
}

/// The stage while the canaries that have it are watched.
fn bake<'a>(facts: &Facts<'a, '_>) -> Option<Stage<'a>> {
    let fixed = fixed(facts);
    let last = fixed.last().and_then(|it| incident::completed_at(it))?;
    let until = add(last, signed(facts.policy.policy.spec.rollout.bake.get()));
    let baking = |text| Stage {
        stage: RolloutStage::Baking,
        baking_until: Some(until),
        canary: None,
        text: Some(text),
    };
    if facts.view.snapshot.now < until {
        return Some(baking(format!("the canaries are watched until {until:.0}")));
    }
    let blind = worse::unknown(facts)?;
    Some(baking(format!(
        "the canaries are watched until their signals are known: {blind}"
    )))
}

/// The canary that is at work, or waits and can go, else the node that goes next.
fn next<'a>(facts: &Facts<'a, '_>) -> Option<Canary<'a>> {
    let is_by_earlier = |it: &NodeRemediation| {
        let node = facts.view.node(&it.spec.node_name);
        let by = |node| forbid::by_earlier(facts.view, facts.policy, facts.earlier, node);
        record::phase(it) == Phase::Pending && node.and_then(by).is_some()
    };
    let is_held = |it: &NodeRemediation| {
        it.status.as_ref().is_some_and(|status| {
            incident::is_held_by_its_node(status) || incident::is_held_with_its_zone(status)
        }) || is_by_earlier(it)
    };
    let open = facts.incidents.iter();
    let open = open.filter(|it| incident::is_open(it) && !is_held(it));
    match open.min_by_key(|it| record::phase(it) == Phase::Pending) {
        Some(first) => Some(Canary {
            node: &first.spec.node_name,
            can_go: true,
        }),
        None => canary::choose(facts),
    }
}
