//! The status of an incident.

use unstall_crds::remediation::{NodeRemediationStatus, PhaseRecord};

use super::clock::clock_of;
use super::delta::Lines;
use super::incident_parts::{drained, left, proven, tried};

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
    let ending = status.ending.map(|outcome| outcome.to_string());
    add("ending", ending);
    add("message", status.message.clone());
    add("remedy", status.remedy.clone());
    for (number, text) in (1..).zip(&status.evidence) {
        add(&format!("evidence {number}"), Some(text.clone()));
    }
    for blocker in &status.blockers {
        let since = clock_of(&blocker.since);
        let text = format!("{} (since {since})", blocker.message);
        let object = blocker.object.as_ref();
        let object = object.map_or(String::new(), |object| format!(" by {object}"));
        add(
            &format!("blocked by {}{object}", blocker.reason),
            Some(text),
        );
    }
    let gate = status.gate.as_ref().map(|gate| {
        let since = clock_of(&gate.since);
        format!("{} {} since {since}", gate.name, gate.point)
    });
    add("gate", gate);
    add("good since", status.good_since.as_ref().map(clock_of));
    if let Some(drain) = &status.drain {
        add("drain", Some(drained(drain)));
        for pod in &drain.left {
            add(
                &format!("left {}/{}", pod.namespace, pod.name),
                Some(left(pod)),
            );
        }
    }
    for (number, rung) in (1..).zip(&status.rungs) {
        add(&format!("rung {number}"), Some(tried(rung)));
    }
    if let Some(proof) = &status.proof {
        add("proof", Some(proven(proof)));
    }
    for (number, phase) in (1..).zip(&status.phases) {
        add(&format!("phase {number}"), Some(passed(phase)));
    }
    for condition in &status.conditions {
        let text = format!("{} {}", condition.status, condition.reason);
        add(&condition.type_, Some(text));
    }
    lines
}

fn passed(phase: &PhaseRecord) -> String {
    let end = phase.finished_at.as_ref().map_or(String::new(), clock_of);
    let message = phase.message.as_deref().unwrap_or("-");
    let start = clock_of(&phase.started_at);
    format!("{} {start}-{end} {message}", phase.phase)
}
