//! A snapshot with what decisions ask of it again and again, worked out once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use unstall_crds::health::{NodeHealth, TriggerState};
use unstall_crds::ledger::{HistoryEntry, Slot};
use unstall_crds::policy::{NodeHealthPolicy, Trigger};
use unstall_crds::remediation::NodeRemediation;

use crate::breaker::{self, Count};
use crate::judge::{self, Hearing};
use crate::no::No;
use crate::problem::{self, Problem};
use crate::rollout::{self, Rollout};
use crate::{Node, Snapshot, alerts, guard, incident, select};

/// Places of names in a list. The hash is the same in every run, and nothing goes
/// through it in its order.
type Places<'a> = hashbrown::HashMap<&'a str, usize, foldhash::fast::FixedState>;

/// Names of nodes.
pub type Names<'a> = hashbrown::HashSet<&'a str, foldhash::fast::FixedState>;

/// The snapshot and what follows from it.
pub struct View<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// What the ledger forbids on every node.
    pub ledger: Option<No>,
    policies: Vec<PolicyView<'a>>,
    rows: Vec<Row<'a>>,
    places: Places<'a>,
    /// Slots and incidents of nodes that are gone.
    gone: BTreeMap<&'a str, Row<'a>>,
}

/// A node, and all that is known of it. Worked out once, for it is asked thousands
/// of times.
#[derive(Default)]
struct Row<'a> {
    node: Option<&'a Node>,
    health: Option<&'a NodeHealth>,
    hearing: Option<Hearing>,
    covering: Vec<usize>,
    slot: Option<&'a Slot>,
    open: Vec<&'a NodeRemediation>,
    ended: Vec<&'a NodeRemediation>,
    history: Vec<&'a HistoryEntry>,
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
    rows: Places<'a>,
    /// As many for each covered node as there are triggers.
    states: Vec<TriggerState>,
}

impl<'a> View<'a> {
    /// Works everything out.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let rows = rows(snapshot);
        let mut policies: Vec<PolicyView<'a>> = snapshot
            .policies
            .iter()
            .map(|policy| PolicyView::new(snapshot, policy, &rows))
            .collect();
        policies.sort_by_key(|view| {
            let created = view.policy.creation_timestamp().map(|time| time.0);
            (
                Reverse(view.policy.spec.priority),
                created,
                view.name.clone(),
            )
        });
        let names = rows.iter().filter_map(|row| Some(row.node?.name.as_str()));
        let mut view = Self {
            ledger: guard::ledger(snapshot),
            snapshot,
            policies,
            places: names.zip(0..).collect(),
            rows,
            gone: BTreeMap::new(),
        };
        view.join();
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

    /// Puts policies, slots, incidents and history to their nodes.
    fn join(&mut self) {
        for (index, policy) in self.policies.iter().enumerate() {
            for node in &policy.covered {
                if let Some(place) = self.places.get(node.name.as_str()) {
                    self.rows[*place].covering.push(index);
                }
            }
        }
        let snapshot = self.snapshot;
        for slot in snapshot.slots() {
            self.row_mut(&slot.node).slot = Some(slot);
        }
        for incident in snapshot.remediations.iter().map(Arc::as_ref) {
            let row = self.row_mut(&incident.spec.node_name);
            if incident::is_open(incident) {
                row.open.push(incident);
            } else {
                row.ended.push(incident);
            }
        }
        let ledger = snapshot.ledger.iter().filter_map(|it| it.status.as_ref());
        for entry in ledger.flat_map(|status| &status.history) {
            self.row_mut(&entry.node).history.push(entry);
        }
    }

    fn row_mut(&mut self, name: &'a str) -> &mut Row<'a> {
        match self.places.get(name) {
            Some(place) => &mut self.rows[*place],
            None => self.gone.entry(name).or_default(),
        }
    }

    fn row(&self, name: &str) -> Option<&Row<'a>> {
        match self.places.get(name) {
            Some(place) => self.rows.get(*place),
            None => self.gone.get(name),
        }
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
        let places = self.covering_places(node).iter();
        places.map(|place| &self.policies[*place])
    }

    /// Their places among [`Self::policies`].
    #[must_use]
    pub fn covering_places(&self, node: &Node) -> &[usize] {
        self.row(&node.name).map_or(&[], |row| &row.covering)
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.snapshot.nodes.values().map(Arc::as_ref)
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.row(name)?.node
    }

