//! Writes, as the API server takes them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kind::Kind;
use super::reply::Reply;
use super::route::{Call, Verb};
use super::store::{Store, key};

/// What a write changed.
#[derive(Debug, Clone)]
pub struct Commit {
    pub kind: Kind,
    pub key: String,
    pub before: Option<Arc<Value>>,
    pub after: Option<Arc<Value>>,
}

/// An answer, and what was changed if it was a yes.
pub type Written = (Reply, Option<Commit>);

/// Does what `call` asks, with `body`.
pub fn write(store: &mut Store, call: &Call, body: &Value, now: Timestamp) -> Written {
    let written = match call.verb {
        Verb::Create => create(store, call, body, now),
        Verb::Replace => replace(store, call, body),
        Verb::Patch => patch(store, call, body),
        Verb::Delete => delete(store, call, body, now),
        Verb::Get | Verb::List | Verb::Watch => Err(Reply::refused(405, "MethodNotAllowed", "")),
    };
    written.unwrap_or_else(|refusal| (refusal, None))
}

fn create(store: &mut Store, call: &Call, body: &Value, now: Timestamp) -> Result<Written, Reply> {
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    let key = key(call.namespace.as_deref(), name);
    if store.get(call.kind, &key).is_some() {
        let text = format!("{} {name} already exists", call.kind.form().plural);
        return Err(Reply::refused(409, "AlreadyExists", &text));
    }
    let mut object = body.clone();
    if call.kind.form().has_status && !is_core(call.kind) {
        remove(&mut object, "status");
    }
    birth(&mut object, call.kind, store.version(), now);
    if let Some(namespace) = &call.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    Ok(put(store, call.kind, &key, object, 201))
}

/// Gives a new object what the API server gives it.
pub fn birth(object: &mut Value, kind: Kind, version: u64, now: Timestamp) {
    let form = kind.form();
    let plural = form.plural;
    object["apiVersion"] = json!(form.api_version);
    object["kind"] = json!(form.kind);
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(format!("{plural}-{}", version + 1));
    metadata["generation"] = json!(1);
    metadata["creationTimestamp"] = json!(whole(now));
}

fn replace(store: &mut Store, call: &Call, body: &Value) -> Result<Written, Reply> {
    let (key, old) = live(store, call)?;
    let version = &body["metadata"]["resourceVersion"];
    check(&old, version, &body["metadata"]["uid"])?;
    let mut new = old.as_ref().clone();
    if call.subresource.as_deref() == Some("status") {
        new["status"] = body["status"].clone();
    } else {
        for (field, value) in body.as_object().into_iter().flatten() {
            if field == "spec" || (field == "status" && !call.kind.form().has_status) {
                new[field] = value.clone();
            }
        }
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(value) = body["metadata"].get(field) {
                new["metadata"][field] = value.clone();
            }
        }
    }
    finish(store, call, &key, &old, new)
}

fn patch(store: &mut Store, call: &Call, body: &Value) -> Result<Written, Reply> {
    let (key, old) = live(store, call)?;
    let metadata = &body["metadata"];
    check(&old, &metadata["resourceVersion"], &metadata["uid"])?;
    let mut new = old.as_ref().clone();
    let is_status = call.subresource.as_deref() == Some("status");
    let mut body = body.clone();
    if call.is_strategic
        && let Some(status) = body["status"].as_object_mut()
        && let Some(Value::Array(changes)) = status.remove("conditions")
    {
        merge_conditions(&mut new["status"]["conditions"], changes);
    }
    if is_status {
        let status = body["status"].take();
        json_patch::merge(&mut new["status"], &status);
    } else {
        remove(&mut body, "status");
        if body["metadata"].is_object() {
            remove(&mut body["metadata"], "resourceVersion");
        }
        json_patch::merge(&mut new, &body);
    }
    finish(store, call, &key, &old, new)
}

/// Merges by type, as Nodes' conditions are.
fn merge_conditions(conditions: &mut Value, changes: Vec<Value>) {
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Value::Array(all) = conditions else {
        return;
    };
    for change in changes {
        let known = all.iter().position(|it| it["type"] == change["type"]);
        match (known, change["$patch"] == "delete") {
            (Some(at), true) => {
                all.remove(at);
            }
            (Some(at), false) => json_patch::merge(&mut all[at], &change),
            (None, true) => {}
            (None, false) => all.push(change),
        }
    }
}

