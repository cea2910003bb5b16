//! What keeps a node's `NodeHealth` as it must be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth, NodeHealthSpec};
use unstall_crds::policy::Trigger;
use unstall_crds::remediation::Phase;
use unstall_crds::units::GoDuration;

use crate::snapshot::UnreadableKind;
use crate::view::View;
use crate::{Action, Node, record};

/// How often a probe reports while nothing happens, in seconds: for 5,000 nodes
/// 17 writes a second.
const QUIET_REPORT_SECONDS: u32 = 300;
/// While an incident is open, so that silence shows soon.
const INCIDENT_REPORT_SECONDS: u32 = 30;

/// The API's bound on what one probe judges.
const MAX_TRIGGERS: usize = 64;

/// How often a probe reports while an incident is open on its node.
#[must_use]
pub fn quick() -> GoDuration {
    GoDuration::from_secs(INCIDENT_REPORT_SECONDS)
}

/// What probes are to judge, by the policies that cover their nodes: most nodes are
/// covered by the same.
#[derive(Default)]
pub struct Wishes {
    by_policies: BTreeMap<Vec<usize>, Vec<HealthTrigger>>,
}

impl Wishes {
    /// What is to be done about the `NodeHealth` of `node`.
    pub fn object(&mut self, view: &View<'_>, node: &Node) -> Option<Action> {
        let mut unreadable = view.snapshot.unreadable(UnreadableKind::NodeHealth);
        if unreadable.any(|it| it.name == node.name) {
            return None;
        }
        let triggers = with_those_of_incidents(view, node, self.triggers(view, node));
        let report_interval = if view.open_on(&node.name).is_empty() {
            GoDuration::from_secs(QUIET_REPORT_SECONDS)
        } else {
            quick()
        };
        let health = view.health(node);
        let Some(health) = health else {
            // It is another node's of that name, or not there.
            let other = view.snapshot.healths.get(&node.name);
            return Some(match other {
                Some(other) => Action::DeleteHealth {
                    node: node.name.clone(),
                    node_uid: other.spec.node_uid.clone(),
                },
                None => Action::CreateHealth(Box::new(new(node, &triggers, report_interval))),
            });
        };
        let is_timed = health.spec.report_interval.get() == report_interval.get()
            || goes_with_a_command(view, node, health);
        let same = health.spec.triggers == *triggers && is_timed;
        (!same).then(|| Action::SetTriggers {
            node: node.name.clone(),
            triggers: triggers.into_owned(),
            report_interval,
            clear_command: is_stale(view, health),
            seen: health.resource_version(),
        })
    }

    /// The signal triggers of every policy that covers `node`, Observe included:
    /// forecasts need them too.
    fn triggers(&mut self, view: &View<'_>, node: &Node) -> &[HealthTrigger] {
        let covering = view.covering_places(node);
        if !self.by_policies.contains_key(covering) {
            let triggers = triggers(view, node);
            self.by_policies.insert(covering.to_vec(), triggers);
        }
        &self.by_policies[covering]
    }
}

/// Whether the command that an incident is about to give brings the interval with
/// it: one write less.
fn goes_with_a_command(view: &View<'_>, node: &Node, health: &NodeHealth) -> bool {
    let [incident] = view.open_on(&node.name) else {
        return false;
    };
    let waits = incident
        .status
        .as_ref()
        .is_some_and(|it| !it.blockers.is_empty());
    match record::phase(incident) {
        Phase::Pending => !waits,
        Phase::DroppingCaches => health.spec.command.is_none(),
        _ => false,
    }
}

fn new(node: &Node, triggers: &[HealthTrigger], report_interval: GoDuration) -> NodeHealth {
    NodeHealth {
        metadata: ObjectMeta {
            name: Some(node.name.clone()),
            owner_references: Some(vec![owner(node)]),
            ..ObjectMeta::default()
        },
        spec: NodeHealthSpec {
            node_uid: node.uid.clone(),
            triggers: triggers.to_vec(),
            report_interval,
            peers: Vec::new(),
            command: None,
        },
        status: None,
    }
}

/// Whether the command that `health` holds is of no incident at work. One that
/// cannot be read is nobody's.
#[must_use]
pub fn is_stale(view: &View<'_>, health: &NodeHealth) -> bool {
    let Some(command) = &health.spec.command else {
        return false;
    };
    let Ok(payload) = CommandPayload::parse(&command.payload) else {
        return true;
    };
    let open = view.open_on(&health.name_any()).iter();
    let mut at_work = open.filter_map(|it| record::current_rung(it.status.as_ref()?));
    !at_work.any(|rung| rung.command_id.as_deref() == Some(&payload.id))
}

fn triggers(view: &View<'_>, node: &Node) -> Vec<HealthTrigger> {
    let mut triggers = Vec::new();
    for policy in view.covering(node) {
        let own = policy.policy.spec.triggers.iter().zip(&policy.hashes);
        triggers.extend(own.filter_map(|(trigger, hash)| measured(&policy.name, trigger, hash)));
    }
    // By priority: what is more than the API takes is of the least.
    triggers.truncate(MAX_TRIGGERS);
    sort(&mut triggers);
    triggers
}

/// With what incidents at work were opened for, where their policies are gone, were
/// edited, or do not cover the node any more: it takes a measurement to prove a cure.
fn with_those_of_incidents<'t>(
    view: &View<'_>,
    node: &Node,
    triggers: &'t [HealthTrigger],
) -> Cow<'t, [HealthTrigger]> {
    let mut all = Cow::Borrowed(triggers);
    let open = view.open_on(&node.name).iter();
    for incident in open.filter(|it| record::phase(it) != Phase::Pending) {
        let spec = &incident.spec;
        let trigger = spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
        let own = spec.policy_name.as_ref().zip(trigger);
        let own = own.and_then(|(policy, it)| measured(policy, it, &it.signal_hash()));
        let Some(own) = own.filter(|own| !all.contains(own)) else {
            continue;
        };
        // One that was edited meanwhile waits: the incident ends by what it began with.
        let all = all.to_mut();
        all.retain(|it| it.policy != own.policy || it.name != own.name);
        all.truncate(MAX_TRIGGERS - 1);
        all.push(own);
        sort(all);
    }
    all
}

fn measured(policy: &str, trigger: &Trigger, hash: &str) -> Option<HealthTrigger> {
    Some(HealthTrigger {
        policy: policy.to_owned(),
        name: trigger.name.clone(),
        signal_hash: hash.to_owned(),
        signal: trigger.signal.clone()?,
        corroborated_by: trigger.corroborated_by.clone(),
        only_on_kernel: trigger.only_on_kernel.clone(),
    })
}

/// The API keeps this list as a map, in any order.
fn sort(triggers: &mut [HealthTrigger]) {
    triggers.sort_by(|a, b| (&a.policy, &a.name).cmp(&(&b.policy, &b.name)));
}

fn owner(node: &Node) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.name.clone(),
        uid: node.uid.clone(),
        ..OwnerReference::default()
    }
}
