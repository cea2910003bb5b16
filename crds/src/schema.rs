//! What turns the derived schemas into ones a user can read and trust: CEL
//! rules, bounds, list types, documentation of enumerations, no `nullable`.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::Schema;
use serde_json::{Value, json};

/// What a Go-style duration looks like; at most 6 digits a part, so that no
/// text of 16 characters overflows the server's 64-bit nanoseconds.
const DURATION: &str = "^([0-9]{1,6}([.][0-9]{1,6})?(us|ms|s|m|h))+$";

/// The times that our types can hold. The API server's own check of `date-time`
/// lets pass what is none, such as an offset of 99 hours.
pub(crate) const TIME: &str = "^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$";

/// Adds a CEL rule with the message that a user sees when it fails.
///
/// The API server names the field that carries the rule; the message says what
/// to write instead. Messages are static: a message expression over nested
/// lists exceeds the server's cost limit. `{duration}` in the rule stands for the
/// pattern of a duration: a rule that compares durations must first look whether
/// they are any, or the server reports its own failure beside the advice.
pub(crate) fn rule(rule: &str, message: &str) -> impl FnMut(&mut Schema) + use<> {
    add_rule(json!({ "rule": with_patterns(rule), "message": message }))
}

/// As [`rule`], reported at `path` below the field that carries the rule.
pub(crate) fn rule_at(path: &str, rule: &str, message: &str) -> impl FnMut(&mut Schema) + use<> {
    add_rule(json!({ "rule": with_patterns(rule), "message": message, "fieldPath": path }))
}

fn with_patterns(rule: &str) -> String {
    rule.replace("{duration}", DURATION)
}

fn add_rule(rule: Value) -> impl FnMut(&mut Schema) + use<> {
    move |schema| {
        let rules = schema
            .ensure_object()
            .entry("x-kubernetes-validations")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(rules) = rules {
            rules.push(rule.clone());
        }
    }
}

/// Bounds a Go-style duration, both ends included.
pub(crate) fn duration_between(
    field: &str,
    min: &str,
    max: &str,
    example: &str,
) -> impl FnMut(&mut Schema) + use<> {
    rule(
        &format!(
            "self.matches('{{duration}}') && duration(self) >= duration('{min}') \
             && duration(self) <= duration('{max}')"
        ),
        &format!("{field}: write a duration from {min} to {max}, such as {example}"),
    )
}

/// Makes the items of a list unique.
pub(crate) fn set(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".into(), "set".into());
}

/// Makes the items of a list unique by `name`, and mergeable by it.
pub(crate) fn map_by_name(schema: &mut Schema) {
    map_by(&["name"])(schema);
}

/// Makes the items of a list unique by these fields, and mergeable by them.
pub(crate) fn map_by(keys: &'static [&'static str]) -> impl FnMut(&mut Schema) + use<> {
    move |schema| {
        schema.insert("x-kubernetes-list-type".into(), "map".into());
        schema.insert("x-kubernetes-list-map-keys".into(), json!(keys));
    }
}

/// Makes a list one value: one writer owns all of it. Long lists need it, or
/// the record of who owns which item outgrows the list.
pub(crate) fn atomic(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".into(), "atomic".into());
}

/// Bounds the number of entries of a map.
pub(crate) fn max_properties(count: u32) -> impl FnMut(&mut Schema) + use<> {
    move |schema| {
        schema.insert("maxProperties".into(), count.into());
    }
}

/// A string with at most `max` characters.
pub(crate) fn text(max: u32) -> Schema {
    schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": max })
}

/// An integer or a string of at most `max` characters.
pub(crate) fn int_or_string(max: u32) -> Schema {
    schemars::json_schema!({ "x-kubernetes-int-or-string": true, "maxLength": max })
}

/// The schema of an enumeration; see `string_enum!`.
pub(crate) fn enumeration(values: &[(&str, &str)]) -> Schema {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let lines: Vec<String> = values
        .iter()
        .map(|(name, doc)| format!(" - `{name}`: {}", doc.trim()))
        .collect();
    schemars::json_schema!({ "type": "string", "enum": names, "title": lines.join("\n") })
}

/// Finishes a definition that kube derived.
///
/// - `nullable`, and `null` among the values of an enumeration, go: with them a
///   written `null` is kept, suppresses the default and satisfies `has()`;
///   without them the API server drops the `null`.
/// - The values of an enumeration join the description of its field.
/// - Each paragraph of a description becomes one line.
/// - Formats that Kubernetes does not know (`uint32`) become bounds.
/// - Times get the pattern [`TIME`].
///
/// Whatever the schema accepts, the types must accept too: one object that they
/// cannot read, written by one compromised probe, would blind the controller to
/// the whole fleet.
pub(crate) fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let root = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut());
        if let Some(root) = root {
            finish_props(root);
            root.title = None;
        }
    }
    crd
}

