//! The status of an incident.

use unstall_crds::remediation::{Measurement, NodeRemediationStatus, Proof, Rung};

use super::clock::clock_of;
use super::delta::Lines;

/// Every field that decisions write.
pub fn lines(status: &NodeRemediationStatus) -> Lines {
    let mut lines = Lines::new();
    let mut add = |key: &str, text: Option<String>| {
        lines.extend(text.map(|text| (key.to_owned(), text)));
    };
    let phase = status.phase_since.as_ref().map(|since| {
        let until = status.phase_deadline.as_ref();
        let until = until.map_or(String::new(), |time| format!(" until {}", clock_of(time)));
        format!("{} since {}{until}", status.phase, clock_of(since))
    });
    add("phase", phase);
    let outcome = status.outcome.map(|outcome| {
        let at = status
            .completed_at
            .as_ref()
            .map_or("-".to_owned(), clock_of);
        format!("{outcome} at {at}")
    });
    add("outcome", outcome);
    add("message", status.message.clone());
    add("remedy", status.remedy.clone());
    for (number, text) in (1..).zip(&status.evidence) {
        add(&format!("evidence {number}"), Some(text.clone()));
    }
    for blocker in &status.blockers {
        let since = clock_of(&blocker.since);
        let text = format!("{} (since {since})", blocker.message);
        add(&format!("blocked by {}", blocker.reason), Some(text));
    }
    for (number, rung) in (1..).zip(&status.rungs) {
        add(&format!("rung {number}"), Some(tried(rung)));
    }
    if let Some(proof) = &status.proof {
        add("proof", Some(proven(proof)));
    }
    for (number, phase) in (1..).zip(&status.phases) {
        let end = phase.finished_at.as_ref().map_or(String::new(), clock_of);
        let message = phase.message.as_deref().unwrap_or("-");
        let text = format!(
            "{} {}-{end} {message}",
            phase.phase,
            clock_of(&phase.started_at)
        );
        add(&format!("phase {number}"), Some(text));
    }
    for condition in &status.conditions {
        let text = format!("{} {}", condition.status, condition.reason);
        add(&condition.type_, Some(text));
    }
    lines
}

fn tried(rung: &Rung) -> String {
    let end = rung.finished_at.as_ref().map_or(String::new(), clock_of);
    let result = rung.result.map_or("at work", |result| result.as_str());
    let mut text = format!(
        "{} {} as {} in epoch {}, {}-{end} {result}",
        rung.remedy,
        rung.action,
        rung.command_id.as_deref().unwrap_or("-"),
        rung.epoch.map_or("-".to_owned(), |epoch| epoch.to_string()),
        clock_of(&rung.started_at),
    );
    for (what, measurement) in [("before", &rung.before), ("after", &rung.after)] {
        if let Some(measurement) = measurement {
            text += &format!("; {what} {}", measured(measurement));
        }
    }
    if let Some(message) = &rung.message {
        text += &format!("; {message}");
    }
    text
}

fn proven(proof: &Proof) -> String {
    let side = |measurement: &Option<Measurement>| {
        let measurement = measurement.as_ref();
        measurement.map_or("unknown".to_owned(), measured)
    };
    let remains = proof.remains.as_ref();
    let remains = remains.map_or(String::new(), |text| format!("; remains: {text}"));
    format!("{} -> {}{remains}", side(&proof.before), side(&proof.after))
}

fn measured(measurement: &Measurement) -> String {
    let zombies = measurement.zombie_memcgs.map(|count| count.to_string());
    format!(
        "{} of {} {} {}, {} zombies at {}",
        measurement.statistic.map_or("-", |s| s.as_str()),
        measurement.samples.unwrap_or_default(),
        measurement.signal.map_or("-", |s| s.as_str()),
        measurement.value,
        zombies.as_deref().unwrap_or("unknown"),
        clock_of(&measurement.at)
    )
}
