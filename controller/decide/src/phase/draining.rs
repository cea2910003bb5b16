//! Pods leave the node; which, and how, `drain` says.

use std::collections::BTreeSet;

use jiff::Timestamp;
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{Drain, DrainTimeoutAction};
use unstall_crds::remediation::{GatePoint, Outcome, Phase, RungResult};

use super::step::Step;
use crate::drain::{self, Do, Input, State};
use crate::judge::{add, signed};
use crate::no::No;
use crate::plan::PodOrder;
use crate::pods::Pod;
use crate::{Action, guard, record};

/// When the time of a drain begins whose phase was entered at `entered`: what load
/// balancers are given is none of it.
pub(super) fn begins(drain: &Drain, entered: Timestamp) -> Timestamp {
    add(entered, signed(drain.exclude_from_load_balancers.get()))
}

impl Step<'_, '_> {
    pub(super) fn draining(&mut self) {
        let policy = self.remediation.spec.policy.as_ref();
        let (Some((remedy, _)), Some(policy)) = (self.at_work(), policy) else {
            return self.record_gone();
        };
        if self.lost_or_superseded() {
            return;
        }
        if let Some(text) = self.yielded() {
            return self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
        }
        let drain = &policy.drain;
        if let Some(no) = self.is_leaving(drain) {
            return self.block(vec![no]);
        }
        let Some(drained) = self.drained(drain) else {
            return;
        };
        let Some(passed) = self.pass_gates(GatePoint::BeforeReboot) else {
            if self.status.phase == Phase::Draining {
                self.status.message = Some(record::cut(&drained, 512));
            }
            return;
        };
        let limit = remedy.reboot.as_ref().map(|it| signed(it.timeout.get()));
        let deadline = add(self.now(), limit.unwrap_or_default());
        let text = format!(
            "{}: ordering the node to reboot; {drained}{passed}",
            remedy.name
        );
        self.enter(Phase::Rebooting, Some(deadline), &text);
    }

    /// Whether load balancers are still given time, from the beginning of the drain
    /// on.
    pub(super) fn is_leaving(&self, drain: &Drain) -> Option<No> {
        let leaves = begins(drain, self.since());
        (self.now() < leaves).then(|| {
            let text = format!("load balancers are given until {leaves:.0} to notice");
            No::new(BlockedReason::LeavingLoadBalancers, text)
        })
    }

    /// How the node became one that may be rebooted; none while it is not. Whatever
    /// may stay on it, the last of this controller's replicas may not.
    fn drained(&mut self, drain: &Drain) -> Option<String> {
        let drained = self.emptied(drain)?;
        let Some(no) = guard::left_behind(self.view, self.node) else {
            return Some(drained);
        };
        if self.now() > self.deadline() {
            let limit = drain.timeout.as_str();
            let text = format!("the drain took longer than {limit}: {}", no.text);
            self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
        } else {
            self.block(vec![no]);
        }
        None
    }

    /// How the node became empty, or why it may be rebooted as it is; none while
    /// it may not.
    fn emptied(&mut self, drain: &Drain) -> Option<String> {
        // Drained already, and waiting for others.
        let before = self.status.gate.as_ref().and(self.status.message.clone());
        let progress = self.status.drain.as_ref();
        let timed_out = progress.is_some_and(|it| !it.left.is_empty());
        if before.is_some() && timed_out && drain.on_timeout == DrainTimeoutAction::Proceed {
            // Whoever stayed may stay.
            return before;
        }
        let snapshot = self.view.snapshot;
        let Some(pods) = snapshot.pods.get(&self.node.name) else {
            let text = "the node's pods are not known yet";
            self.block(vec![No::new(BlockedReason::PodsUnknown, text)]);
            // Nobody knows what a reboot would end: that is no reason to go on.
            return match drain.on_timeout {
                DrainTimeoutAction::Abort => self.time_out(drain),
                DrainTimeoutAction::Proceed => None,
            };
        };
        let outlook = drain::plan(&Input {
            drain,
            pods,
            answers: &snapshot.evictions,
            started: begins(drain, self.since()),
            now: self.now(),
            parallel: snapshot.limits.evictions_per_node,
            before: self.status.drain.as_ref(),
        });
        self.status.drain = Some(outlook.progress);
        match outlook.state {
            State::Abort(text) => {
                self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
                None
            }
            State::Done { sentence, .. } => {
                let attached = self.attached(pods);
                if attached.is_empty() {
                    return before.or(Some(sentence));
                }
                self.block(attached);
                self.time_out(drain)
            }
            State::GoingOn => {
                self.block(outlook.blockers.into_iter().map(No::from).collect());
                if self.now() > self.deadline() {
                    return self.time_out(drain);
                }
                self.send_away(outlook.actions);
                None
            }
        }
    }

    fn send_away(&mut self, actions: Vec<Do>) {
        for action in actions {
            let order = PodOrder {
                node: self.node.name.clone(),
                remediation: self.name.clone(),
                pod: action.pod().clone(),
                grace: action.grace(),
            };
            self.actions.push(match action {
                Do::Evict { .. } => Action::Evict(order),
                Do::Delete { .. } => Action::DeletePod(order),
            });
        }
    }

    /// The drain takes too long: given up, or gone on with, and why.
    fn time_out(&mut self, drain: &Drain) -> Option<String> {
        if self.now() <= self.deadline() {
            return None;
        }
        let left = self.status.blockers.first();
        let left = left.map_or("pods are left".to_owned(), |it| it.message.clone());
        let limit = drain.timeout.as_str();
        if drain.on_timeout == DrainTimeoutAction::Abort {
            let text = format!("the drain took longer than {limit}: {left}");
            self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
            return None;
        }
        Some(format!(
            "the drain took longer than {limit}, and goes on all the same (onTimeout: Proceed): {left}"
        ))
    }

    /// Volumes that are still attached to the node, beside those of the `pods` that
    /// stay: a claim is one volume, and whose an attachment is its name does not say.
    fn attached(&self, pods: &[Pod]) -> Vec<No> {
        let Some(attachments) = &self.view.snapshot.attachments else {
            let text = "it is not known yet which volumes are attached";
            return vec![No::new(BlockedReason::VolumeAttached, text)];
        };
        let Some(of_node) = attachments.get(&self.node.name) else {
            return Vec::new();
        };
        let staying = pods.iter().filter(|pod| !pod.is_finished());
        let claims: BTreeSet<(&str, &str)> = staying
            .flat_map(|pod| {
                pod.claims
                    .iter()
                    .map(|it| (pod.namespace.as_str(), it.as_str()))
            })
            .collect();
        if of_node.len() <= claims.len() {
            return Vec::new();
        }
        of_node
            .iter()
            .map(|name| {
                let text = format!("volume attachment {name} is still there");
                No::new(BlockedReason::VolumeAttached, text).on(format!("VolumeAttachment/{name}"))
            })
            .collect()
    }
}
