//! Counts of what occurred.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unstall_crds::health::RefusalReason;

use crate::sim::api::route::Call;
use crate::sim::api::write::Commit;
use crate::sim::world::Fate;

/// Counts of what occurred.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Coverage {
    pub calls: u64,
    pub events: u64,
    /// By kind of call, fault, trouble, phase, outcome, reason, mark.
    pub counts: BTreeMap<String, u64>,
}

impl Coverage {
    pub fn count(&mut self, group: &str, what: &str) {
        *self.counts.entry(format!("{group}/{what}")).or_default() += 1;
    }

    pub fn call(&mut self, call: &Call) {
        self.calls += 1;
        self.count("ask", &call.kind_of());
    }

    pub fn fate(&mut self, fate: Fate) {
        self.count("call", &format!("{fate:?}"));
    }

    pub fn refusal(&mut self, reason: RefusalReason) {
        self.count("refusal", reason.as_str());
    }

    /// An incident was written: its phase, its end, what it waits for.
    pub fn incident(&mut self, commit: &Commit) {
        let Some(after) = &commit.after else {
            return;
        };
        let status = &after["status"];
        let before = commit.before.as_ref().map(|it| &it["status"]);
        let is_new = |field: &str| before.is_none_or(|it| it[field] != status[field]);
        for (group, field) in [("phase", "phase"), ("outcome", "outcome")] {
            if let Some(text) = status[field].as_str().filter(|_| is_new(field)) {
                self.count(group, text);
            }
        }
        if is_new("blockers") {
            for blocker in status["blockers"].as_array().into_iter().flatten() {
                self.count("reason", blocker["reason"].as_str().unwrap_or_default());
            }
        }
    }

    /// A policy was written: whom it does not treat, and why.
    pub fn policy(&mut self, commit: &Commit) {
        let status = commit.after.as_ref().map(|it| &it["status"]);
        let blocked = status.and_then(|it| it["blocked"].as_array());
        for entry in blocked.into_iter().flatten() {
            self.count("reason", entry["reason"].as_str().unwrap_or_default());
        }
    }

    /// Adds what another world came across.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.events += other.events;
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }
}
