//! The committed YAML is what the types say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use unstall_crds::all_crds;

const COMMAND: &str = "cargo run -p unstall-crds --features generate --bin crdgen";

#[test]
fn the_committed_yaml_is_what_the_types_say() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    let committed: BTreeMap<String, Value> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, serde_saphyr::from_str(&text).unwrap())
        })
        .collect();
    let expected: BTreeMap<String, Value> = all_crds()
        .iter()
        .map(|crd| {
            let name = format!("{}.yaml", crd.spec.names.plural);
            (name, serde_json::to_value(crd).unwrap())
        })
        .collect();
    let names = |files: &BTreeMap<String, Value>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&expected), "run `{COMMAND}`");
    for (name, crd) in &expected {
        assert!(
            committed[name] == *crd,
            "crds/yaml/{name} is stale: run `{COMMAND}`"
        );
    }
}
