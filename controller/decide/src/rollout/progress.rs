//! How far a roll-out is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{NodeHealthPolicy, RolloutProgress, RolloutStage, Trigger};
use unstall_crds::remediation::{NodeRemediation, Outcome, Phase};

use super::canary::Canary;
use super::halt::{self, Halt};
use super::{forbid, pace, stage};
use crate::breaker::size;
use crate::view::{PolicyView, View};
use crate::{Node, incident, judge, record};

/// How many names a list holds at most.
const NAMES: usize = 10;

/// A roll-out, and where it stands.
#[derive(Debug, Clone)]
pub struct Rollout<'a> {
    /// The policy whose it is.
    pub policy: &'a NodeHealthPolicy,
    /// The trigger that it is.
    pub trigger: &'a Trigger,
    /// What the status says of it.
    pub progress: RolloutProgress,
    /// Whether it halted because signals got worse, rather than a node failed.
    pub is_worse: bool,
    /// The canary that is at work or was chosen.
    pub canary: Option<Canary<'a>>,
}

impl Rollout<'_> {
    /// Whether the stage follows from the record `it`: of a canary that has it, or of a node
    /// that failed. Each of them took a reboot, so that there are few.
    #[must_use]
    pub fn rests_on(&self, it: &NodeRemediation) -> bool {
        let counted = [
            Outcome::Fixed,
            Outcome::NotFixed,
            Outcome::Failed,
            Outcome::Recurred,
        ];
        let outcome = it.status.as_ref().and_then(|status| status.outcome);
        let since = self.progress.started_at.as_ref().map(|time| time.0);
        matches!(
            self.progress.stage,
            RolloutStage::Canary | RolloutStage::Baking | RolloutStage::Halted
        ) && outcome.is_some_and(|outcome| counted.contains(&outcome))
            && belongs(it, self.policy, self.trigger)
            && (self.progress.target.is_some() || is_of_wave(it, since))
    }
}

/// What is known of a roll-out while its stage is worked out.
pub struct Facts<'a, 'v> {
    pub view: &'v View<'a>,
    pub policy: &'v PolicyView<'a>,
    pub trigger: &'a Trigger,
    /// Covered nodes that need it.
    pub due: Vec<&'a Node>,
    /// Its incidents, in this wave.
    pub incidents: Vec<&'a NodeRemediation>,
    /// Nodes on which one of them is at work.
    pub at_work: BTreeSet<&'a str>,
    /// What the status said before.
    pub before: Option<&'a RolloutProgress>,
    /// The roll-outs of the policy that come before it.
    pub earlier: &'v [Rollout<'a>],
}

/// The roll-outs of `policy`.
#[must_use]
pub fn all<'a>(view: &View<'a>, policy: &PolicyView<'a>) -> Vec<Rollout<'a>> {
    let triggers = policy.policy.spec.triggers.iter().enumerate();
    let triggers =
        triggers.filter(|(_, trigger)| trigger.is_rollout() && !trigger.remedies.is_empty());
    let mut rollouts = Vec::new();
    for (index, trigger) in triggers {
        let rollout = one(view, policy, (index, trigger), &rollouts);
        rollouts.push(rollout);
    }
    rollouts
}

fn one<'a>(
    view: &View<'a>,
    policy: &PolicyView<'a>,
    (index, trigger): (usize, &'a Trigger),
    earlier: &[Rollout<'a>],
) -> Rollout<'a> {
    let in_state = |state| {
        let covered = policy.covered.iter().copied();
        covered.filter(move |node| policy.state(&node.name, index) == state)
    };
    let due: Vec<&Node> = in_state(TriggerState::Firing).collect();
    let target = target(trigger);
    let before = before(policy.policy, trigger, target.as_deref());
    let is_new_wave = before.is_some_and(|it| it.stage == RolloutStage::Complete)
        && !due.is_empty()
        && target.is_none();
    let before = before.filter(|_| !is_new_wave);
    let started_at = before.and_then(|it| it.started_at.clone());
    let now = Time(judge::whole_seconds(view.snapshot.now));
    let started_at = started_at.or_else(|| (!due.is_empty()).then_some(now));
    let since = started_at.as_ref().map(|time| time.0);
    let known: Vec<_> = view
        .incidents()
        .filter(|it| belongs(it, policy.policy, trigger))
        .collect();
    let of_wave = |it: &&NodeRemediation| target.is_some() || is_of_wave(it, since);
    let incidents: Vec<_> = known.iter().copied().filter(of_wave).collect();
    let open = incidents.iter().filter(|it| incident::is_open(it));
    let at_work = open.filter(|it| record::phase(it) != Phase::Pending);
    let at_work: BTreeSet<&str> = at_work.map(|it| it.spec.node_name.as_str()).collect();
    // What runs there is not proven before its incident is over.
    let done = in_state(TriggerState::Clear)
        .filter(|node| !at_work.contains(node.name.as_str()))
        .count();
    let mut facts = Facts {
        view,
        policy,
        trigger,
        due,
        incidents,
        at_work,
        before,
        earlier,
    };
    let halt = if before.is_none() && !is_new_wave {
        // Of a status that is gone, as a policy's that was made again, nobody knows which
        // wave halted.
        let incidents = std::mem::replace(&mut facts.incidents, known);
        let halt = halt::of(&facts);
        facts.incidents = incidents;
        halt
    } else {
        halt::of(&facts)
    };
    let stage = stage::of(&facts, done, halt.as_ref());
    let is_worse = halt.as_ref().is_some_and(|halt| halt.is_worse);
    let progress = progress(&facts, target, started_at, done, &stage, halt);
    let canary = stage
        .canary
        .filter(|_| progress.stage == RolloutStage::Canary);
    Rollout {
        policy: policy.policy,
        trigger,
        progress,
        is_worse,
        canary,
    }
}

