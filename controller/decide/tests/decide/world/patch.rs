//! Scripts change the world.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{CommandState, CommandStatus, NodeHealth};
use unstall_crds::ledger::HistoryEntry;
use unstall_crds::names::LEDGER;
use unstall_crds::policy::{NodeHealthPolicy, RemedyKind};
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::Node;

use super::World;
use super::script::{Answer, NodeFacts, Step};

impl World {
    /// Carries out what `step` says has changed.
    pub(super) fn change(&mut self, step: &Step) -> Result<(), String> {
        for (name, patch) in &step.policies {
            self.change_policy(name, patch)?;
        }
        let mut nodes: Vec<_> = step.nodes.iter().collect();
        nodes.sort_by_key(|(names, _)| !names.contains('['));
        for (names, patch) in nodes {
            for name in expand(names) {
                self.change_node(&name, patch)?;
            }
        }
        for (name, patch) in &step.healths {
            let old = self.snapshot.healths.remove(name);
            if let Some(health) = patched::<NodeHealth>(name, "NodeHealth", old, patch)? {
                self.snapshot.healths.insert(name.clone(), health);
            }
        }
        for (name, patch) in &step.remediations {
            let old = self.remove_remediation(name);
            let new = patched::<NodeRemediation>(name, "NodeRemediation", old, patch)?;
            self.snapshot.remediations.extend(new);
            self.snapshot
                .remediations
                .sort_by_key(ResourceExt::name_any);
        }
        if let Some(patch) = &step.ledger {
            let old = self.snapshot.ledger.take();
            self.snapshot.ledger = patched(LEDGER, "DisruptionLedger", old, patch)?;
        }
        if let Some(epoch) = step.epoch {
            self.snapshot.epoch = epoch;
            let ledger = self.snapshot.ledger.as_mut().ok_or("there is no ledger")?;
            ledger.status.get_or_insert_default().epoch = epoch;
        }
        self.fill_history(step.others_in_history);
        for (names, answer) in &step.answers {
            for name in expand(names) {
                self.answer(&name, answer)?;
            }
        }
        Ok(())
    }

    fn change_policy(&mut self, name: &str, patch: &Value) -> Result<(), String> {
        let at = self
            .snapshot
            .policies
            .iter()
            .position(|policy| policy.name_any() == name);
        let old = at.map(|at| self.snapshot.policies.remove(at));
        let mut patch = patch.clone();
        let Some(fields) = patch.as_object_mut() else {
            return Ok(());
        };
        let created = fields.remove("created");
        let mut object = old.map_or_else(|| typical(name), |old| json!(old));
        merge(&mut object["spec"], &patch);
        if let Some(created) = created {
            object["metadata"]["creationTimestamp"] = created;
        }
        let generation = object["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
        object["metadata"]["generation"] = json!(generation);
        let policy: NodeHealthPolicy = read(name, object)?;
        self.snapshot.policies.push(policy);
        self.snapshot.policies.sort_by_key(ResourceExt::name_any);
        Ok(())
    }

    fn change_node(&mut self, name: &str, patch: &Value) -> Result<(), String> {
        if patch.is_null() {
            self.facts.remove(name);
            self.snapshot.nodes.remove(name);
            return Ok(());
        }
        let mut facts = json!(self.facts.remove(name).unwrap_or_default());
        merge(&mut facts, patch);
        let facts: NodeFacts = read(name, facts)?;
        let node = Node {
            name: name.to_owned(),
            uid: facts.uid.clone().unwrap_or_else(|| format!("uid-{name}")),
            labels: facts.labels.clone(),
            annotations: facts.annotations.clone(),
            ready: facts.ready,
            unschedulable: facts.unschedulable,
            deleting: facts.deleting,
        };
        self.snapshot.nodes.insert(name.to_owned(), node);
        self.facts.insert(name.to_owned(), facts);
        Ok(())
    }

    fn remove_remediation(&mut self, name: &str) -> Option<NodeRemediation> {
        let all = &mut self.snapshot.remediations;
        let at = all.iter().position(|r| r.name_any() == name)?;
        Some(all.remove(at))
    }

    fn fill_history(&mut self, count: usize) {
        let now = self.snapshot.now;
        let Some(ledger) = &mut self.snapshot.ledger else {
            return;
        };
        let entries = (0..count).map(|i| HistoryEntry {
            node: format!("other-{i}"),
            action: RemedyKind::DropCaches,
            remedy: "drop".to_owned(),
            at: Time(now),
            until: Time(now + SignedDuration::from_hours(1)),
        });
        let status = ledger.status.get_or_insert_default();
        status.history.extend(entries);
    }

    fn answer(&mut self, node: &str, answer: &Answer) -> Result<(), String> {
        let health = self.snapshot.healths.get(node);
        let command = health
            .and_then(|health| health.spec.command.as_ref())
            .ok_or_else(|| format!("{node} has no command to answer"))?;
        let payload = CommandPayload::parse(&command.payload).map_err(|e| e.to_string())?;
        let known = self
            .answers
            .get(node)
            .filter(|known| known.id == payload.id);
        let now = Some(Time(self.snapshot.now));
        let status = CommandStatus {
            id: payload.id,
            epoch: Some(payload.epoch),
            action: Some(payload.action),
            state: answer.state,
            reason: answer.reason,
            message: answer.message.clone(),
            level: None,
            passes: None,
            reclaim_steps: None,
            freed_bytes: None,
            key_id: None,
            accepted_at: known.map_or(now.clone(), |known| known.accepted_at.clone()),
            finished_at: now.filter(|_| answer.state != CommandState::Accepted),
            before: None,
            after: None,
        };
        self.answers.insert(node.to_owned(), status);
        Ok(())
    }
}

/// A policy that drops caches where `memory.stat` is slow to read.
fn typical(name: &str) -> Value {
    json!({
        "apiVersion": "unstall.dev/v1alpha1",
        "kind": "NodeHealthPolicy",
        "metadata": {"name": name, "uid": format!("uid-{name}")},
        "spec": {
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{
                "name": "slow",
                "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms", "for": "1m"},
                "remedies": ["drop"],
            }],
            "remedies": [{"name": "drop", "dropCaches": {}}],
        },
    })
}

/// The object `old`, or an empty one, with `patch`; none when that is null.
fn patched<K: Serialize + DeserializeOwned>(
    name: &str,
    kind: &str,
    old: Option<K>,
    patch: &Value,
) -> Result<Option<K>, String> {
    if patch.is_null() {
        return Ok(None);
    }
    let empty = json!({
        "apiVersion": "unstall.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {},
    });
    let mut object = old.map_or(empty, |old| json!(old));
    merge(&mut object, patch);
    read(name, object).map(Some)
}

fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

/// An object as it is read back from the API, which keeps whole seconds only.
pub fn stored<T: Serialize + DeserializeOwned>(object: &T) -> T {
    serde_json::from_value(json!(object)).unwrap()
}

/// A JSON merge patch (RFC 7386): null removes.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// `n[1-3]` is n1, n2, n3; any other name is itself.
fn expand(names: &str) -> Vec<String> {
    let range = names.strip_suffix(']').and_then(|rest| {
        let (prefix, range) = rest.split_once('[')?;
        let (first, last) = range.split_once('-')?;
        Some((prefix, first.parse::<u32>().ok()?, last.parse().ok()?))
    });
    match range {
        Some((prefix, first, last)) => (first..=last).map(|n| format!("{prefix}{n}")).collect(),
        None => vec![names.to_owned()],
    }
}
