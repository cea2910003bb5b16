//! What an actor sees of an object, in a few words.

use serde_json::Value;
use unstall_crds::names::annotation;

use super::api::kind::Kind;
use super::api::store::Change;

/// A change, as whoever watches is told of it.
pub fn of_change(kind: Kind, change: &Change) -> String {
    let plural = kind.form().plural;
    let named = change.after.as_ref().or(change.before.as_ref());
    let name = named.and_then(|it| it["metadata"]["name"].as_str());
    let name = name.unwrap_or_default();
    match &change.after {
        Some(object) => format!("sees {plural} {name}: {}", of_object(kind, object)),
        None => format!("sees {plural} {name}: gone"),
    }
}

/// What decisions are made by.
fn of_object(kind: Kind, object: &Value) -> String {
    let status = &object["status"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    match kind {
        Kind::Node => {
            let ready = entry(&status["conditions"], "type", "Ready", "status");
            let cordon = match object["spec"]["unschedulable"] == true {
                true => format!(
                    ", cordoned by {}",
                    text(&object["metadata"]["annotations"][annotation::CORDONED_BY])
                ),
                false => String::new(),
            };
            let boot = text(&status["nodeInfo"]["bootID"]);
            format!("Ready {ready}{cordon}, boot {boot}")
        }
        Kind::Health => {
            let triggers = status["triggers"].as_array().into_iter().flatten();
            let states: Vec<String> = triggers
                .map(|it| format!("{} {}", text(&it["name"]), text(&it["state"])))
                .collect();
            let command = &status["command"];
            format!(
                "{}, command {} {}, boot {}",
                states.join(", "),
                text(&command["id"]),
                text(&command["state"]),
                text(&status["bootID"])
            )
        }
        Kind::Remediation => format!(
            "{} {}",
            status["phase"].as_str().unwrap_or("new"),
            status["outcome"].as_str().unwrap_or_default()
        ),
        Kind::Ledger => {
            let slots = status["slots"].as_array().into_iter().flatten();
            let nodes: Vec<String> = slots.map(|it| text(&it["node"])).collect();
            format!("epoch {}, slots {}", status["epoch"], nodes.join(" "))
        }
        Kind::Pod => {
            let ready = entry(&status["conditions"], "type", "Ready", "status");
            let leaves = match object["metadata"]["deletionTimestamp"].is_string() {
                true => ", leaves",
                false => "",
            };
            format!(
                "on {}, Ready {ready}{leaves}",
                text(&object["spec"]["nodeName"])
            )
        }
        _ => format!("generation {}", object["metadata"]["generation"]),
    }
}

/// The `field` of that one of `all` whose `key` is `wanted`.
fn entry<'a>(all: &'a Value, key: &str, wanted: &str, field: &str) -> &'a str {
    let mut all = all.as_array().into_iter().flatten();
    let found = all.find(|it| it[key] == wanted);
    found.and_then(|it| it[field].as_str()).unwrap_or("-")
}
