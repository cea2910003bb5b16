//! Law 9: An eviction names the pod's UID, and so does a deletion.

use serde_json::Value;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::world::World;

pub fn holds(_: &World, _: &Past, call: &Call, body: &Value) -> Verdict {
    let is_eviction = call.subresource.as_deref() == Some("eviction");
    let is_deletion = call.kind == Kind::Pod && call.verb == Verb::Delete;
    let options = match (is_eviction, is_deletion) {
        (true, _) => &body["deleteOptions"],
        (false, true) => body,
        (false, false) => return Ok(()),
    };
    if options["preconditions"]["uid"]
        .as_str()
        .is_some_and(|uid| !uid.is_empty())
    {
        return Ok(());
    }
    Err(format!("{} names no UID: {body}", call.text()))
}
