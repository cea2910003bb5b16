//! Scripts change Nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use unstall_decide::{Node, NodeCondition};

use super::World;
use super::facts::{ConditionFact, DatedCondition, NodeFacts};
use super::patch::{merge, read, stored};

impl World {
    pub(super) fn change_node(&mut self, name: &str, patch: &Value) -> Result<(), String> {
        let old = self.facts.remove(name);
        let node = self.snapshot.nodes.remove(name);
        if patch.is_null() {
            self.pods.remove(name);
            return Ok(());
        }
        let mut patch = patch.clone();
        let fields = patch.as_object_mut().ok_or("a node is a map")?;
        let conditions = fields.remove("conditions").unwrap_or(json!({}));
        let conditions: BTreeMap<String, Option<ConditionFact>> = read(name, conditions)?;
        let says_ready = fields.contains_key("ready");
        let facts = new_facts(name, old, &patch)?;
        let uid = facts.uid.clone().unwrap_or_else(|| format!("uid-{name}"));
        let node = node.filter(|node| node.uid == uid);
        let says_ready = says_ready || node.is_none();
        let mut node = Arc::unwrap_or_clone(node.unwrap_or_default());
        name.clone_into(&mut node.name);
        node.uid = uid;
        node.labels.clone_from(&facts.labels);
        node.annotations.clone_from(&facts.annotations);
        node.taints.clone_from(&facts.taints);
        node.unschedulable = facts.unschedulable;
        node.deleting = facts.deleting;
        node.boot_id = Some(boot_seen_by_kubelet(name, &facts));
        let kernel = facts.kernel_seen_by_kubelet.as_ref();
        node.kernel = kernel.or(facts.kernel.as_ref()).cloned();
        if says_ready {
            let status = if facts.ready { "True" } else { "False" };
            self.condition(&mut node, "Ready", &ConditionFact::Plain(status.to_owned()));
        }
        for (type_, fact) in &conditions {
            match fact {
                Some(fact) => self.condition(&mut node, type_, fact),
                None => node.conditions.retain(|it| it.type_ != *type_),
            }
        }
        touch(&mut node);
        self.snapshot.nodes.insert(name.to_owned(), Arc::new(node));
        self.facts.insert(name.to_owned(), facts);
        Ok(())
    }

    fn condition(&self, node: &mut Node, type_: &str, fact: &ConditionFact) {
        let DatedCondition {
            status,
            ago,
            undated,
            reason,
        } = match fact {
            ConditionFact::More(more) => more.clone(),
            ConditionFact::Plain(status) => DatedCondition {
                status: status.clone(),
                ..DatedCondition::default()
            },
        };
        let old = node.condition(type_);
        let stood = old.filter(|old| old.status == status && ago.is_none());
        let ago = ago.map_or(SignedDuration::ZERO, |ago| {
            SignedDuration::try_from(ago.get()).unwrap()
        });
        let since = stood.map_or(Some(self.snapshot.now - ago), |old| old.since);
        let new = NodeCondition {
            type_: type_.to_owned(),
            status,
            reason,
            message: String::new(),
            since: since.filter(|_| !undated),
        };
        set(node, new);
    }
}

/// Sets a condition, as a merge patch of the Node's status would. The API keeps
/// whole seconds.
pub fn set(node: &mut Node, mut new: NodeCondition) {
    new.since = new.since.map(|since| stored(&Time(since)).0);
    let mut all = node.conditions.iter_mut();
    match all.find(|it| it.type_ == new.type_) {
        Some(old) => *old = new,
        None => node.conditions.push(new),
    }
}

/// Counts the object's versions.
pub fn touch(node: &mut Node) {
    let old = node.resource_version.as_deref().unwrap_or("0");
    node.resource_version = Some((old.parse::<u64>().unwrap() + 1).to_string());
}

/// The boot of `name`, as its probe reports it.
pub fn boot(name: &str, facts: &NodeFacts) -> String {
    let boot = facts.boot.clone();
    boot.unwrap_or_else(|| format!("boot-of-{name}"))
}

fn boot_seen_by_kubelet(name: &str, facts: &NodeFacts) -> String {
    let seen = facts.boot_seen_by_kubelet.clone();
    seen.unwrap_or_else(|| boot(name, facts))
}

fn new_facts(name: &str, old: Option<NodeFacts>, patch: &Value) -> Result<NodeFacts, String> {
    let mut facts = old.unwrap_or_default();
    let uid = patch.get("uid").and_then(Value::as_str);
    if uid.is_some() && uid != facts.uid.as_deref() {
        // Another machine: nothing that was on the Node is.
        let NodeFacts {
            labels,
            annotations,
            taints,
            unschedulable,
            ..
        } = NodeFacts::default();
        facts = NodeFacts {
            labels,
            annotations,
            taints,
            unschedulable,
            ..facts
        };
    }
    let mut facts = json!(facts);
    merge(&mut facts, patch);
    read(name, facts)
}
