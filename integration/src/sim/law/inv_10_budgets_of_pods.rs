//! Law 10: Pods are evicted, and with grace; deleted only where a rule of the policy says so.

use serde_json::Value;
use unstall_crds::policy::DrainAction;

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::api::store::key;
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past, call: &Call, body: &Value) -> Verdict {
    if call.kind != Kind::Pod {
        return Ok(());
    }
    if call.verb == Verb::Delete && !may_be_deleted(world, call) {
        return Err(format!("{}: past any budget", call.text()));
    }
    let options = match call.verb {
        Verb::Delete => body,
        _ => &body["deleteOptions"],
    };
    match options["gracePeriodSeconds"].as_i64() {
        Some(grace) if grace < 1 => Err(format!("{} with {grace} s of grace", call.text())),
        _ => Ok(()),
    }
}

/// Whether the incident that has the pod's node may delete it.
fn may_be_deleted(world: &World, call: &Call) -> bool {
    let key = key(call.namespace.as_deref(), &call.name);
    let Some(pod) = world.store.get(Kind::Pod, &key) else {
        return true;
    };
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    facts::rule_of(world, node, pod, DrainAction::Delete)
}
