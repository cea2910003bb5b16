//! Who uses the budgets: what the ledger and the nodes say, and what this pass
//! takes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::ledger::{Slot, SlotKind};
use unstall_crds::remediation::Phase;

use crate::view::{PolicyView, View};
use crate::{Node, record};

/// Who uses the budgets.
#[derive(Debug, Clone)]
pub struct Usage<'a> {
    /// Nodes with a slot in the ledger or taken in this pass.
    slots: BTreeMap<&'a str, SlotKind>,
    /// Nodes with one in place, also one that becomes a disruptive one in this pass:
    /// the ledger may refuse that.
    in_place: BTreeSet<&'a str>,
    /// The incidents that hold them.
    holders: BTreeMap<&'a str, Holder>,
    /// By policy: covered nodes that are away, or about to be.
    away: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// By policy, topology key and value: the same, and how many there are.
    groups: BTreeMap<&'a str, BTreeMap<&'a str, Groups<'a>>>,
    /// Nodes of the control plane that are away.
    control_plane: BTreeSet<&'a str>,
}

/// Who holds a slot.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The incident.
    pub remediation: String,
    /// Its phase, as far as this pass has come; none once it has ended.
    pub phase: Option<Phase>,
    /// Since when.
    pub since: Timestamp,
}

/// The groups of one topology, by the label's value.
type Groups<'a> = BTreeMap<&'a str, Group<'a>>;

/// One group of a topology.
#[derive(Debug, Clone, Default)]
pub struct Group<'a> {
    /// Covered nodes of the group.
    pub total: u32,
    /// Those of them that are away.
    pub away: BTreeSet<&'a str>,
}

impl<'a> Usage<'a> {
    /// What is in use before this pass.
    #[must_use]
    pub fn new(view: &'a View<'a>) -> Self {
        let slots: BTreeMap<&str, SlotKind> = view
            .snapshot
            .slots()
            .map(|slot| (slot.node.as_str(), slot.kind))
            .collect();
        let holder = |slot: &Slot| {
            let mut open = view.open_on(&slot.node).iter();
            let open = open.find(|it| it.name_any() == slot.remediation);
            Holder {
                remediation: slot.remediation.clone(),
                phase: open.map(|it| record::phase(it)),
                since: slot.since.0,
            }
        };
        let holders = view.snapshot.slots();
        let holders = holders.map(|slot| (slot.node.as_str(), holder(slot)));
        let in_place = slots.iter().filter(|(_, kind)| **kind == SlotKind::InPlace);
        let in_place = in_place.map(|(node, _)| *node).collect();
        let mut usage = Self {
            slots,
            in_place,
            holders: holders.collect(),
            away: BTreeMap::new(),
            groups: BTreeMap::new(),
            control_plane: BTreeSet::new(),
        };
        for policy in view.policies() {
            usage.count(policy);
        }
        let control_plane = view.nodes().filter(|node| node.is_control_plane());
        usage.control_plane = control_plane
            .filter(|node| usage.is_away(node))
            .map(|node| node.name.as_str())
            .collect();
        // A slot of a node that is gone counts against whoever covered it: nobody
        // knows any more who that was.
        let gone: Vec<&str> = usage
            .slots
            .iter()
            .filter(|(node, kind)| **kind == SlotKind::Disruptive && view.node(node).is_none())
            .map(|(node, _)| *node)
            .collect();
        for away in usage.away.values_mut() {
            away.extend(gone.iter().copied());
        }
        usage
    }

    fn count(&mut self, policy: &'a PolicyView<'a>) {
        let covered = policy.covered.iter();
        let away = covered.filter(|node| self.is_away(node));
        let away: BTreeSet<&str> = away.map(|node| node.name.as_str()).collect();
        for topology in &policy.policy.spec.disruption.per_topology {
            let mut groups = Groups::new();
            for node in &policy.covered {
                let group = groups.entry(value(node, &topology.key)).or_default();
                group.total += 1;
                if away.contains(node.name.as_str()) {
                    group.away.insert(&node.name);
                }
            }
            let of_policy = self.groups.entry(&policy.name).or_default();
            of_policy.insert(&topology.key, groups);
        }
        self.away.insert(&policy.name, away);
    }

