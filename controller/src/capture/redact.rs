//! (pure) What is left out of a captured cluster. Decisions on it stay the same.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use unstall_crds::names::{GROUP, annotation};
use unstall_crds::policy::Gates;
use unstall_decide::Snapshot;

/// How much was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Annotations that no decision reads.
    pub annotations: usize,
    /// Signatures of commands.
    pub signatures: usize,
    /// Records of who owns which field.
    pub managed_fields: usize,
}

/// Leaves it out, and brings everything into an order of its own.
pub fn redact(snapshot: &mut Snapshot) -> Redacted {
    let mut redacted = Redacted::default();
    let read = annotations_read(snapshot);
    for node in snapshot.nodes.values_mut() {
        let node = Arc::make_mut(node);
        let before = node.annotations.len();
        node.annotations
            .retain(|key, _| is_ours(key) || read.contains(key));
        redacted.annotations += before - node.annotations.len();
        node.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    }
    for policy in &mut snapshot.policies {
        redacted.metadata(&mut policy.metadata);
    }
    for health in snapshot.healths.values_mut() {
        let health = Arc::make_mut(health);
        redacted.metadata(&mut health.metadata);
        if let Some(command) = &mut health.spec.command {
            redacted.signatures += usize::from(!command.signature.is_empty());
            command.signature.clear();
        }
    }
    for incident in &mut snapshot.remediations {
        redacted.metadata(&mut Arc::make_mut(incident).metadata);
    }
    if let Some(ledger) = &mut snapshot.ledger {
        redacted.metadata(&mut ledger.metadata);
    }
    snapshot
        .policies
        .sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    snapshot
        .remediations
        .sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    for pods in snapshot.pods.values_mut().chain(&mut snapshot.unplaced) {
        pods.sort_by(|a, b| (&a.namespace, &a.name, &a.uid).cmp(&(&b.namespace, &b.name, &b.uid)));
    }
    if let Some(budgets) = &mut snapshot.budgets {
        budgets.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    }
    for volumes in snapshot
        .attachments
        .iter_mut()
        .flat_map(BTreeMap::values_mut)
    {
        volumes.sort();
    }
    if let Some(replicas) = &mut snapshot.replicas {
        replicas.sort_by(|a, b| a.pod.cmp(&b.pod));
    }
    redacted
}

impl Redacted {
    fn metadata(&mut self, metadata: &mut ObjectMeta) {
        self.managed_fields += usize::from(metadata.managed_fields.take().is_some());
        if let Some(annotations) = &mut metadata.annotations {
            let before = annotations.len();
            annotations.retain(|key, _| is_ours(key));
            self.annotations += before - annotations.len();
        }
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "left out: {} annotations that no decision reads, {} signatures of commands, the managed fields of {} objects; \
             secrets, and pods but for their names, labels, owners, claims and times, were never read",
            self.annotations, self.signatures, self.managed_fields
        )
    }
}

/// Whether an annotation is one of Unstall's.
fn is_ours(key: &str) -> bool {
    key.strip_prefix(GROUP)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The annotations of Nodes that decisions read: those of other programs, and those
/// that gates wait for.
fn annotations_read(snapshot: &Snapshot) -> BTreeSet<String> {
    let known = [
        annotation::CLUSTER_API_SKIP,
        annotation::SCALE_DOWN_DISABLED,
        annotation::KARPENTER_DO_NOT_DISRUPT,
    ];
    let of_others = annotation::OF_OTHERS.map(|(key, _)| key);
    let known = known.into_iter().chain(of_others).map(str::to_owned);
    let policies = snapshot.policies.iter().map(|policy| &policy.spec.gates);
    let incidents = snapshot.remediations.iter();
    let copies = incidents.filter_map(|it| Some(&it.spec.policy.as_ref()?.gates));
    known
        .chain(policies.chain(copies).flat_map(of_gates))
        .collect()
}

fn of_gates(gates: &Gates) -> impl Iterator<Item = String> {
    let points = [
        &gates.before_drain,
        &gates.before_reboot,
        &gates.before_uncordon,
    ];
    let all = points.into_iter().flatten();
    all.filter_map(|gate| Some(gate.annotation.as_ref()?.key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::document;
    use crate::config::Document;
    use crate::simulate::read;
    use crate::testing::cluster;
    use unstall_decide::decide;

    #[test]
    fn what_no_decision_reads_is_left_out_and_counted() {
        let mut snapshot = cluster();
        let redacted = redact(&mut snapshot);
        let expected = Redacted {
            annotations: 3,
            signatures: 1,
            managed_fields: 1,
        };
        assert_eq!(redacted, expected);
        let text = document(&snapshot, Document::Yaml).unwrap();
        for word in [
            "secret-of-a-vendor",
            "last-applied",
            "c2lnbmF0dXJl",
            "managedFields",
        ] {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
        for word in [
            "unstall.dev/cordoned-by",
            "storage.example.com/ready",
            "do-not-disrupt",
        ] {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
        assert_eq!(
            redact(&mut snapshot),
            Redacted::default(),
            "nothing is left"
        );
    }

    #[test]
    fn decisions_on_it_are_the_same_after_it_was_written_and_read() {
        let original = decide(&cluster());
        assert!(original.actions.len() > 2, "{original:#?}");
        let mut snapshot = cluster();
        redact(&mut snapshot);
        for format in [Document::Yaml, Document::Json] {
            let text = document(&snapshot, format).unwrap();
            let again = read(&text).unwrap();
            assert_eq!(decide(&again), original, "{text}");
            let twice = document(&again, format).unwrap();
            assert_eq!(twice, text, "the same cluster is the same text");
        }
    }

    #[test]
    fn the_order_of_lists_tells_nothing() {
        let mut one = cluster();
        let mut other = cluster();
        other.policies.reverse();
        other.remediations.reverse();
        other.pods.values_mut().for_each(|pods| pods.reverse());
        redact(&mut one);
        redact(&mut other);
        let text = |snapshot| document(snapshot, Document::Yaml).unwrap();
        assert_eq!(text(&one), text(&other));
    }
}
