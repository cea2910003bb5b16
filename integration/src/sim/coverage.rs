//! What a world came across: a fault that never occurs proves nothing.

use std::collections::BTreeMap;

use unstall_crds::health::RefusalReason;

use super::api::route::Call;
use super::api::write::Commit;
use super::world::Fate;

/// Counts of what occurred.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pub calls: u64,
    pub events: u64,
    pub gone: u64,
    pub broken_watches: u64,
    pub interrupted: u64,
    /// By kind of fault, trouble, phase, outcome, reason.
    pub counts: BTreeMap<String, u64>,
}

impl Coverage {
    pub fn count(&mut self, group: &str, what: &str) {
        *self.counts.entry(format!("{group}/{what}")).or_default() += 1;
    }

    pub fn call(&mut self, call: &Call) {
        self.calls += 1;
        let sub = call.subresource.as_deref().map(|it| format!("/{it}"));
        let plural = call.kind.form().plural;
        let what = format!("{:?} {plural}{}", call.verb, sub.unwrap_or_default());
        self.count("ask", &what);
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
        self.gone += other.gone;
        self.broken_watches += other.broken_watches;
        self.interrupted += other.interrupted;
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }
}
