//! No reason without a scenario that shows it, and none without a section in
//! `docs/reasons.md`.

use std::collections::BTreeSet;
use std::path::Path;

use unstall_crds::condition::{BlockedReason, ConditionReason};
use unstall_crds::health::RefusalReason;
use unstall_crds::policy::RolloutStage;
use unstall_crds::remediation::Outcome;

use crate::scenarios;

/// Reasons of conditions that others than this crate set.
const OF_OTHERS: [ConditionReason; 2] = [
    ConditionReason::HistoryFull,
    ConditionReason::HistoryHasRoom,
];

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

fn sources() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// What no scenario shows as a line that `is_shown` takes for it.
fn missing<'a>(
    words: impl IntoIterator<Item = &'a str>,
    is_shown: impl Fn(&str, &str) -> bool,
) -> Vec<&'a str> {
    let files = scenarios::files();
    let mut lines = BTreeSet::new();
    for (_, text) in &files {
        lines.extend(scenarios::expected(text).lines().map(str::trim));
    }
    let words = words.into_iter();
    words
        .filter(|word| !lines.iter().any(|line| is_shown(line, word)))
        .collect()
}

/// Whether `line` holds `word` as a whole.
fn holds(line: &str, word: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    words.any(|it| it == word)
}

#[test]
fn every_reason_is_given_and_shown_by_a_scenario() {
    let used = named_after("BlockedReason::", &sources());
    let all = || BlockedReason::ALL.iter().map(|reason| reason.as_str());
    let unused: Vec<_> = all().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "nothing gives {unused:?}");
    let missing = missing(all(), |line, word| {
        line.starts_with(&format!("blocked by {word}")) || {
            line.starts_with("forecast ") && holds(line, word)
        }
    });
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

#[test]
fn every_reason_of_a_condition_is_given_and_shown_by_a_scenario() {
    let used = named_after("ConditionReason::", &sources());
    let all = ConditionReason::ALL.iter();
    let own = all.filter(|reason| !OF_OTHERS.contains(reason));
    let own: Vec<_> = own.map(|reason| reason.as_str()).collect();
    let unused: Vec<_> = own.iter().filter(|name| !used.contains(**name)).collect();
    assert!(unused.is_empty(), "nothing gives {unused:?}");
    let missing = missing(own, |line, word| {
        let mut statuses = ["True", "False", "Unknown"].iter();
        statuses.any(|status| line.contains(&format!(": {status} {word}: ")))
    });
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

#[test]
fn every_reason_of_an_event_is_shown_by_a_scenario() {
    let phases = ["DroppingCaches", "Cordoning", "Rebooting", "HandedOver"];
    let fixed = ["IncidentOpened", "BreakerOpen", "BreakerClosed"];
    let problems = [
        ConditionReason::InvalidSpec,
        ConditionReason::InvalidTimeZone,
        ConditionReason::PrometheusNotConfigured,
        ConditionReason::UnknownTemplateKind,
        ConditionReason::Forbidden,
    ];
    let stages = RolloutStage::ALL.iter();
    let stages: Vec<_> = stages.map(|stage| format!("Rollout{stage}")).collect();
    let all = phases
        .into_iter()
        .chain(fixed)
        .chain(problems.iter().map(|reason| reason.as_str()))
        .chain(Outcome::ALL.iter().map(|outcome| outcome.as_str()))
        .chain(stages.iter().map(String::as_str));
    let missing = missing(all, |line, word| {
        ["event", "warning"]
            .iter()
            .any(|kind| line.starts_with(&format!("{kind} {word} of ")))
    });
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

#[test]
fn every_refusal_of_an_actuator_is_shown_by_a_scenario() {
    let all = RefusalReason::ALL.iter().map(|reason| reason.as_str());
    let missing = missing(all, holds);
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

#[test]
fn every_reason_has_a_section_in_the_docs_that_says_what_ends_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reasons.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections = text.split("\n## ");
    sections.next();
    let mut names = Vec::new();
    for section in sections {
        let (name, rest) = section.split_once('\n').unwrap();
        for part in ["\n- Ends: ", "\n- From: "] {
            assert_eq!(rest.matches(part).count(), 1, "{name}: {part}");
        }
        names.push(name);
    }
    let all: Vec<_> = BlockedReason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(
        names, all,
        "docs/reasons.md: one section each, in this order"
    );
}
