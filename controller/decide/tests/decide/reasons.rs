//! No reason without a scenario that shows it.

use std::collections::BTreeSet;
use std::path::Path;

use unstall_crds::condition::BlockedReason;
use unstall_crds::health::RefusalReason;

use crate::scenarios;

/// The words after `prefix` in the crate's sources.
fn named_after(prefix: &str, folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(named_after(prefix, &path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let uses = text.split(prefix).skip(1);
        names.extend(uses.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect()));
    }
    names
}

fn shown(word: &str) -> bool {
    let files = scenarios::files();
    files.iter().any(|(_, text)| {
        let words = scenarios::expected(text).split(|c: char| !c.is_alphanumeric());
        words.into_iter().any(|w| w == word)
    })
}

#[test]
fn every_reason_that_the_code_gives_is_shown_by_a_scenario() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let used = named_after("BlockedReason::", &sources);
    assert!(used.len() >= 10, "the sources were not read: {used:?}");
    let known: Vec<_> = BlockedReason::ALL.iter().map(|r| r.as_str()).collect();
    for name in &used {
        assert!(known.contains(&name.as_str()), "{name} is no reason");
    }
    let missing: Vec<_> = used.iter().filter(|name| !shown(name)).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

#[test]
fn every_refusal_of_an_actuator_is_shown_by_a_scenario() {
    let all = RefusalReason::ALL.iter().map(|reason| reason.as_str());
    let missing: Vec<_> = all.filter(|name| !shown(name)).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}
