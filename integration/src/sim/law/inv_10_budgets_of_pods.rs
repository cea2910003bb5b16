//! Law 10: No policy here lets pods be deleted: every one is evicted, and with grace.

use serde_json::Value;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::world::World;

pub fn holds(_: &World, _: &Past, call: &Call, body: &Value) -> Verdict {
    if call.kind != Kind::Pod {
        return Ok(());
    }
    if call.verb == Verb::Delete {
        return Err(format!("{}: past any budget", call.text()));
    }
    match body["deleteOptions"]["gracePeriodSeconds"].as_i64() {
        Some(grace) if grace < 1 => Err(format!("{} with {grace} s of grace", call.text())),
        _ => Ok(()),
    }
}
