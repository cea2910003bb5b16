//! Stores and time -> plain snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use unstall_crds::names::LEDGER;
use unstall_decide::{EvictionAnswer, Limits, Snapshot, Unreadable, UnreadableKind};

use super::stores::Readable;
use super::{Heard, Nearby, Stores};

/// What this process knows beside the cluster's objects.
pub struct Memory {
    /// When probes were heard.
    pub heard: Heard,
    /// Bounds of what is looked at and kept.
    pub limits: Limits,
}

/// What is known at `now`.
#[must_use]
pub fn snapshot(
    stores: &Stores,
    nearby: &Nearby,
    memory: &mut Memory,
    evictions: BTreeMap<String, EvictionAnswer>,
    now: Timestamp,
    epoch: i64,
) -> Snapshot {
    let mut unreadable = Vec::new();
    let healths = good(
        stores.healths.all(),
        UnreadableKind::NodeHealth,
        &mut unreadable,
    );
    memory.heard.update(now, healths.values().map(Arc::as_ref));
    let policies = good(
        stores.policies.all(),
        UnreadableKind::NodeHealthPolicy,
        &mut unreadable,
    );
    let remediations = good(
        stores.remediations.all(),
        UnreadableKind::NodeRemediation,
        &mut unreadable,
    );
    let mut ledgers = good(
        stores.ledgers.all(),
        UnreadableKind::DisruptionLedger,
        &mut unreadable,
    );
    let mut snapshot = Snapshot {
        now,
        epoch,
        policies: policies.into_values().map(Arc::unwrap_or_clone).collect(),
        nodes: stores.nodes.all().unwrap_or_default(),
        healths,
        heard: memory.heard.times(),
        remediations: remediations.into_values().collect(),
        ledger: ledgers.remove(LEDGER).map(Arc::unwrap_or_clone),
        evictions,
        unreadable,
        stale: stores.stale(),
        limits: memory.limits,
        ..Snapshot::default()
    };
    nearby.tell(&mut snapshot);
    snapshot
}

/// Those that could be read; the others go to `unreadable`.
fn good<K>(
    all: Option<BTreeMap<String, Arc<Readable<K>>>>,
    kind: UnreadableKind,
    unreadable: &mut Vec<Unreadable>,
) -> BTreeMap<String, Arc<K>> {
    let mut good = BTreeMap::new();
    for (name, object) in all.unwrap_or_default() {
        match object.as_ref() {
            Ok(read) => {
                good.insert(name, Arc::clone(read));
            }
            Err(why) => unreadable.push(Unreadable {
                kind,
                name,
                why: why.clone(),
            }),
        }
    }
    good
}