fn finish(
    store: &mut Store,
    call: &Call,
    key: &str,
    old: &Arc<Value>,
    mut new: Value,
) -> Result<Written, Reply> {
    if new == **old {
        // Nothing changes, and nobody is told.
        return Ok((Reply::object(200, &new), None));
    }
    if let Some(why) = forbidden(call.kind, old, &new) {
        return Err(Reply::invalid(&why));
    }
    if !is_core(call.kind) && new["spec"] != old["spec"] {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
        new["metadata"]["generation"] = json!(generation + 1);
    }
    Ok(put(store, call.kind, key, new, 200))
}

/// What the rules in the schemas of our kinds forbid.
fn forbidden(kind: Kind, old: &Value, new: &Value) -> Option<String> {
    match kind {
        Kind::Ledger => {
            let epoch = |it: &Value| it["status"]["epoch"].as_i64().unwrap_or_default();
            (epoch(new) < epoch(old))
                .then(|| format!("status.epoch: {} is below {}", epoch(new), epoch(old)))
        }
        Kind::Remediation => {
            let outcome = &old["status"]["outcome"];
            (!outcome.is_null() && new["status"]["outcome"] != *outcome)
                .then(|| "status.outcome: an incident that ended stays as it ended".to_owned())
        }
        Kind::Health => (old["spec"]["nodeUID"] != new["spec"]["nodeUID"])
            .then(|| "spec.nodeUID: never changes".to_owned()),
        _ => None,
    }
}

fn delete(store: &mut Store, call: &Call, body: &Value, now: Timestamp) -> Result<Written, Reply> {
    let (key, old) = live(store, call)?;
    check(
        &old,
        &body["preconditions"]["resourceVersion"],
        &body["preconditions"]["uid"],
    )?;
    let grace = body["gracePeriodSeconds"].as_i64();
    Ok(end(store, call.kind, &key, grace, now))
}

/// Deletes an object: at once, or when its kubelet and its finalizers let it go.
pub fn end(
    store: &mut Store,
    kind: Kind,
    key: &str,
    grace: Option<i64>,
    now: Timestamp,
) -> Written {
    let Some(old) = store.get(kind, key).cloned() else {
        return (Reply::not_found(key), None);
    };
    let has_finalizers = old["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|it| !it.is_empty());
    let own = old["spec"]["terminationGracePeriodSeconds"].as_i64();
    let grace = grace.or(own).unwrap_or(30);
    let is_held = kind == Kind::Pod && grace > 0 && old["spec"]["nodeName"].is_string();
    if is_held || has_finalizers {
        if old["metadata"]["deletionTimestamp"].is_string() {
            return (Reply::object(200, &old), None);
        }
        let mut new = old.as_ref().clone();
        new["metadata"]["deletionTimestamp"] = json!(whole(now));
        new["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        return put(store, kind, key, new, 200);
    }
    store.remove(kind, key);
    let commit = Commit {
        kind,
        key: key.to_owned(),
        before: Some(Arc::clone(&old)),
        after: None,
    };
    (Reply::object(200, &old), Some(commit))
}

fn live(store: &Store, call: &Call) -> Result<(String, Arc<Value>), Reply> {
    let key = key(call.namespace.as_deref(), &call.name);
    match store.get(call.kind, &key) {
        Some(old) => Ok((key, Arc::clone(old))),
        None => Err(Reply::not_found(&key)),
    }
}

/// Whether the object is the one that is meant.
fn check(old: &Value, version: &Value, uid: &Value) -> Result<(), Reply> {
    let is_other = |wanted: &Value, field: &str| {
        wanted.as_str().is_some_and(|it| !it.is_empty()) && *wanted != old["metadata"][field]
    };
    if is_other(version, "resourceVersion") {
        return Err(Reply::conflict("the object has been modified"));
    }
    if is_other(uid, "uid") {
        return Err(Reply::conflict("Precondition failed: UID in precondition"));
    }
    Ok(())
}

fn put(store: &mut Store, kind: Kind, key: &str, object: Value, code: u16) -> Written {
    let commit = set(store, kind, key, object);
    let body = commit.after.as_deref().unwrap_or(&Value::Null);
    (Reply::object(code, body), Some(commit))
}

/// Puts an object, and says what changed.
pub fn set(store: &mut Store, kind: Kind, key: &str, object: Value) -> Commit {
    let before = store.get(kind, key).cloned();
    let after = store.put(kind, key, object);
    Commit {
        kind,
        key: key.to_owned(),
        before,
        after: Some(after),
    }
}

const fn is_core(kind: Kind) -> bool {
    matches!(kind, Kind::Node | Kind::Pod)
}

fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

/// As the API keeps times.
pub fn whole(time: Timestamp) -> String {
    format!("{time:.0}")
}
