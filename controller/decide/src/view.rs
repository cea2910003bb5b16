//! A snapshot with what decisions ask of it again and again, worked out once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::Slot;
use unstall_crds::policy::{NodeHealthPolicy, Trigger};
use unstall_crds::remediation::NodeRemediation;

use crate::breaker::{self, Count};
use crate::judge::{self, Hearing};
use crate::no::No;
use crate::problem::{self, Problem};
use crate::rollout::{self, Rollout};
use crate::{Node, Snapshot, alerts, guard, incident, select};

/// The snapshot and what follows from it.
pub struct View<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    policies: Vec<PolicyView<'a>>,
    covering: BTreeMap<&'a str, Vec<usize>>,
    hearing: BTreeMap<&'a str, Hearing>,
    slots: BTreeMap<&'a str, &'a Slot>,
    open: BTreeMap<&'a str, Vec<&'a NodeRemediation>>,
    ended: BTreeMap<&'a str, Vec<&'a NodeRemediation>>,
}

/// A policy, and the nodes that it covers.
pub struct PolicyView<'a> {
    /// The policy.
    pub policy: &'a NodeHealthPolicy,
    /// Its name.
    pub name: String,
    /// The nodes that it covers.
    pub covered: Vec<&'a Node>,
    /// Why nothing of it is carried out, if that is so.
    pub problem: Option<Problem>,
    /// How many of its nodes are unhealthy.
    pub breaker: Count,
    /// What firing alerts forbid.
    pub alert: Option<No>,
    /// What its windows forbid of the remedies that they bind.
    pub closed: Option<No>,
    /// Its roll-outs, one for each trigger `kernel` or `rebootRequired`.
    pub rollouts: Vec<Rollout<'a>>,
    /// The hash of each trigger's signal, by which the probes' answers are known.
    pub hashes: Vec<String>,
    states: BTreeMap<&'a str, Vec<TriggerState>>,
}

impl<'a> View<'a> {
    /// Works everything out.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let nodes = || snapshot.nodes.values().map(Arc::as_ref);
        let hearing: BTreeMap<_, _> = nodes()
            .map(|node| (node.name.as_str(), judge::hearing(snapshot, node)))
            .collect();
        let mut policies: Vec<PolicyView<'a>> = snapshot
            .policies
            .iter()
            .map(|policy| PolicyView::new(snapshot, policy, &hearing))
            .collect();
        policies.sort_by_key(|view| {
            let created = view.policy.creation_timestamp().map(|time| time.0);
            (
                Reverse(view.policy.spec.priority),
                created,
                view.name.clone(),
            )
        });
        let mut covering: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, view) in policies.iter().enumerate() {
            for node in &view.covered {
                covering.entry(&node.name).or_default().push(index);
            }
        }
        let mut open: BTreeMap<&str, Vec<&NodeRemediation>> = BTreeMap::new();
        let mut ended = open.clone();
        for incident in snapshot.remediations.iter().map(Arc::as_ref) {
            let is_open = incident::is_open(incident);
            let side = if is_open { &mut open } else { &mut ended };
            let on = side.entry(&incident.spec.node_name).or_default();
            on.push(incident);
        }
        let mut view = Self {
            snapshot,
            policies,
            covering,
            hearing,
            slots: snapshot
                .slots()
                .map(|slot| (slot.node.as_str(), slot))
                .collect(),
            open,
            ended,
        };
        let rollouts: Vec<_> = view
            .policies
            .iter()
            .map(|policy| rollout::all(&view, policy))
            .collect();
        for (policy, rollouts) in view.policies.iter_mut().zip(rollouts) {
            policy.rollouts = rollouts;
        }
        view
    }

    /// Every policy: the highest priority first, of equals the oldest, of those
    /// the first by name.
    #[must_use]
    pub fn policies(&self) -> &[PolicyView<'a>] {
        &self.policies
    }

    /// The policy of this name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&PolicyView<'a>> {
        self.policies.iter().find(|view| view.name == name)
    }

    /// The policies that cover `node`, in the same order.
    pub fn covering(&self, node: &Node) -> impl Iterator<Item = &PolicyView<'a>> {
        let indices = self.covering.get(node.name.as_str());
        indices
            .into_iter()
            .flatten()
            .map(|index| &self.policies[*index])
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.snapshot.nodes.values().map(Arc::as_ref)
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.snapshot.nodes.get(name).map(Arc::as_ref)
    }

    /// Whether the probe of `node` can be relied on.
    #[must_use]
    pub fn hearing(&self, node: &Node) -> Hearing {
        let heard = self.hearing.get(node.name.as_str());
        heard.cloned().unwrap_or(Hearing::NoProbe)
    }

    /// The slot that is held for `node`.
    #[must_use]
    pub fn slot(&self, node: &str) -> Option<&'a Slot> {
        self.slots.get(node).copied()
    }

    /// The incidents on `node` that have not ended.
    #[must_use]
    pub fn open_on(&self, node: &str) -> &[&'a NodeRemediation] {
        self.open.get(node).map_or(&[], Vec::as_slice)
    }

    /// The incidents on `node` that have ended and are on record.
    #[must_use]
    pub fn ended_on(&self, node: &str) -> &[&'a NodeRemediation] {
        self.ended.get(node).map_or(&[], Vec::as_slice)
    }

    /// Every incident on record, ended or not.
    pub fn incidents(&self) -> impl Iterator<Item = &'a NodeRemediation> {
        self.snapshot.remediations.iter().map(Arc::as_ref)
    }

    /// Every incident that has not ended, by node.
    pub fn open(&self) -> impl Iterator<Item = &'a NodeRemediation> {
        self.open.values().flatten().copied()
    }
}

