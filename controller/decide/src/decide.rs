//! The whole decision, in its order.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::ledger::SlotKind;
use unstall_crds::policy::Mode;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, Phase};

use crate::event::{self, Event};
use crate::guard::{self, Ask};
use crate::health::Wishes;
use crate::incident::{self, Call};
use crate::no::No;
use crate::usage::Usage;
use crate::view::View;
use crate::{
    Action, Node, Plan, Snapshot, conditions, ladder, left_over, marks, order, phase, status,
};

/// Incidents that their own nodes hold, for each that may wait.
const HELD_PER_WAITING: usize = 4;

/// What is to be done about `snapshot`.
#[must_use]
pub fn decide(snapshot: &Snapshot) -> Plan {
    let view = View::new(snapshot);
    plan(&view)
}

/// The same, of a snapshot that was worked out already.
#[must_use]
pub fn plan<'a>(view: &'a View<'a>) -> Plan {
    let mut pass = Pass {
        view,
        usage: Usage::new(view),
        actions: Vec::new(),
        events: Vec::new(),
        after: BTreeMap::new(),
        opened: Vec::new(),
        waiting: BTreeMap::new(),
    };
    let mut wishes = Wishes::default();
    for node in view.nodes() {
        pass.actions.extend(wishes.object(view, node));
    }
    pass.advance();
    pass.open();
    pass.tell_passed_over();
    let left_over = left_over::actions(view, &pass.actions);
    pass.actions.extend(left_over);
    pass.mark();
    let seen = status::Seen {
        incidents: pass.incidents(),
        waiting: pass.waiting,
        usage: pass.usage,
    };
    let mut policies = BTreeMap::new();
    for policy in view.policies() {
        let status = status::of(view, policy, &seen);
        pass.events.extend(event::of_policy(policy, &status));
        policies.insert(policy.name.clone(), status);
    }
    Plan {
        actions: pass.actions,
        policies,
        events: pass.events,
        look_again: None,
    }
}

/// What one pass has come to so far.
struct Pass<'a> {
    view: &'a View<'a>,
    usage: Usage<'a>,
    actions: Vec<Action>,
    events: Vec<Event>,
    /// Open incidents with their statuses after this pass, by node.
    after: BTreeMap<&'a str, (&'a NodeRemediation, NodeRemediationStatus)>,
    /// Nodes on which incidents are opened.
    opened: Vec<&'a str>,
    waiting: BTreeMap<String, Vec<(&'a str, No)>>,
}

impl<'a> Pass<'a> {
    fn advance(&mut self) {
        for incident in order::incidents(self.view) {
            let outcomes = phase::advance(self.view, incident, &mut self.usage);
            let node = &incident.spec.node_name;
            let name = incident.name_any();
            self.events.extend(event::of_incident(
                self.view.node(node),
                (&name, node),
                incident.status.as_ref(),
                &outcomes.status,
            ));
            self.actions.extend(outcomes.actions);
            if outcomes.status.outcome.is_none() {
                self.usage.go_on(node, &name, outcomes.status.phase);
            }
            // Of several on one node, the first that goes on stands for it.
            let known = self.after.get(node.as_str());
            if known.is_none_or(|(_, status)| status.outcome.is_some()) {
                self.after.insert(node, (incident, outcomes.status));
            }
        }
    }

