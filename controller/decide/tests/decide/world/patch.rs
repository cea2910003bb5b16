//! Scripts change the world.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{CommandState, CommandStatus, NodeHealth};
use unstall_crds::ledger::{HistoryEntry, Slot, SlotKind};
use unstall_crds::names::LEDGER;
use unstall_crds::policy::{NodeHealthPolicy, RemedyKind};
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::Limits;

use super::World;
use super::act::next_version;
use super::script::{Answer, LimitFacts, Step};

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
        self.change_pods(step)?;
        for (name, patch) in &step.healths {
            let old = self.snapshot.healths.remove(name);
            let old = old.map(Arc::unwrap_or_clone);
            if let Some(health) = patched::<NodeHealth>(name, "NodeHealth", old, patch)? {
                self.snapshot.healths.insert(name.clone(), Arc::new(health));
            }
        }
        for (name, patch) in &step.remediations {
            self.change_remediation(name, patch)?;
        }
        if let Some(patch) = &step.ledger {
            let old = self.snapshot.ledger.take();
            self.snapshot.ledger = patched(LEDGER, "DisruptionLedger", old, patch)?;
        }
        if let Some(epoch) = step.epoch {
            self.snapshot.epoch = epoch;
            // What another controller was answered is not known to this one.
            self.snapshot.evictions.clear();
            let ledger = self.snapshot.ledger.as_mut().ok_or("there is no ledger")?;
            ledger.status.get_or_insert_default().epoch = epoch;
        }
        self.fill_ledger(step.others_in_history, step.others_with_slots);
        if let Some(ledger) = &mut self.snapshot.ledger {
            ledger.metadata.resource_version =
                Some(next_version(ledger.metadata.resource_version.as_deref()));
        }
        self.change_others(step);
        for (names, answer) in &step.answers {
            for name in expand(names) {
                self.answer(&name, answer)?;
            }
        }
        Ok(())
    }

    fn change_others(&mut self, step: &Step) {
        let alerts = step.alerts.clone();
        self.snapshot.alerts = alerts.unwrap_or(std::mem::take(&mut self.snapshot.alerts));
        if let Some(replicas) = &step.replicas {
            self.snapshot.replicas = Some(replicas.clone());
        }
        self.templates = step.templates.unwrap_or(self.templates);
        for (incident, is_there) in &step.others {
            match is_there {
                true => self.others.insert(incident.clone()),
                false => self.others.remove(incident),
            };
        }
        if let Some(unreadable) = &step.unreadable {
            self.snapshot.unreadable.clone_from(unreadable);
        }
        self.snapshot.stale.clone_from(&step.interrupted);
        for (about, state) in &step.sights {
            match state {
                Some(state) => self.sights.insert(about.clone(), state.clone()),
                None => self.sights.remove(about),
            };
        }
        if let Some(limits) = &step.limits {
            self.snapshot.limits = bounds(limits);
        }
    }

    fn change_remediation(&mut self, name: &str, patch: &Value) -> Result<(), String> {
        let old = self.remove_remediation(name);
        let created = Time(self.snapshot.now);
        let Some(mut new) = patched::<NodeRemediation>(name, "NodeRemediation", old, patch)? else {
            return Ok(());
        };
        new.metadata.creation_timestamp.get_or_insert(created);
        if let Some(version) = &new.metadata.resource_version {
            new.metadata.resource_version = Some(next_version(Some(version)));
        }
        let all = &mut self.snapshot.remediations;
        all.push(Arc::new(stored(&new)));
        all.sort_by_key(|it| it.name_any());
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
        let status = fields.remove("status");
        let mut object = old.map_or_else(|| typical(name), |old| json!(old));
        merge(&mut object["spec"], &patch);
        if let Some(status) = status {
            merge(&mut object["status"], &status);
        }
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

    fn remove_remediation(&mut self, name: &str) -> Option<NodeRemediation> {
        let all = &mut self.snapshot.remediations;
        let at = all.iter().position(|r| r.name_any() == name)?;
        Some(Arc::unwrap_or_clone(all.remove(at)))
    }

    fn fill_ledger(&mut self, entries: usize, slots: usize) {
        let now = self.snapshot.now;
        let Some(ledger) = &mut self.snapshot.ledger else {
            return;
        };
        let entries = (0..entries).map(|i| HistoryEntry {
            node: format!("other-{i}"),
            action: RemedyKind::DropCaches,
            remedy: "drop".to_owned(),
            at: Time(now),
            until: Time(now + SignedDuration::from_hours(1)),
        });
        let slots = (0..slots).map(|i| Slot {
            node: format!("other-{i}"),
            node_uid: format!("uid-other-{i}"),
            remediation: format!("other-{i}-1"),
            kind: SlotKind::InPlace,
            boot_id: None,
            epoch: 7,
            since: Time(now),
        });
        let status = ledger.status.get_or_insert_default();
        status.history.extend(entries);
        status.slots.extend(slots);
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

pub(super) fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

/// An object as it is read back from the API, which keeps whole seconds only.
pub fn stored<T: Serialize + DeserializeOwned>(object: &T) -> T {
    serde_json::from_value(json!(object)).unwrap()
}

/// A JSON merge patch (RFC 7386): null removes.
pub(super) fn merge(target: &mut Value, patch: &Value) {
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

fn bounds(facts: &LimitFacts) -> Limits {
    let usual = Limits::default();
    let age = facts.record_age.as_ref();
    Limits {
        pod_nodes: facts.pod_nodes.unwrap_or(usual.pod_nodes),
        waiting: facts.waiting.unwrap_or(usual.waiting),
        evictions_per_node: facts.evictions_per_node.unwrap_or(usual.evictions_per_node),
        records: facts.records.unwrap_or(usual.records),
        record_age: age.map_or(usual.record_age, |age| {
            SignedDuration::try_from(age.get()).unwrap()
        }),
        ..usual
    }
}

/// `n[1-3]` is n1, n2, n3; any other name is itself.
pub(super) fn expand(names: &str) -> Vec<String> {
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
