//! Each target's files through its oracle.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::breaks::broken;
use super::oracles::{self, Target};

/// `seeds` were thought of, `corpus` was found, `regressions` once broke something.
const FOLDERS: [&str; 3] = ["seeds", "corpus", "regressions"];

/// Fewer were not meant: the files are missing.
const SEEDS_MIN: usize = 5;

fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let entries = std::fs::read_dir(fuzz.join(folder).join(target));
    let mut files: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn replay((name, check): Target) {
    assert!(
        files("seeds", name).len() >= SEEDS_MIN,
        "{name} has no seeds"
    );
    for file in FOLDERS.into_iter().flat_map(|folder| files(folder, name)) {
        let whole = std::fs::read(&file).unwrap();
        let fed = std::iter::once(whole.clone()).chain(broken(&whole));
        for (index, bytes) in fed.enumerate() {
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                let text = String::from_utf8_lossy(&bytes);
                panic!(
                    "{} broken in way {index} (0: as it is):\n{text}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn readers_of_the_kernels_files_hold() {
    oracles::SAMPLE.into_iter().for_each(replay);
}

#[cfg(feature = "cluster")]
#[test]
fn readers_of_what_is_sent_and_kept_hold() {
    oracles::CLUSTER.into_iter().for_each(replay);
}

#[test]
fn every_target_is_replayed() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let mut named: Vec<String> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"))
        .map(|file| file.trim_end_matches(".rs\"").to_owned())
        .collect();
    named.sort();
    let replayed = oracles::SAMPLE.iter().map(|(name, _)| *name);
    #[cfg(feature = "cluster")]
    let replayed = replayed.chain(oracles::CLUSTER.iter().map(|(name, _)| *name));
    let mut replayed: Vec<&str> = replayed.collect();
    replayed.sort_unstable();
    let is_replayed = |name: &String| replayed.contains(&name.as_str());
    assert!(
        cfg!(not(feature = "cluster")) || named.iter().all(is_replayed),
        "{named:?}"
    );
    assert!(
        replayed
            .iter()
            .all(|name| named.contains(&(*name).to_owned()))
    );
}
