//! Plans change Nodes.

use kube::ResourceExt;
use unstall_decide::{Marks, NodeCondition};

use super::World;
use super::nodes::{set, touch};

impl World {
    /// Sets and removes marks on the Node with this UID, if nobody wrote to it since
    /// it was seen.
    pub(super) fn mark(
        &mut self,
        name: &str,
        (uid, seen): (&str, Option<&str>),
        marks: &Marks,
        absent: Option<&str>,
    ) -> Result<(), String> {
        let mut incidents = self.snapshot.remediations.iter();
        if absent.is_some_and(|absent| incidents.any(|it| it.name_any() == absent)) {
            return Err("its incident is there".to_owned());
        }
        let node = self.node_mut(name);
        let node = node.ok_or_else(|| format!("Node {name} is not there"))?;
        if node.uid != uid || node.resource_version.as_deref() != seen {
            return Err(format!("Node {name} was written meanwhile"));
        }
        if let Some(unschedulable) = marks.unschedulable {
            node.unschedulable = unschedulable;
        }
        patch(&mut node.annotations, &marks.annotations);
        patch(&mut node.labels, &marks.labels);
        touch(node);
        let node = node.clone();
        let facts = self.facts.get_mut(name).ok_or("a node without facts")?;
        facts.unschedulable = node.unschedulable;
        facts.annotations = node.annotations;
        facts.labels = node.labels;
        Ok(())
    }

    pub(super) fn set_conditions(
        &mut self,
        name: &str,
        conditions: Vec<NodeCondition>,
        remove: &[String],
    ) -> Result<(), String> {
        let node = self.node_mut(name);
        let node = node.ok_or_else(|| format!("Node {name} is not there"))?;
        for condition in conditions {
            set(node, condition);
        }
        node.conditions.retain(|it| !remove.contains(&it.type_));
        touch(node);
        Ok(())
    }
}

fn patch(
    target: &mut std::collections::BTreeMap<String, String>,
    changes: &std::collections::BTreeMap<String, Option<String>>,
) {
    for (key, value) in changes {
        match value {
            Some(value) => target.insert(key.clone(), value.clone()),
            None => target.remove(key),
        };
    }
}
