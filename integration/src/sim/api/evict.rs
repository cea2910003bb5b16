//! Evictions: past a budget nobody goes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kind::Kind;
use super::reply::Reply;
use super::store::Store;
use super::write::{Written, end};

/// Asks for the eviction of the pod at `key`.
pub fn evict(store: &mut Store, key: &str, body: &Value, now: Timestamp) -> Written {
    let Some(pod) = store.get(Kind::Pod, key).cloned() else {
        return (Reply::not_found(key), None);
    };
    let options = &body["deleteOptions"];
    let uid = &options["preconditions"]["uid"];
    if uid.is_string() && *uid != pod["metadata"]["uid"] {
        let reply = Reply::conflict("Precondition failed: UID in precondition");
        return (reply, None);
    }
    let grace = options["gracePeriodSeconds"].as_i64();
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    let is_guarded = phase == "Running" && !is_leaving(&pod);
    if is_guarded && let Some(refusal) = refusal(store, &pod) {
        return (refusal, None);
    }
    let (reply, commit) = end(store, Kind::Pod, key, grace, now);
    if reply.is_good() {
        let done = json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201});
        return (Reply::object(201, &done), commit);
    }
    (reply, commit)
}

fn refusal(store: &Store, pod: &Value) -> Option<Reply> {
    let mut budgets = store
        .all(Kind::Budget)
        .map(|(_, budget)| budget)
        .filter(|budget| guards(budget, pod));
    let budget = budgets.next()?;
    if budgets.next().is_some() {
        let text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Some(Reply::refused(500, "InternalError", text));
    }
    let allowed = allowed(store, budget);
    if allowed > 0 {
        return None;
    }
    let name = budget["metadata"]["name"].as_str().unwrap_or_default();
    let text = format!("The disruption budget {name} needs more healthy pods");
    let cause = json!({"reason": "DisruptionBudget", "message": text});
    let text = "Cannot evict pod as it would violate the pod's disruption budget.";
    Some(Reply::because(
        429,
        "TooManyRequests",
        text,
        json!({"causes": [cause]}),
    ))
}

/// Whether `budget` is about `pod`.
pub fn guards(budget: &Value, pod: &Value) -> bool {
    let wanted = budget["spec"]["selector"]["matchLabels"].as_object();
    let labels = &pod["metadata"]["labels"];
    budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
        && wanted.is_some_and(|it| it.iter().all(|(name, value)| labels[name] == *value))
}

/// How many of its pods may go now.
pub fn allowed(store: &Store, budget: &Value) -> i64 {
    let pods = store.all(Kind::Pod).map(|(_, pod)| pod);
    let healthy = pods
        .filter(|pod| guards(budget, pod) && is_ready(pod) && !is_leaving(pod))
        .count();
    let needed = budget["spec"]["minAvailable"].as_i64().unwrap_or_default();
    i64::try_from(healthy).unwrap_or_default() - needed
}

pub fn is_leaving(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_string()
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        let mut ready = all.iter().filter(|it| it["type"] == "Ready");
        ready.any(|it| it["status"] == "True")
    })
}
