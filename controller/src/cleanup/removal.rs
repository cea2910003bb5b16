//! (pure) What of ours is on a Node, and the writes that remove it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use unstall_decide::{Marks, Node, all_of_ours, cleared};

/// What is to be removed from one Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    marks: Marks,
    conditions: Vec<String>,
}

impl Removal {
    /// Everything of ours; `None` where there is nothing.
    #[must_use]
    pub fn of(node: &Node) -> Option<Self> {
        let (marks, conditions) = (cleared(node), all_of_ours(node));
        let is_nothing = marks.is_empty() && conditions.is_empty();
        (!is_nothing).then_some(Self { marks, conditions })
    }

    /// A merge patch that removes the marks, if the Node is still at `version`.
    #[must_use]
    pub fn marks(&self, version: Option<&str>) -> Option<Value> {
        if self.marks.is_empty() {
            return None;
        }
        let mut patch = json!({"metadata": {
            "resourceVersion": version,
            "annotations": nulls(&self.marks.annotations),
            "labels": nulls(&self.marks.labels),
        }});
        if self.marks.unschedulable.is_some() {
            patch["spec"] = json!({"unschedulable": null});
        }
        Some(patch)
    }

    /// A strategic merge patch of the status that removes the conditions.
    #[must_use]
    pub fn conditions(&self) -> Option<Value> {
        let conditions = self.conditions.iter();
        let deletions: Vec<Value> = conditions
            .map(|type_| json!({"$patch": "delete", "type": type_}))
            .collect();
        (!deletions.is_empty()).then(|| json!({"status": {"conditions": deletions}}))
    }

    /// The same for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let cordon = self.marks.unschedulable.map(|_| "the cordon".to_owned());
        let annotations = self
            .marks
            .annotations
            .keys()
            .map(|key| format!("annotation {key}"));
        let labels = self.marks.labels.keys().map(|key| format!("label {key}"));
        let conditions = self
            .conditions
            .iter()
            .map(|type_| format!("condition {type_}"));
        let all: Vec<String> = cordon
            .into_iter()
            .chain(annotations)
            .chain(labels)
            .chain(conditions)
            .collect();
        all.join(", ")
    }
}

fn nulls(changes: &BTreeMap<String, Option<String>>) -> Map<String, Value> {
    changes
        .keys()
        .map(|key| (key.clone(), Value::Null))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cluster;
    use unstall_decide::NodeCondition;

    #[test]
    fn only_what_is_ours_is_removed() {
        let snapshot = cluster();
        assert_eq!(Removal::of(&snapshot.nodes["n1"]), None);
        assert_eq!(
            Removal::of(&snapshot.nodes["n3"]),
            None,
            "somebody else's cordon"
        );
        let mut node = snapshot.nodes["n2"].as_ref().clone();
        let condition = |type_: &str, reason: &str| NodeCondition {
            type_: type_.to_owned(),
            status: "True".to_owned(),
            reason: reason.to_owned(),
            ..NodeCondition::default()
        };
        node.conditions
            .push(condition("Drained", "UnstallRemediation"));
        node.conditions
            .push(condition("MaintenancePlanned", "OfAnotherOne"));
        node.conditions
            .push(condition("unstall.dev/KernelStall", "Stalled"));
        let removal = Removal::of(&node).unwrap();
        assert_eq!(
            removal.sentence(),
            "the cordon, annotation unstall.dev/cordoned-by, condition Drained, condition unstall.dev/KernelStall"
        );
        let marks = json!({
            "metadata": {"resourceVersion": "12", "annotations": {"unstall.dev/cordoned-by": null}, "labels": {}},
            "spec": {"unschedulable": null},
        });
        assert_eq!(removal.marks(Some("12")), Some(marks));
        let conditions = json!({"status": {"conditions": [
            {"$patch": "delete", "type": "Drained"},
            {"$patch": "delete", "type": "unstall.dev/KernelStall"},
        ]}});
        assert_eq!(removal.conditions(), Some(conditions));
    }
}
