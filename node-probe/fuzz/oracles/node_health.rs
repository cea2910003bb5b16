//! The node's own object from the API server: each trigger becomes a rule with
//! its thresholds, or says why not; and what an earlier run said goes on only
//! in this boot.

use std::time::Duration;

use node_probe::judge::{State, Unit};
use node_probe::publish::resume::resumed;
use node_probe::publish::rules::{Asked, asked, rules};
use node_probe::publish::status::{Facts, Now};
use node_probe::time::MonotonicTime;
use serde_json::Value;
use unstall_crds::health::NodeHealth;

use super::slow::number;

const LONGEST_MICROS: u128 = 999_999_999_999;

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<NodeHealth>(bytes) else {
        return;
    };
    // What is not looked at need not even be text.
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let kernel = "6.1.0-40-amd64".parse().unwrap();
    let asked = asked(&object.spec.triggers, Some(&kernel));
    assert_eq!(asked.len(), object.spec.triggers.len());
    for (index, one) in asked.iter().enumerate() {
        let said = &json["spec"]["triggers"][index];
        match one {
            Asked::Rule(rule) if said.is_object() => {
                let signal = &said["signal"];
                assert_eq!(said["name"], rule.name);
                if signal.is_object() {
                    let unit = rule.signal.unit();
                    assert_eq!(
                        threshold(&signal["above"], unit),
                        Some(rule.above),
                        "{signal}"
                    );
                    let clear = threshold(&signal["clearBelow"], unit);
                    assert_eq!(clear, Some(rule.clear_below), "{signal}");
                    let hold = signal["for"].as_str().map(duration);
                    assert!(
                        hold.is_none_or(|hold| hold == Some(rule.hold.as_nanos())),
                        "{signal}"
                    );
                }
            }
            Asked::Rule(_) => {}
            Asked::NotJudged(trigger, why) => {
                assert!(!why.is_empty());
                assert_eq!(**trigger, object.spec.triggers[index]);
            }
        }
    }
    let Some(before) = &object.status else { return };
    let now = Now {
        monotonic: MonotonicTime::from_boot(Duration::from_secs(5_000)),
        wall: "2026-03-02T12:01:00Z".parse().unwrap(),
    };
    let facts = Facts {
        boot_id: Some("b1".to_owned()),
        kernel_release: None,
        cgroup_version: None,
    };
    let rules = rules(&asked);
    for (rule, state, since) in resumed(&rules, before, &facts, now) {
        assert_eq!(before.boot_id.as_deref(), Some("b1"));
        assert!(since <= now.monotonic && state != State::Unknown);
        assert!(
            before
                .triggers
                .iter()
                .any(|said| said.signal_hash == rule.signal_hash)
        );
    }
}

/// A threshold in the judge's unit, from its text.
fn threshold(said: &Value, unit: Unit) -> Option<u64> {
    let text = match said {
        Value::Number(number) => number.to_string(),
        said => said.as_str()?.to_owned(),
    };
    let whole = |text: &str| number(Some(&text));
    match unit {
        Unit::Count => whole(&text),
        Unit::PerHour => whole(text.strip_suffix("/h")?),
        Unit::Ratio => hundredths(text.strip_suffix('%')?),
        Unit::Nanoseconds => {
            // The API keeps whole microseconds, and no more than 11 days of them.
            let micros = (duration(&text)? / 1_000).min(LONGEST_MICROS);
            u64::try_from(micros * 1_000).ok()
        }
    }
}

fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part = match part.len() {
        1 => number(Some(&part))? * 10,
        _ => number(Some(&part))?,
    };
    Some(number(Some(&whole))? * 100 + part)
}

/// The nanoseconds of `1h30m0.5s`.
fn duration(text: &str) -> Option<u128> {
    let mut sum = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (amount, after) = rest.split_at(end);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let nanos: u128 = match unit {
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
        sum += nanos * u128::from(number(Some(&whole))?);
        sum += nanos * u128::from(number(Some(&part))?) / scale;
        rest = after;
    }
    Some(sum)
}