    /// The `NodeHealth` of `node`, unless it speaks of an earlier node of that
    /// name.
    #[must_use]
    pub fn health(&self, node: &Node) -> Option<&'a NodeHealth> {
        self.row(&node.name)?.health
    }

    /// Whether the probe of `node` can be relied on.
    #[must_use]
    pub fn hearing(&self, node: &Node) -> Hearing {
        let heard = self.row(&node.name).and_then(|row| row.hearing.clone());
        heard.unwrap_or(Hearing::NoProbe)
    }

    /// The slot that is held for `node`.
    #[must_use]
    pub fn slot(&self, node: &str) -> Option<&'a Slot> {
        self.row(node)?.slot
    }

    /// The incidents on `node` that have not ended.
    #[must_use]
    pub fn open_on(&self, node: &str) -> &[&'a NodeRemediation] {
        self.row(node).map_or(&[], |row| &row.open)
    }

    /// The incidents on `node` that have ended and are on record.
    #[must_use]
    pub fn ended_on(&self, node: &str) -> &[&'a NodeRemediation] {
        self.row(node).map_or(&[], |row| &row.ended)
    }

    /// What was done to `node` and still counts.
    #[must_use]
    pub fn history(&self, node: &str) -> &[&'a HistoryEntry] {
        self.row(node).map_or(&[], |row| &row.history)
    }

    /// Every incident on record, ended or not.
    pub fn incidents(&self) -> impl Iterator<Item = &'a NodeRemediation> {
        self.snapshot.remediations.iter().map(Arc::as_ref)
    }

    /// Every incident that has not ended.
    pub fn open(&self) -> impl Iterator<Item = &'a NodeRemediation> {
        self.incidents().filter(|it| incident::is_open(it))
    }
}

/// The nodes with what probes say of them: both lists are in the order of names.
fn rows(snapshot: &Snapshot) -> Vec<Row<'_>> {
    let mut healths = snapshot.healths.iter().peekable();
    let mut heard = snapshot.heard.iter().peekable();
    let nodes = snapshot.nodes.values().map(Arc::as_ref);
    let row = |node: &'_ Node| {
        while healths.next_if(|(name, _)| **name < node.name).is_some() {}
        while heard.next_if(|(name, _)| **name < node.name).is_some() {}
        let health = healths.next_if(|(name, _)| **name == node.name);
        let since = heard.next_if(|(name, _)| **name == node.name);
        let health = health.map(|(_, health)| health.as_ref());
        let health = health.filter(|health| health.spec.node_uid == node.uid);
        (health, since.map(|(_, since)| *since))
    };
    let with = nodes.scan(row, |row, node| Some((node, row(node))));
    with.map(|(node, (health, since))| Row {
        node: Some(node),
        health,
        hearing: Some(judge::hearing(snapshot.now, health, since)),
        ..Row::default()
    })
    .collect()
}

impl<'a> PolicyView<'a> {
    fn new(snapshot: &'a Snapshot, policy: &'a NodeHealthPolicy, rows: &[Row<'a>]) -> Self {
        let hashes: Vec<String> = policy
            .spec
            .triggers
            .iter()
            .map(Trigger::signal_hash)
            .collect();
        let mut view = Self {
            policy,
            name: policy.name_any(),
            problem: problem::of(snapshot, policy),
            breaker: Count::default(),
            alert: alerts::forbids(
                &policy.spec.disruption.blocked_by.alerts.firing,
                &snapshot.alerts,
            ),
            closed: guard::closed(policy, snapshot.now),
            rollouts: Vec::new(),
            covered: Vec::new(),
            hashes,
            rows: Places::default(),
            states: Vec::new(),
        };
        let mut unhealthy = 0;
        for row in rows {
            let Some(node) = row.node.filter(|node| select::covers(policy, node)) else {
                continue;
            };
            let heard = row.health.filter(|_| row.hearing == Some(Hearing::Heard));
            let triggers = policy.spec.triggers.iter().zip(&view.hashes);
            let states = triggers.map(|(trigger, hash)| {
                judge::state(snapshot.now, node, heard, &view.name, trigger, hash)
            });
            view.states.extend(states);
            view.rows.insert(&node.name, view.covered.len());
            view.covered.push(node);
            let states = view.states(&node.name);
            if breaker::is_unhealthy(policy, states, node, row.hearing.as_ref()) {
                unhealthy += 1;
            }
        }
        view.breaker = breaker::count(policy, view.covered.len(), unhealthy);
        view
    }

    /// Whether it covers `node`.
    #[must_use]
    pub fn covers(&self, node: &str) -> bool {
        self.rows.contains_key(node)
    }

    /// Whether the trigger at `index` fires on `node`. Whatever is not known does
    /// not fire.
    #[must_use]
    pub fn state(&self, node: &str, index: usize) -> TriggerState {
        let state = self.states(node).get(index);
        state.copied().unwrap_or(TriggerState::Unknown)
    }

    /// The states of all triggers on `node`.
    #[must_use]
    pub fn states(&self, node: &str) -> &[TriggerState] {
        let count = self.hashes.len();
        let states = self.rows.get(node).and_then(|row| {
            let first = row * count;
            self.states.get(first..first + count)
        });
        states.unwrap_or_default()
    }

    /// The trigger of this name, with its index.
    #[must_use]
    pub fn trigger(&self, name: &str) -> Option<(usize, &'a Trigger)> {
        let mut triggers = self.policy.spec.triggers.iter().enumerate();
        triggers.find(|(_, trigger)| trigger.name == name)
    }
}
