//! Reads a captured cluster, strictly: what is not understood may be what matters.

use anyhow::{Result, bail};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_ignored::Path;
use unstall_decide::Snapshot;

/// Unknown fields that an error names.
const NAMED: usize = 10;

/// Reads YAML or JSON.
///
/// # Errors
/// With the line where it is not what it should be, or with the fields that are
/// unknown, missing, or contradict each other.
pub fn read(text: &str) -> Result<Snapshot> {
    let mut unknown = Vec::new();
    let mut count = 0_usize;
    let mut ignored = |path: Path<'_>| {
        if is_type(&path) {
            return;
        }
        count += 1;
        if unknown.len() < NAMED {
            unknown.push(keys(&path).join("."));
        }
    };
    let snapshot: Snapshot = if text.trim_start().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(text);
        let snapshot = serde_ignored::deserialize(&mut json, &mut ignored)?;
        json.end()?;
        snapshot
    } else {
        // The default bounds are for configurations; this is a whole cluster.
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_events: 200_000_000,
                max_nodes: 100_000_000,
                max_total_scalar_bytes: 1 << 30,
            },
            with_snippet: false,
        };
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
            serde_ignored::deserialize(yaml, &mut ignored)
        })?
    };
    if ["apiVersion", "kind"]
        .map(str::to_owned)
        .iter()
        .all(|it| unknown.contains(it))
    {
        bail!(
            "apiVersion, kind: this is an object's manifest, not a captured cluster; take one with \
             `unstall-controller snapshot` and put a policy to be tried into its list `policies`"
        );
    }
    if count > 0 {
        let more = match count - unknown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        bail!(
            "unknown fields: {}{more}; a file of another version needs the controller of that version",
            unknown.join(", ")
        );
    }
    check(&snapshot)?;
    Ok(snapshot)
}

/// Whether this is the apiVersion or kind of one of our objects, which its place in
/// the file says already.
fn is_type(path: &Path<'_>) -> bool {
    let keys = keys(path);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (["ledger", last] | ["policies" | "healths" | "remediations", _, last]) = keys[..] else {
        return false;
    };
    ["apiVersion", "kind"].contains(&last)
}

fn keys(path: &Path<'_>) -> Vec<String> {
    let (parent, key) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut keys = keys(parent);
    keys.extend(key);
    keys
}

/// What the types alone do not say.
fn check(snapshot: &Snapshot) -> Result<()> {
    if snapshot.now == Timestamp::default() {
        bail!(
            "now: is missing; write the time at which this is the cluster, such as 2026-03-02T12:00:00Z"
        );
    }
    for (key, node) in &snapshot.nodes {
        if *key != node.name {
            bail!(
                "nodes.{key}.name: is {:?}; write {key:?}, the key",
                node.name
            );
        }
    }
    for (key, health) in &snapshot.healths {
        let name = health.name_any();
        if *key != name {
            bail!("healths.{key}.metadata.name: is {name:?}; write {key:?}, the key");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn yaml_and_json_are_read() {
        let yaml = "now: 2026-03-02T12:00:00Z\nepoch: 7\nnodes: {n1: {name: n1}}\n";
        assert_eq!(read(yaml).unwrap().nodes["n1"].name, "n1");
        let typed = "now: 2026-03-02T12:00:00Z\nledger: {apiVersion: unstall.dev/v1alpha1, kind: DisruptionLedger, \
                     metadata: {name: cluster}, spec: {}}\n";
        assert!(read(typed).unwrap().ledger.is_some());
        let json = r#"{"now": "2026-03-02T12:00:00Z", "alerts": "notConfigured"}"#;
        assert_eq!(read(json).unwrap().now.to_string(), "2026-03-02T12:00:00Z");
    }

    #[test]
    fn an_unknown_field_is_named_wherever_it_stands() {
        let cases = [
            ("nwo: 2026-03-02T12:00:00Z", "nwo"),
            ("nodes: {n1: {name: n1, lables: {}}}", "nodes.n1.lables"),
            (
                "policies: [{metadata: {name: p}, spec: {nodeSelector: {matchLabels: {}}, triggers: [], mod: Enforce}}]",
                "policies.0.spec.mod",
            ),
            (
                "policies: [{metadata: {nmae: p}, spec: {nodeSelector: {}, triggers: []}}]",
                "policies.0.metadata.nmae",
            ),
            (
                r#"{"nodes": {"n1": {"name": "n1", "redy": true}}}"#,
                "nodes.n1.redy",
            ),
        ];
        for (text, field) in cases {
            let said = refused(text);
            assert!(
                said.starts_with(&format!("unknown fields: {field};")),
                "{said}"
            );
        }
        let fields: String = (0..12).map(|i| format!("x{i}: 1\n")).collect();
        assert!(
            refused(&fields).contains("x9 and 2 more;"),
            "{}",
            refused(&fields)
        );
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_its_line() {
        let cases = [
            ("now: 2026-03-02T12:00:00Z\nepoch: seven\n", "line 2"),
            ("now: 2026-03-02T12:00:00Z\nepoch: [\n", "line"),
            (
                "now: 2026-03-02T12:00:00Z\nhealths: {n1: {metadata: {name: n1}}}\n",
                "line 2",
            ),
            ("now: yesterday", "line 1"),
            ("{\n\"now\": 5}", "line 2"),
            ("{\"now\": \"2026-03-02T12:00:00Z\"} x", "line 1"),
        ];
        for (text, place) in cases {
            let said = refused(text);
            assert!(said.contains(place), "{text}: {said}");
        }
        let manifest = "apiVersion: unstall.dev/v1alpha1\nkind: NodeHealthPolicy\nmetadata: {name: p}\nspec: {}\n";
        assert!(refused(manifest).contains("put a policy to be tried into its list `policies`"));
        for text in ["", "---\n", "null", "[]", "apiVersion", "\0", "{"] {
            assert!(!refused(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let cases = [
            ("epoch: 7", "now: is missing"),
            (
                "now: 2026-03-02T12:00:00Z\nnodes: {n1: {name: n2}}",
                "nodes.n1.name: is \"n2\"; write \"n1\"",
            ),
            (
                "now: 2026-03-02T12:00:00Z\nhealths: {n1: {metadata: {}, spec: {nodeUID: u}}}",
                "healths.n1.metadata.name: is \"\"",
            ),
        ];
        for (text, advice) in cases {
            let said = refused(text);
            assert!(said.contains(advice), "{text}: {said}");
        }
    }
}
