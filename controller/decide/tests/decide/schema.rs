//! Whether the API server would take an object: what the schemas of the CRDs say
//! of lengths, bounds, words and lists. A status that it refuses ends a pass.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::{Value, json};

/// What is wrong with `value` as the part `part` (`spec` or `status`) of `kind`.
pub fn misfits<T: Serialize>(kind: &str, part: &str, value: &T) -> Vec<String> {
    let schema = &schemas()[kind]["properties"][part];
    assert!(schema.is_object(), "{kind} has no {part}");
    let mut found = Vec::new();
    check(schema, &json!(value), &format!("{kind} {part}"), &mut found);
    found
}

/// The same of one item of the list `list` in `status`.
pub fn item_misfits<T: Serialize>(kind: &str, list: &str, value: &T) -> Vec<String> {
    let items = &schemas()[kind]["properties"]["status"]["properties"][list]["items"];
    assert!(items.is_object(), "{kind} has no list {list}");
    let mut found = Vec::new();
    check(items, &json!(value), &format!("{kind} {list}"), &mut found);
    found
}

fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        let kind = |crd: &Value| crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let crds = unstall_crds::all_crds().into_iter().map(|crd| json!(crd));
        crds.map(|crd| (kind(&crd), schema(&crd))).collect()
    })
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            within(schema, "minLength", "maxLength", length, at, found);
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
            let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
            if number < least || number > most {
                found.push(format!("{at}: {number} is not from {least} to {most}"));
            }
        }
        Value::Array(items) => {
            within(schema, "minItems", "maxItems", items.len(), at, found);
            repeated(schema, items, at, found);
            for (index, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{at}[{index}]"), found);
            }
        }
        Value::Object(fields) => {
            for required in schema["required"].as_array().into_iter().flatten() {
                let name = required.as_str().unwrap();
                if !fields.contains_key(name) {
                    found.push(format!("{at}: lacks {name}"));
                }
            }
            for (name, field) in fields {
                let known = schema["properties"].get(name);
                match known.or_else(|| schema.get("additionalProperties")) {
                    Some(schema) => check(schema, field, &format!("{at}.{name}"), found),
                    None => found.push(format!("{at}.{name}: is not in the schema")),
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
}

fn within(schema: &Value, least: &str, most: &str, size: usize, at: &str, found: &mut Vec<String>) {
    let bound = |name: &str| schema[name].as_u64().and_then(|n| usize::try_from(n).ok());
    if bound(least).is_some_and(|least| size < least) || bound(most).is_some_and(|most| size > most)
    {
        found.push(format!("{at}: {size} is not within {least} and {most}"));
    }
}

/// Items of a set, or of a map by its keys, may stand in it once.
fn repeated(schema: &Value, items: &[Value], at: &str, found: &mut Vec<String>) {
    let keys: Vec<&str> = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Vec::new(),
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            keys.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        }
        _ => return,
    };
    let identity = |item: &Value| -> Vec<Value> {
        if keys.is_empty() {
            vec![item.clone()]
        } else {
            keys.iter().map(|key| item[*key].clone()).collect()
        }
    };
    for (index, item) in items.iter().enumerate() {
        if items[..index]
            .iter()
            .any(|other| identity(other) == identity(item))
        {
            found.push(format!("{at}[{index}]: stands in the list already"));
        }
    }
}

#[test]
fn what_the_api_server_would_refuse_is_found() {
    let long = "x".repeat(257);
    for (status, misfit) in [
        (json!({"summary": long}), "summary: 257"),
        (
            json!({"breaker": {"state": "Open", "unhealthy": 1, "limit": 1}}),
            "lacks since",
        ),
        (json!({"observedGeneration": -1}), "-1 is not from 0"),
        (json!({"summery": ""}), "summery: is not in the schema"),
        (
            json!({"blocked": [{"reason": "Paused", "count": 1}, {"reason": "Paused", "count": 2}]}),
            "blocked[1]: stands in the list already",
        ),
        (
            json!({"forecast": [{"node": "n", "trigger": "t", "remedy": "r", "action": "Dance"}]}),
            "\"Dance\" is none of",
        ),
    ] {
        let found = misfits("NodeHealthPolicy", "status", &status);
        assert!(found.len() == 1 && found[0].contains(misfit), "{found:?}");
    }
    assert_eq!(misfits("NodeHealthPolicy", "status", &json!({})), [""; 0]);
}
