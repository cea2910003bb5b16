//! One step of one incident: what it looks at, and what it ends with.

use kube::ResourceExt;
use unstall_crds::policy::Trigger;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, Origin, Outcome, Phase};

use super::rewind::rewind;
use crate::usage::Usage;
use crate::view::View;
use crate::{Action, Node, incident, ladder, record};

/// One incident, and what this step does to it.
pub struct Step<'a, 'u> {
    pub(super) view: &'a View<'a>,
    pub(super) remediation: &'a NodeRemediation,
    pub(super) node: &'a Node,
    pub(super) usage: &'u mut Usage<'a>,
    pub(super) name: String,
    /// The policy that supplies the ladder; empty where it is gone.
    pub(super) policy: String,
    /// What opened it; none where a human did.
    pub(super) trigger: Option<&'a Trigger>,
    pub(super) status: NodeRemediationStatus,
    pub(super) actions: Vec<Action>,
}

/// What a step comes to.
pub struct Outcomes {
    /// The writes, in their order.
    pub actions: Vec<Action>,
    /// The status after it.
    pub status: NodeRemediationStatus,
}

/// Advances `remediation` by one step.
#[must_use]
pub fn advance<'a>(
    view: &'a View<'a>,
    remediation: &'a NodeRemediation,
    usage: &mut Usage<'a>,
) -> Outcomes {
    let before = remediation.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.observed_generation = remediation.metadata.generation;
    if remediation.spec.policy.is_some() {
        // Else that is what is written first.
        rewind(&mut status, view.snapshot.now);
    }
    let name = remediation.name_any();
    let spec = &remediation.spec;
    let node = view.node(&spec.node_name);
    let slot = view.slot(&spec.node_name);
    let slot = slot.filter(|slot| slot.remediation == name);
    // Whoever asks by hand may leave the UID out; the slot has it.
    let is_same = |node: &&Node| {
        spec.node_uid.as_ref().is_none_or(|uid| *uid == node.uid)
            && slot.is_none_or(|slot| slot.node_uid == node.uid)
    };
    let (status, mut actions) = match node.filter(is_same) {
        Some(node) => {
            let mut step = Step {
                view,
                remediation,
                node,
                usage,
                name: name.clone(),
                policy: policy_of(view, remediation),
                trigger: spec.policy.as_ref().and_then(|it| it.trigger.as_ref()),
                status,
                actions: Vec::new(),
            };
            let before = step.status.phase;
            step.run();
            step.take_back_order(before);
            (step.status, step.actions)
        }
        None => gone(view, remediation, node, status),
    };
    if is_approval_in_use(view, &name, &before, &status) {
        return Outcomes {
            actions: Vec::new(),
            status: before,
        };
    }
    if status != before {
        // Before what is done to the node, so that it is on record first; after
        // a slot, so that a phase never stands without one.
        let at = actions.iter().position(|it| is_deed(it, &status));
        let write = Action::SetStatus {
            remediation: name,
            status: Box::new(status.clone()),
            seen: remediation.resource_version(),
        };
        actions.insert(at.unwrap_or(actions.len()), write);
    }
    Outcomes { actions, status }
}

/// Whether it is done to a node, and must be on record before.
const fn is_deed(action: &Action, status: &NodeRemediationStatus) -> bool {
    match action {
        Action::SendCommand { .. }
        | Action::Evict(_)
        | Action::DeletePod(_)
        | Action::HandOver { .. } => true,
        // What is over is not looked at again.
        Action::TakeBack { .. } => status.outcome.is_none(),
        _ => false,
    }
}

/// Whether the approval of a rung that would end now still stands in the ledger: it
/// must be gone before the next rung asks for one.
fn is_approval_in_use(
    view: &View<'_>,
    name: &str,
    before: &NodeRemediationStatus,
    after: &NodeRemediationStatus,
) -> bool {
    let approved = record::current_rung(before).filter(|rung| rung.approved_by.is_some());
    let ledger = view.snapshot.ledger.iter();
    let mut words = ledger.flat_map(|it| &it.spec.approve);
    approved.is_some()
        && after.outcome.is_none()
        && record::current_rung(after).is_none()
        && words.any(|word| word == name)
}