fn progress(
    facts: &Facts<'_, '_>,
    target: Option<String>,
    started_at: Option<Time>,
    done: usize,
    stage: &stage::Stage<'_>,
    halt: Option<Halt>,
) -> RolloutProgress {
    let stuck = |node: &&&Node| {
        !facts.at_work.contains(node.name.as_str())
            && forbid::not_staged(facts.view, facts.trigger, node).is_some()
    };
    let (halted_at, mut halted_by, message) = match halt {
        Some(halt) => (Some(halt.at), halt.nodes, Some(halt.text)),
        None => (None, Vec::new(), stage.text.clone()),
    };
    // A node may have failed twice, and the API server refuses a status that names it twice.
    let mut named = BTreeSet::new();
    halted_by.retain(|node| named.insert(node.clone()));
    RolloutProgress {
        trigger: facts.trigger.name.clone(),
        target,
        stage: stage.stage,
        total: facts.policy.breaker.covered,
        done: size(done),
        in_progress: size(facts.at_work.len()),
        blocked: size(facts.due.iter().filter(stuck).count()),
        failed: size(halt::failed(facts).len()),
        started_at,
        baking_until: stage.baking_until.map(Time),
        estimated_completion: pace::completion(facts, stage.stage).map(Time),
        halted_at,
        halted_by: halted_by.into_iter().take(NAMES).collect(),
        message: message.map(|text| record::cut(&text, 256)),
    }
}

/// Whether an incident belongs to the wave that began at `since`: without a
/// target, nothing else tells one wave from the next. By the clock of the
/// controllers on both sides, which may not be that of the API server.
fn is_of_wave(it: &NodeRemediation, since: Option<Timestamp>) -> bool {
    let first = it.status.as_ref().and_then(|status| status.phases.first());
    let began = first.map(|phase| phase.started_at.0);
    incident::is_open(it) || since.is_none_or(|since| began.is_none_or(|began| began >= since))
}

/// Whether `remediation` is an incident of the roll-out, to the same target.
#[must_use]
pub fn belongs(
    remediation: &NodeRemediation,
    policy: &NodeHealthPolicy,
    trigger: &Trigger,
) -> bool {
    let spec = &remediation.spec;
    let opened_for = spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
    spec.policy_name.as_deref() == policy.metadata.name.as_deref()
        && opened_for.is_some_and(|it| it.name == trigger.name && target(it) == target(trigger))
}

/// The nodes that got it by an incident that was proven, the latest last.
pub fn fixed<'a>(facts: &Facts<'a, '_>) -> Vec<&'a NodeRemediation> {
    let incidents = facts.incidents.iter().copied();
    let outcome = |it: &NodeRemediation| it.status.as_ref().and_then(|status| status.outcome);
    let mut fixed: Vec<_> = incidents
        .filter(|it| outcome(it) == Some(Outcome::Fixed))
        .collect();
    fixed.sort_by_key(|it| (incident::completed_at(it), it.name_any()));
    fixed
}

/// What a trigger rolls out.
fn target(trigger: &Trigger) -> Option<String> {
    let kernel = trigger.kernel.as_ref()?;
    Some(kernel.at_least.as_str().to_owned())
}

/// What the status said of the same roll-out before.
fn before<'a>(
    policy: &'a NodeHealthPolicy,
    trigger: &Trigger,
    target: Option<&str>,
) -> Option<&'a RolloutProgress> {
    let mut rollouts = policy.status.as_ref()?.rollouts.iter();
    rollouts.find(|it| it.trigger == trigger.name && it.target.as_deref() == target)
}
