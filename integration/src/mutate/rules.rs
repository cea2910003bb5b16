//! The CEL rules of the API types. A rule is known by its message, which no two
//! rules share; the same rule may stand at several fields of one type.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// Where a schema keeps its rules.
const RULES: &str = "x-kubernetes-validations";

/// The definitions, as they are installed, by the plural of their kind.
///
/// # Errors
/// When one cannot be written as JSON.
pub fn definitions() -> Result<BTreeMap<String, Value>> {
    unstall_crds::all_crds()
        .iter()
        .map(|crd| {
            let json = serde_json::to_value(crd).context("cannot write a definition as JSON")?;
            Ok((crd.spec.names.plural.clone(), json))
        })
        .collect()
}

/// Every rule's message, and the definitions that hold it.
#[must_use]
pub fn messages(definitions: &BTreeMap<String, Value>) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (plural, definition) in definitions {
        let mut found = BTreeSet::new();
        collect(definition, &mut found);
        for message in found {
            messages.entry(message).or_default().insert(plural.clone());
        }
    }
    messages
}

fn collect(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let rules = fields.get(RULES).and_then(Value::as_array);
            let messages = rules.into_iter().flatten().map(message);
            into.extend(messages.map(ToOwned::to_owned));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

fn message(rule: &Value) -> &str {
    rule["message"].as_str().unwrap_or_default()
}

/// `schema` without the rule that has this message, wherever it stands.
#[must_use]
pub fn without(schema: &Value, gone: &str) -> Value {
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    (RULES, Value::Array(rules)) => {
                        let rules = rules.iter().filter(|rule| message(rule) != gone);
                        let rules: Vec<Value> = rules.cloned().collect();
                        if rules.is_empty() {
                            return None;
                        }
                        Value::Array(rules)
                    }
                    (_, value) => without(value, gone),
                };
                Some((name.clone(), value))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(|item| without(item, gone)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_is_taken_away_wherever_it_stands() {
        let schema = json!({
            RULES: [{"rule": "a", "message": "write a"}, {"rule": "b", "message": "write b"}],
            "items": [{"x": {RULES: [{"rule": "a", "message": "write a"}], "type": "string"}}],
        });
        assert_eq!(
            without(&schema, "write a"),
            json!({
                RULES: [{"rule": "b", "message": "write b"}],
                "items": [{"x": {"type": "string"}}],
            })
        );
    }

    #[test]
    fn every_rule_is_found_and_only_it_is_taken_away() {
        let definitions = definitions().unwrap();
        let rules = messages(&definitions);
        assert!(rules.len() > 50, "only {} rules were found", rules.len());
        let (gone, plurals) = rules.first_key_value().unwrap();
        assert!(!gone.is_empty(), "a rule has no message");
        let mut left = definitions.clone();
        for plural in plurals {
            left.insert(plural.clone(), without(&definitions[plural], gone));
        }
        let mut expected = rules.clone();
        expected.remove(gone);
        assert_eq!(messages(&left), expected);
    }
}