/// The node of an incident is gone, is another one by now, or never was.
fn gone(
    view: &View<'_>,
    remediation: &NodeRemediation,
    node: Option<&Node>,
    mut status: NodeRemediationStatus,
) -> (NodeRemediationStatus, Vec<Action>) {
    let spec = &remediation.spec;
    // One whose API denies it for as long as it was handed over stays there.
    let deadline = status.phase_deadline.as_ref();
    let is_late = deadline.is_some_and(|it| view.snapshot.now > it.0);
    let ledger = view.snapshot.ledger.iter();
    let mut released = ledger.flat_map(|it| &it.spec.release);
    let is_given_up = is_late || released.any(|it| *it == spec.node_name);
    let template = ladder::template_at_work(remediation, &status);
    let template = template.filter(|_| !is_given_up);
    let taken_back = template.map(|template| Action::TakeBack {
        node: spec.node_name.clone(),
        remediation: remediation.name_any(),
        template,
    });
    let (outcome, text) = if node.is_none() && spec.policy.is_none() {
        let text = format!("spec.nodeName: there is no node {}", spec.node_name);
        (Outcome::Aborted, text)
    } else {
        let text = "the node is gone, or was made again under the same name";
        (Outcome::Superseded, text.to_owned())
    };
    record::end(&mut status, outcome, view.snapshot.now, &text);
    (status, taken_back.into_iter().collect())
}

/// The name of the policy that supplies the ladder: an incident that a human made
/// holds its UID alone.
fn policy_of(view: &View<'_>, remediation: &NodeRemediation) -> String {
    let spec = &remediation.spec;
    if let Some(name) = &spec.policy_name {
        return name.clone();
    }
    let uid = spec.policy.as_ref().map(|it| it.uid.as_str());
    let mut policies = view.policies().iter();
    let found = policies.find(|it| it.policy.metadata.uid.as_deref() == uid && uid.is_some());
    found.map_or_else(String::new, |it| it.name.clone())
}

impl Step<'_, '_> {
    fn run(&mut self) {
        if self.remediation.spec.policy.is_none() {
            return self.adopt();
        }
        if self.brings_its_policy() {
            let text =
                "spec.policy: is not yours to write; create another NodeRemediation without it";
            return self.end(Outcome::Aborted, text);
        }
        let is_at_work = !matches!(self.status.phase, Phase::Pending | Phase::Ended);
        if is_at_work && self.is_released() {
            return self.released();
        }
        match self.status.phase {
            Phase::Pending => self.pending(),
            Phase::DroppingCaches => self.dropping(),
            Phase::Verifying => self.verifying(),
            Phase::Cordoning => self.cordoning(),
            Phase::Draining => self.draining(),
            Phase::Rebooting => self.rebooting(),
            Phase::Proving => self.proving(),
            Phase::Soaking => self.soaking(),
            Phase::Uncordoning => self.uncordoning(),
            Phase::Holding => self.holding(),
            Phase::HandedOver => self.handed_over(),
            Phase::Ended => {
                // Without an outcome nobody wrote that but a mistake.
                let text = "the phase was Ended without an outcome";
                self.end(Outcome::Failed, text);
            }
        }
    }

    /// Whether whoever made the incident by hand wrote into it what only a policy may say:
    /// taking that over is another generation.
    fn brings_its_policy(&self) -> bool {
        self.remediation.spec.origin == Origin::Manual
            && self.remediation.metadata.generation == Some(1)
            && self.status.phase == Phase::Pending
    }

    /// Takes over what a human asked for.
    fn adopt(&mut self) {
        match incident::adoption(self.view, self.node, self.remediation) {
            Ok(policy) => self.actions.push(Action::Adopt {
                remediation: self.name.clone(),
                policy: Box::new(policy),
                seen: self.remediation.resource_version(),
            }),
            Err(text) => self.end(Outcome::Aborted, &text),
        }
    }
}