impl<'a> PolicyView<'a> {
    fn new(
        snapshot: &'a Snapshot,
        policy: &'a NodeHealthPolicy,
        hearing: &BTreeMap<&str, Hearing>,
    ) -> Self {
        let name = policy.name_any();
        let hashes: Vec<String> = policy
            .spec
            .triggers
            .iter()
            .map(Trigger::signal_hash)
            .collect();
        let covered: Vec<&Node> = snapshot
            .nodes
            .values()
            .map(Arc::as_ref)
            .filter(|node| select::covers(policy, node))
            .collect();
        let states: BTreeMap<&str, Vec<TriggerState>> = covered
            .iter()
            .map(|node| {
                let heard = hearing.get(node.name.as_str()) == Some(&Hearing::Heard);
                let triggers = policy.spec.triggers.iter().zip(&hashes);
                let states = triggers.map(|(trigger, hash)| {
                    judge::state(snapshot, node, heard, &name, trigger, hash)
                });
                (node.name.as_str(), states.collect())
            })
            .collect();
        let mut view = Self {
            policy,
            name,
            problem: problem::of(snapshot, policy),
            breaker: Count::default(),
            alert: alerts::forbids(
                &policy.spec.disruption.blocked_by.alerts.firing,
                &snapshot.alerts,
            ),
            closed: guard::closed(policy, snapshot.now),
            rollouts: Vec::new(),
            covered,
            hashes,
            states,
        };
        view.breaker = breaker::count(&view, hearing);
        view
    }

    /// Whether it covers `node`.
    #[must_use]
    pub fn covers(&self, node: &str) -> bool {
        self.states.contains_key(node)
    }

    /// Whether the trigger at `index` fires on `node`. Whatever is not known does
    /// not fire.
    #[must_use]
    pub fn state(&self, node: &str, index: usize) -> TriggerState {
        let states = self.states.get(node);
        let state = states.and_then(|states| states.get(index));
        state.copied().unwrap_or(TriggerState::Unknown)
    }

    /// The states of all triggers on `node`.
    #[must_use]
    pub fn states(&self, node: &str) -> &[TriggerState] {
        self.states.get(node).map_or(&[], Vec::as_slice)
    }

    /// The trigger of this name, with its index.
    #[must_use]
    pub fn trigger(&self, name: &str) -> Option<(usize, &'a Trigger)> {
        let mut triggers = self.policy.spec.triggers.iter().enumerate();
        triggers.find(|(_, trigger)| trigger.name == name)
    }

    /// The roll-out of the trigger of this name.
    #[must_use]
    pub fn rollout(&self, trigger: &str) -> Option<&Rollout<'a>> {
        self.rollouts.iter().find(|it| it.trigger.name == trigger)
    }
}