    /// The incidents that go on after this pass, by node.
    fn incidents(&mut self) -> BTreeMap<&'a str, NodeRemediationStatus> {
        let opened = self.opened.iter();
        let opened = opened.map(|node| (*node, NodeRemediationStatus::default()));
        let after = std::mem::take(&mut self.after).into_iter();
        let after = after.map(|(node, (_, status))| (node, status));
        let open = after.filter(|(_, status)| status.outcome.is_none());
        opened.chain(open).collect()
    }

    fn open(&mut self) {
        let (mut usage, mut waiting) = self.reserved();
        let most = self.view.snapshot.limits.waiting;
        for (node, call) in order::calls(self.view, Mode::Enforce) {
            let is_opened = self.opened.contains(&node.name.as_str());
            if is_opened || marks::is_released(self.view, node) {
                // Once it is, the next incident may follow.
                continue;
            }
            let Some((remedy, kind)) = incident::first_remedy(&call) else {
                continue;
            };
            let ask = Ask::beginning(node, &call, (remedy, kind));
            if call.trigger.is_rollout() {
                // A node that is due is no incident until its turn has come.
                let used_up = ladder::used_up(self.view, node, remedy);
                let used_up = used_up.map(|it| No::new(BlockedReason::RemedyExhausted, it.text));
                let first = guard::first(self.view, &usage, &ask);
                if let Some(no) = first.or(used_up) {
                    self.wait(node, &call, no);
                    continue;
                }
            } else if waiting.get(&call.policy.name).is_some_and(|it| *it >= most)
                || self.view.snapshot.unreadable_incident(&node.name).is_some()
            {
                let mut reasons = guard::forbids(self.view, &usage, &ask).into_iter();
                let no = reasons.next().unwrap_or_else(|| {
                    let text = format!("{most} incidents of the policy wait already");
                    No::new(BlockedReason::BudgetExhausted, text)
                });
                self.wait(node, &call, no);
                continue;
            }
            let slot = if kind.is_disruptive() {
                SlotKind::Disruptive
            } else {
                SlotKind::InPlace
            };
            usage.take(self.view, node, slot);
            *waiting.entry(call.policy.name.clone()).or_default() += 1;
            self.begin(node, &call);
        }
    }

    /// Of nodes that are left to another trigger, why the one that makes them sick calls for
    /// nothing.
    fn tell_passed_over(&mut self) {
        for node in self.view.nodes() {
            let is_opened = self.opened.contains(&node.name.as_str());
            if is_opened || !self.view.open_on(&node.name).is_empty() {
                continue;
            }
            if let Some((call, used_up)) = incident::passed_over(self.view, node) {
                let no = No::new(BlockedReason::RemedyExhausted, used_up.text);
                let no = used_up.until.map_or(no.clone(), |until| no.until(until));
                self.wait(node, &call, no);
            }
        }
    }

    /// How many incidents of each policy wait, and the budgets with what those of
    /// roll-outs will take: a node that waits for approval is the next one, and no
    /// other is opened instead. One that cannot go keeps nobody else from going, unless
    /// too many cannot.
    fn reserved(&self) -> (Usage<'a>, BTreeMap<String, usize>) {
        let (mut usage, mut waiting) = (self.usage.clone(), BTreeMap::<String, usize>::new());
        let mut held = BTreeMap::<String, usize>::new();
        let may_be_held = self.view.snapshot.limits.waiting * HELD_PER_WAITING;
        for (incident, status) in self.after.values() {
            if status.phase != Phase::Pending {
                continue;
            }
            let policy = incident.spec.policy_name.clone().unwrap_or_default();
            let is_held = incident::is_held_by_its_node(status);
            if is_held {
                *held.entry(policy.clone()).or_default() += 1;
            }
            let is_counted = !is_held || held[&policy] > may_be_held;
            *waiting.entry(policy).or_default() += usize::from(is_counted);
            let trigger = incident
                .spec
                .policy
                .as_ref()
                .and_then(|it| it.trigger.as_ref());
            let next = ladder::of(incident).get(status.rungs.len());
            let is_disruptive = next.and_then(unstall_crds::policy::Remedy::kind);
            if trigger.is_some_and(unstall_crds::policy::Trigger::is_rollout)
                && !is_held
                && !incident::is_held_with_its_zone(status)
                && !incident::is_held_by_a_rollout(status)
                && is_disruptive.is_some_and(|kind| kind.is_disruptive())
                && let Some(node) = self.view.node(&incident.spec.node_name)
            {
                usage.take(self.view, node, SlotKind::Disruptive);
            }
        }
        (usage, waiting)
    }

    fn begin(&mut self, node: &'a Node, call: &Call<'_, 'a>) {
        let incident = incident::new(self.view, node, call);
        self.events.push(event::opened(
            node,
            &incident.name_any(),
            &call.policy.name,
            call.trigger,
        ));
        self.actions.push(Action::OpenIncident(Box::new(incident)));
        self.opened.push(&node.name);
    }

    fn wait(&mut self, node: &'a Node, call: &Call<'_, 'a>, no: No) {
        let waiting = self.waiting.entry(call.policy.name.clone()).or_default();
        waiting.push((&node.name, no));
    }

    /// The marks and conditions of every node, as the incidents are after this
    /// pass.
    fn mark(&mut self) {
        for node in self.view.nodes() {
            let incident = self.after.get(node.name.as_str());
            let named = incident.map(|(incident, status)| (incident.name_any(), incident, status));
            let is_same = |it: &&NodeRemediation| {
                it.spec.node_uid.as_ref().is_none_or(|uid| *uid == node.uid)
            };
            let named = named.filter(|(_, incident, _)| is_same(incident));
            let mut changed = named.as_ref().map(|(name, incident, status)| {
                let holder = self.usage.holder(&node.name);
                let has_slot = self.usage.is_disrupted(&node.name)
                    && holder.is_some_and(|holder| holder.remediation == *name);
                (marks::of_incident(node, incident, status, has_slot), None)
            });
            if changed.as_ref().is_none_or(|(marks, _)| marks.is_empty()) {
                changed = marks::left_over(self.view, node);
            }
            if let Some((marks, absent)) = changed.filter(|(marks, _)| !marks.is_empty()) {
                self.actions.push(Action::MarkNode {
                    node: node.name.clone(),
                    node_uid: node.uid.clone(),
                    marks: Box::new(marks),
                    absent,
                    seen: node.resource_version.clone(),
                });
            }
            let open = named.filter(|(_, _, status)| status.outcome.is_none());
            let open = open.as_ref().map(|(name, incident, status)| {
                let next = ladder::of(incident).get(status.rungs.len());
                let next = next.and_then(unstall_crds::policy::Remedy::kind);
                let is_disruptive = next.is_some_and(|kind| kind.is_disruptive());
                (
                    name.as_str(),
                    *status,
                    is_disruptive || status.phase != Phase::Pending,
                )
            });
            let changes = conditions::changes(self.view, node, open);
            if changes != conditions::Changes::default() {
                self.actions.push(Action::SetConditions {
                    node: node.name.clone(),
                    set: changes.set,
                    remove: changes.remove,
                });
            }
        }
    }
}
