//! The parts of an incident's status: rungs, proof, drain.

use unstall_crds::remediation::{BootProof, DrainProgress, LeftPod, Measurement, Proof, Rung};
use unstall_crds::units::{KernelVersion, Reading};

use super::clock::clock_of;

/// A rung that was tried.
pub fn tried(rung: &Rung) -> String {
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
    if let Some(by) = &rung.approved_by {
        text += &format!("; approved by {by}");
    }
    for signal in &rung.comparison {
        let value = |reading: &Option<Reading>| reading.map_or("?".to_owned(), |it| it.to_string());
        text += &format!(
            "; {} {} -> {}, rest {} -> {}",
            signal.name,
            value(&signal.before),
            value(&signal.after),
            value(&signal.rest_before),
            value(&signal.rest_after)
        );
    }
    if let Some(message) = &rung.message {
        text += &format!("; {message}");
    }
    text
}

/// What proves the outcome.
pub fn proven(proof: &Proof) -> String {
    let side = |measurement: &Option<Measurement>| {
        let measurement = measurement.as_ref();
        measurement.map_or("unknown".to_owned(), measured)
    };
    let remains = proof.remains.as_ref();
    let remains = remains.map_or(String::new(), |text| format!("; remains: {text}"));
    let boot = proof.boot.as_ref().map_or(String::new(), booted);
    format!(
        "{} -> {}{boot}{remains}",
        side(&proof.before),
        side(&proof.after)
    )
}

fn booted(boot: &BootProof) -> String {
    let text = |it: Option<&str>| it.unwrap_or("?").to_owned();
    format!(
        "; boot {} -> {}, kernel {} -> {}",
        boot.boot_id_before,
        text(boot.boot_id_after.as_deref()),
        text(boot.kernel_before.as_ref().map(KernelVersion::as_str)),
        text(boot.kernel_after.as_ref().map(KernelVersion::as_str)),
    )
}

/// How far a drain is, in numbers, and whose pods had to leave.
pub fn drained(drain: &DrainProgress) -> String {
    let owners = drain.displaced.iter().map(|owner| owner.name.as_str());
    format!(
        "{} of {} gone, {} terminating, {} skipped, {} left; displaced [{}]",
        drain.gone,
        drain.total,
        drain.terminating,
        drain.skipped,
        drain.left.len(),
        owners.collect::<Vec<_>>().join(", ")
    )
}

/// Why a pod is still there.
pub fn left(pod: &LeftPod) -> String {
    let reason = pod.reason.map_or("-", |reason| reason.as_str());
    format!("{reason} {}", pod.message.as_deref().unwrap_or("-"))
}

fn measured(measurement: &Measurement) -> String {
    let at = clock_of(&measurement.at);
    let Some(signal) = measurement.signal else {
        return format!("{} at {at}", measurement.value);
    };
    let zombies = measurement.zombie_memcgs.map(|count| count.to_string());
    format!(
        "{} of {} {signal} {}, {} zombies at {at}",
        measurement.statistic.map_or("-", |s| s.as_str()),
        measurement.samples.unwrap_or_default(),
        measurement.value,
        zombies.as_deref().unwrap_or("unknown"),
    )
}