fn finish_props(props: &mut JSONSchemaProps) {
    props.nullable = None;
    if let Some(values) = &mut props.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    match props.format.as_deref() {
        Some("uint8" | "uint16" | "uint32") => {
            let largest = f64::from(u32::MAX);
            props.maximum = Some(props.maximum.unwrap_or(largest));
            props.format = None;
        }
        Some("date-time") => {
            props.pattern = Some(TIME.to_owned());
            props.max_length = Some(40);
        }
        _ => {}
    }
    for property in props.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        finish_props(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut props.items {
        finish_props(items);
        // `kubectl explain` shows the description of the list, not that of its items.
        if items.type_.as_deref() == Some("string")
            && let Some(values) = items.description.take()
        {
            props.description = Some(join(props.description.as_deref(), &values));
        }
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut props.additional_properties {
        finish_props(values);
    }
    if let Some(values) = props.title.take().filter(|_| props.enum_.is_some()) {
        let values = format!("Possible values:\n{values}");
        props.description = Some(join(props.description.as_deref(), &values));
    }
    props.description = props.description.as_deref().map(unwrap_lines);
}

/// Makes each paragraph one line: `kubectl explain` breaks lines itself, and
/// those of the source would come out ragged. Lists stay as they are.
fn unwrap_lines(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if !last.is_empty() && !line.is_empty() && !line.starts_with(" -") => {
                last.push(' ');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

fn join(description: Option<&str>, more: &str) -> String {
    match description {
        Some(text) => format!("{text}\n\n{more}"),
        None => more.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_the_schema_accepts_as_a_time_is_accepted(
            text in TIME.trim_matches(['^', '$']), month in 1..=12, day in 1..=28, hour in 0..24, minute in 0..60, second in 0..60,
        ) {
            // The API server checks the ranges, which the pattern leaves open.
            let text = format!("{}{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}", &text[..5], &text[19..]);
            let time = serde_json::from_value::<Time>(json!(text));
            prop_assert!(time.is_ok(), "{text}: {time:?}");
        }
    }

    #[test]
    fn paragraphs_become_lines_and_lists_stay() {
        let text = "One\ntwo.\n\nPossible values:\n - `A`: first.\n - `B`: second.";
        assert_eq!(
            unwrap_lines(text),
            "One two.\n\nPossible values:\n - `A`: first.\n - `B`: second."
        );
    }

    fn each_property(
        props: &JSONSchemaProps,
        path: &str,
        visit: &mut impl FnMut(&str, &JSONSchemaProps),
    ) {
        visit(path, props);
        for (name, property) in props.properties.iter().flatten() {
            each_property(property, &format!("{path}.{name}"), visit);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &props.items {
            each_property(items, &format!("{path}[]"), visit);
        }
        if let Some(JSONSchemaPropsOrBool::Schema(values)) = &props.additional_properties {
            each_property(values, &format!("{path}{{}}"), visit);
        }
    }

    fn visit_all(mut visit: impl FnMut(&str, &JSONSchemaProps)) {
        for crd in crate::all_crds() {
            let schema = crd.spec.versions[0].schema.as_ref().unwrap();
            let root = schema.open_api_v3_schema.as_ref().unwrap();
            each_property(root, &crd.spec.names.kind, &mut visit);
        }
    }

    #[test]
    fn every_list_string_and_number_is_bounded() {
        visit_all(|path, props| {
            let bounded = match props.type_.as_deref() {
                Some("array") => props.max_items.is_some(),
                Some("string") => props.max_length.is_some() || props.enum_.is_some(),
                Some("integer") if !path.contains(".status") => {
                    props.minimum.is_some() && props.maximum.is_some()
                }
                Some("integer") => props.minimum.is_some(),
                Some("object") => {
                    props.properties.is_some()
                        || props.max_properties.is_some()
                        || path.ends_with("rebootRequired")
                        || path.ends_with("cordon")
                }
                None => {
                    props.x_kubernetes_int_or_string == Some(true) && props.max_length.is_some()
                }
                _ => true,
            };
            // The generation is a number of the API server's own.
            assert!(
                bounded || path.ends_with(".generation"),
                "{path} has no bounds: {props:?}"
            );
        });
    }

    #[test]
    fn every_list_says_how_it_is_merged_and_every_field_what_it_means() {
        visit_all(|path, props| {
            if props.type_.as_deref() == Some("array") {
                assert!(props.x_kubernetes_list_type.is_some(), "{path}");
            }
            let described = props.description.as_deref().is_some_and(|d| d.len() > 3);
            assert!(
                described || path.ends_with("[]"),
                "{path} has no description"
            );
            let null = props.enum_.iter().flatten().any(|value| value.0.is_null());
            assert!(props.nullable.is_none() && !null, "{path} is nullable");
            assert!(props.title.is_none(), "{path} has a title");
        });
    }

    #[test]
    fn every_rule_has_a_message_that_begins_with_the_field() {
        visit_all(|path, props| {
            for rule in props.x_kubernetes_validations.iter().flatten() {
                let message = rule.message.as_deref().unwrap_or_default();
                let field = message.split(':').next().unwrap_or_default();
                let last = field.split('.').next_back().unwrap_or_default();
                assert!(!last.is_empty() && !last.contains(' '), "{path}: {message}");
                assert!(message.len() > field.len() + 20, "{path}: {message}");
            }
        });
    }
}
