//! The committed YAML is what the types say, in both places.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use unstall_crds::all_crds;

const COMMAND: &str = "cargo run -p unstall-crds --features generate --bin crdgen";

#[test]
fn the_committed_yaml_is_what_the_types_say() {
    let expected: BTreeMap<String, Value> = all_crds()
        .iter()
        .map(|crd| {
            let name = format!("{}.yaml", crd.spec.names.plural);
            (name, serde_json::to_value(crd).unwrap())
        })
        .collect();
    for dir in ["yaml", "../charts/unstall/crds"] {
        let committed = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir));
        assert!(
            committed.keys().eq(expected.keys()),
            "{dir} holds {:?}: run `{COMMAND}`",
            committed.keys()
        );
        for (name, crd) in &expected {
            assert!(
                committed[name] == *crd,
                "{dir}/{name} is stale: run `{COMMAND}`"
            );
        }
    }
}

fn read(dir: &Path) -> BTreeMap<String, Value> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, serde_saphyr::from_str(&text).unwrap())
        })
        .collect()
}
