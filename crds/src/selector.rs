//! (pure) A bounded label selector.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::schema::{atomic, max_properties, rule, rule_at};
use crate::string_enum::string_enum;

/// Selects objects by their labels. All requirements must hold. A selector
/// without any requirement selects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that the object must have, each with exactly this value. At most
    /// 16.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, LabelValue>", transform = max_properties(16))]
    pub match_labels: BTreeMap<String, String>,

    /// Further requirements. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule_at(
    ".values",
    "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
    "matchExpressions.values: write at least one value with In and NotIn, and none with Exists and DoesNotExist",
))]
pub struct Requirement {
    /// The label's key. At most 317 characters.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,

    /// How the label is compared with the values.
    pub operator: Operator,

    /// The values to compare with. At most 64, of at most 63 characters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)), transform = atomic)]
    pub values: Vec<String>,
}

string_enum! {
    /// How a label is compared with values.
    pub enum Operator {
        /// The label has one of the values.
        In,
        /// The label is absent or has none of the values.
        NotIn,
        /// The label is present.
        Exists,
        /// The label is absent.
        DoesNotExist,
    }
}

/// The label's value, at most 63 characters.
#[derive(JsonSchema)]
#[schemars(inline, transparent)]
struct LabelValue(
    #[schemars(length(max = 63))]
    #[expect(dead_code, reason = "only its schema is used")]
    String,
);

impl LabelSelector {
    /// Whether the selector holds no requirement.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether an object with these labels is selected. An empty selector
    /// selects nothing: a forgotten selector must not mean the whole fleet.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.is_empty()
            && self
                .match_labels
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|r| r.holds(labels))
    }

    /// The rule that refuses an empty selector in `field`.
    pub(crate) fn not_empty(field: &str) -> impl FnMut(&mut Schema) + use<> {
        rule(
            "(has(self.matchLabels) && self.matchLabels.size() > 0) \
             || (has(self.matchExpressions) && self.matchExpressions.size() > 0)",
            &format!(
                "{field}: write at least one requirement, such as matchLabels: {{kubernetes.io/os: linux}}; an empty selector selects nothing"
            ),
        )
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        let listed = label.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: serde_json::Value, labels: &[(&str, &str)]) -> bool {
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        selector.matches(
            &labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        assert!(!matches(json!({}), &[]));
        assert!(!matches(
            json!({"matchLabels": {}, "matchExpressions": []}),
            &[("a", "b")]
        ));
    }

    #[test]
    fn all_labels_must_match() {
        let both = json!({"matchLabels": {"os": "linux", "pool": "a"}});
        assert!(matches(
            both.clone(),
            &[("os", "linux"), ("pool", "a"), ("x", "y")]
        ));
        assert!(!matches(both.clone(), &[("os", "linux")]));
        assert!(!matches(both, &[("os", "linux"), ("pool", "b")]));
    }

    #[test]
    fn expressions_follow_kubernetes() {
        let of = |operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": "pool", "operator": operator, "values": values}]});
        for (selector, with_a, with_c, without) in [
            (of("In", &["a", "b"]), true, false, false),
            (of("NotIn", &["a", "b"]), false, true, true),
            (of("Exists", &[]), true, true, false),
            (of("DoesNotExist", &[]), false, false, true),
        ] {
            assert_eq!(
                matches(selector.clone(), &[("pool", "a")]),
                with_a,
                "{selector}"
            );
            assert_eq!(
                matches(selector.clone(), &[("pool", "c")]),
                with_c,
                "{selector}"
            );
            assert_eq!(matches(selector.clone(), &[]), without, "{selector}");
        }
    }

    #[test]
    fn labels_and_expressions_are_joined_by_and() {
        let selector = json!({
            "matchLabels": {"os": "linux"},
            "matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["gpu"]}],
        });
        assert!(matches(selector.clone(), &[("os", "linux")]));
        assert!(!matches(
            selector.clone(),
            &[("os", "linux"), ("pool", "gpu")]
        ));
        assert!(!matches(selector, &[("pool", "cpu")]));
    }
}
