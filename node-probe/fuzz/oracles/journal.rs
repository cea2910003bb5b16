//! The actuator's journal: one that is accepted says what its JSON says, comes
//! back as it was saved, and lets limits be counted; any other is refused.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::actuator::journal::{FILE_NAME, JournalFile};
use node_probe::actuator::limit::{self, Limits};
use node_probe::actuator::record::{Moment, Record};
use serde_json::Value;

use super::rig::{Rig, names};

const LIMITS: Limits = Limits {
    min_interval: Duration::from_secs(60),
    daily_cap: 4,
    max_skew: Duration::from_secs(60),
    max_lifetime: Duration::from_secs(600),
};

thread_local! {
    static RIG: RefCell<(Rig, JournalFile)> = RefCell::new(rig());
}

fn rig() -> (Rig, JournalFile) {
    let rig = Rig::new();
    let journal = JournalFile::open(&rig.path("")).unwrap();
    (rig, journal)
}

fn now() -> Moment {
    Moment {
        wall: "2026-01-02T03:05:00Z".parse().unwrap(),
        boot_id: "boot-1".to_owned(),
        uptime: Duration::from_secs(100),
    }
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow(|(rig, journal)| {
        rig.write(FILE_NAME, bytes);
        let record = match journal.load() {
            Ok(record) => record,
            Err(error) => return names(FILE_NAME, &error.to_string()),
        };
        says_what_its_json_says(&record, &serde_json::from_slice(bytes).unwrap());
        count_limits(&record);
        journal.save(&record).unwrap();
        assert_eq!(journal.load().unwrap(), record, "saved and read back");
        let kept = bytes.trim_ascii_end().len();
        for end in [kept - 1, kept / 2, kept / 3] {
            rig.write(FILE_NAME, &bytes[..end]);
            names(FILE_NAME, &journal.load().unwrap_err().to_string());
        }
    });
}

fn says_what_its_json_says(record: &Record, json: &Value) {
    let top = |name, index| field(json, name, index).unwrap_or_default();
    assert_eq!(top("schemaVersion", 0).as_u64(), Some(1));
    assert_eq!(top("nodeUID", 1).as_str(), record.node_uid());
    assert_eq!(
        top("highestEpoch", 2).as_i64(),
        Some(record.highest_epoch())
    );
    let commands = top("commands", 3).as_array().cloned().unwrap();
    assert_eq!(commands.len(), record.commands().len());
    for (said, entry) in commands.iter().zip(record.commands()) {
        let field = |name, index| field(said, name, index);
        assert_eq!(field("id", 0).unwrap(), entry.id);
        assert_eq!(field("epoch", 1).unwrap(), entry.epoch);
        assert_eq!(field("bootID", 4).unwrap(), entry.boot_id);
        assert_eq!(
            field("uptimeMilliseconds", 6).unwrap(),
            entry.uptime_milliseconds
        );
        let has = |name, index| field(name, index).is_some_and(|value| !value.is_null());
        assert_eq!(has("askedAt", 7), entry.asked_at.is_some());
        assert_eq!(has("ending", 8), entry.ending.is_some());
    }
}

/// A field in either of the forms that serde reads a struct from.
fn field(said: &Value, name: &str, index: usize) -> Option<Value> {
    match said {
        Value::Array(fields) => fields.get(index).cloned(),
        said => said.get(name).cloned(),
    }
}

/// Nothing of it breaks the arithmetic, and no entry is older than time itself.
fn count_limits(record: &Record) {
    let now = now();
    let refused = limit::check(record.commands(), &now, &LIMITS).is_err();
    let elapsed = |entry| limit::elapsed(entry, &now);
    let recent = record.commands().iter().map(elapsed);
    let today = recent.clone().filter(|past| *past < limit::DAY).count();
    let too_soon = recent.clone().any(|past| past < LIMITS.min_interval);
    assert_eq!(refused, too_soon || today >= 4, "the limits");
    for entry in record.commands() {
        let in_future = entry.started_at >= now.wall;
        assert!(
            !in_future || elapsed(entry) == Duration::ZERO,
            "begun in the future"
        );
        assert!(entry.boot_id != now.boot_id || elapsed(entry) <= now.uptime);
    }
    let mut changed = record.clone();
    changed.end_unfinished(&now);
    if let Some(entry) = record.commands().first() {
        changed.begin(entry.clone(), &now);
        assert!(changed.commands().len() <= record.commands().len() + 1);
    }
}