    fn is_away(&self, node: &Node) -> bool {
        !node.is_available() || self.is_disrupted(&node.name)
    }

    /// Counts one more slot.
    pub fn take(&mut self, view: &'a View<'a>, node: &'a Node, kind: SlotKind) {
        self.slots.insert(&node.name, kind);
        if kind != SlotKind::Disruptive {
            self.in_place.insert(&node.name);
            return;
        }
        for policy in view.covering(node) {
            self.away
                .entry(&policy.name)
                .or_default()
                .insert(&node.name);
            for topology in &policy.policy.spec.disruption.per_topology {
                let of_policy = self.groups.entry(&policy.name).or_default();
                let groups = of_policy.entry(&topology.key).or_default();
                let group = groups.entry(value(node, &topology.key)).or_default();
                group.away.insert(&node.name);
            }
        }
        if node.is_control_plane() {
            self.control_plane.insert(&node.name);
        }
    }

    /// The incident takes the slot that it was counted with.
    pub fn hold(&mut self, node: &'a str, remediation: &str, since: Timestamp) {
        let holder = Holder {
            remediation: remediation.to_owned(),
            phase: None,
            since,
        };
        self.holders.insert(node, holder);
    }

    /// The phase in which the incident goes on, if it holds the node's slot.
    pub fn go_on(&mut self, node: &str, remediation: &str, phase: Phase) {
        let holder = self.holders.get_mut(node);
        if let Some(holder) = holder.filter(|it| it.remediation == remediation) {
            holder.phase = Some(phase);
        }
    }

    /// The incident that holds the slot of `node`.
    #[must_use]
    pub fn holder(&self, node: &str) -> Option<&Holder> {
        self.holders.get(node)
    }

    /// Whether a disruptive slot is held for `node`, or taken in this pass.
    #[must_use]
    pub fn is_disrupted(&self, node: &str) -> bool {
        self.slots.get(node) == Some(&SlotKind::Disruptive)
    }

    /// The nodes whose slots are counted, but for `node`.
    #[must_use]
    pub fn beside(&self, node: &str) -> Vec<String> {
        let others = self.slots.keys().filter(|held| **held != node);
        others.map(|held| (*held).to_owned()).collect()
    }

    /// Covered nodes of `policy` that are away, but for `node`.
    pub fn away<'s>(&'s self, policy: &str, node: &'s str) -> impl Iterator<Item = &'a str> + 's {
        let away = self.away.get(policy).into_iter().flatten();
        away.copied().filter(move |other| *other != node)
    }

    /// The group of `node` by the topology key of `policy`.
    #[must_use]
    pub fn group(&self, policy: &str, key: &str, node: &Node) -> Option<&Group<'a>> {
        let groups = self.groups.get(policy)?.get(key)?;
        groups.get(value(node, key))
    }

    /// The groups of `policy` by the topology key.
    pub fn groups<'s>(
        &'s self,
        policy: &str,
        key: &str,
    ) -> impl Iterator<Item = (&'a str, &'s Group<'a>)> + use<'s, 'a> {
        let groups = self.groups.get(policy).and_then(|it| it.get(key));
        groups
            .into_iter()
            .flatten()
            .map(|(value, group)| (*value, group))
    }

    /// Another node of the control plane that is away.
    #[must_use]
    pub fn control_plane_beside(&self, node: &str) -> Option<&'a str> {
        let mut away = self.control_plane.iter();
        away.find(|other| **other != node).copied()
    }

    /// Nodes of in-place slots that `policy` covers, but for `node`. One that is
    /// gone counts, for nobody knows what it was.
    pub fn in_place<'s>(
        &'s self,
        view: &'s View<'_>,
        policy: &'s PolicyView<'_>,
        node: &'s str,
    ) -> impl Iterator<Item = &'a str> + 's {
        let in_place = self.in_place.iter().copied();
        in_place
            .filter(move |name| *name != node)
            .filter(|name| policy.covers(name) || view.node(name).is_none())
    }
}

/// The value of the label; empty for nodes without it.
fn value<'n>(node: &'n Node, key: &str) -> &'n str {
    node.labels.get(key).map_or("", String::as_str)
}
