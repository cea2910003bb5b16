//! Stores and time -> plain snapshot.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::ResourceExt;
use unstall_crds::names::LEDGER;
use unstall_decide::{Node, Snapshot};

use super::{Heard, Stores};

/// What the stores hold at `now`.
#[must_use]
pub fn snapshot(stores: &Stores, heard: &mut Heard, now: Timestamp, epoch: i64) -> Snapshot {
    let healths: BTreeMap<String, _> = stores
        .healths
        .state()
        .iter()
        .map(|health| (health.name_any(), health.as_ref().clone()))
        .collect();
    heard.update(now, healths.values());
    let nodes = stores
        .nodes
        .state()
        .iter()
        .map(|node| (node.name_any(), plain(node)))
        .collect();
    let ledgers = stores.ledgers.state();
    let mut policies: Vec<_> = stores
        .policies
        .state()
        .iter()
        .map(|p| p.as_ref().clone())
        .collect();
    policies.sort_by_key(ResourceExt::name_any);
    let mut remediations: Vec<_> = stores
        .remediations
        .state()
        .iter()
        .map(|r| r.as_ref().clone())
        .collect();
    remediations.sort_by_key(ResourceExt::name_any);
    Snapshot {
        now,
        epoch,
        policies,
        nodes,
        healths,
        heard: heard.times(),
        remediations,
        ledger: ledgers
            .iter()
            .find(|l| l.name_any() == LEDGER)
            .map(|l| l.as_ref().clone()),
    }
}

fn plain(node: &KubeNode) -> Node {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions
        .filter(|c| c.type_ == "Ready")
        .any(|c| c.status == "True");
    Node {
        name: node.name_any(),
        uid: node.uid().unwrap_or_default(),
        labels: node.labels().clone(),
        annotations: node.annotations().clone(),
        ready,
        unschedulable: node.spec.as_ref().and_then(|s| s.unschedulable) == Some(true),
        deleting: node.metadata.deletion_timestamp.is_some(),
    }
}
