//! `docs/metrics.md` lists what is told, no more and no less.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::record::{Metrics, Moment};
use crate::judge::testing::{at, observation, rule};
use crate::judge::{Judge, Level};
use crate::publish::status::NextBoot;
use crate::sample::{Share, SoftnetRise};

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

/// Type, unit and labels of a family.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
}

fn documented() -> BTreeMap<String, Family> {
    let (section, _) = DOCUMENT.split_once("\n## The controller\n").unwrap();
    let rows = section.lines().filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let name = cells.next()?.strip_prefix("`unstall_")?.strip_suffix('`')?;
        let [kind, unit, labels, meaning] = [(); 4].map(|()| cells.next().unwrap());
        assert!(!meaning.is_empty(), "{name} has no meaning");
        let labels = labels.split(", ").map(|label| label.trim_matches('`'));
        let family = Family {
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            labels: labels
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        Some((format!("unstall_{name}"), family))
    });
    rows.collect()
}

fn told(page: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    let mut name = String::new();
    for line in page.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let family: &mut Family = match words[..] {
            ["#", "HELP", told, _] => {
                name = told.to_owned();
                continue;
            }
            ["#", "EOF"] => continue,
            _ => families.entry(name.clone()).or_default(),
        };
        match words[..] {
            ["#", "TYPE", _, kind] => family.kind = kind.to_owned(),
            ["#", "UNIT", _, unit] => family.unit = unit.to_owned(),
            _ => family.labels.extend(labels(line)),
        }
    }
    families
}

/// The names of a sample's labels but for a bucket's end.
fn labels(sample: &str) -> impl Iterator<Item = String> {
    let inside = sample.split_once('{').map_or("", |(_, rest)| rest);
    let pairs = inside.split("\",").filter_map(|pair| pair.split_once('='));
    let names = pairs.map(|(name, _)| name).filter(|name| *name != "le");
    names.map(str::to_owned)
}

/// A page on which everything is known.
fn page() -> String {
    let metrics = Metrics::default();
    let mut judge = Judge::default();
    judge.set_rules(vec![rule()], at(0));
    let mut seen = observation(1, Duration::from_millis(80));
    seen.surroundings.softirq_delay = Ok(Some(Duration::from_millis(95)));
    seen.surroundings.softnet = Ok(Some(SoftnetRise {
        squeezed: 2,
        dropped: 1,
        over: Duration::from_secs(60),
    }));
    let share = || Ok(Some(Share { part: 1, whole: 3 }));
    seen.surroundings.memory_pressure = share();
    seen.surroundings.irq_pressure = share();
    seen.surroundings.steal = share();
    metrics.observe(&seen);
    metrics.wrote(true);
    let staged = "6.1.0-40-amd64".parse().unwrap();
    metrics.render(&Moment {
        judge: &judge,
        level: Level::Watch,
        in_flight: None,
        actuator: true,
        running: Some("6.1.0-39-amd64"),
        next_boot: NextBoot {
            staged: Some(&staged),
            reboot_required: Some(false),
        },
    })
}

#[test]
fn every_metric_is_documented_with_its_type_unit_and_labels() {
    let page = page();
    assert_eq!(told(&page), documented(), "{page}");
}
