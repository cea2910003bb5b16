//! Keeps a remediation's status: phases, blockers, rungs, the end.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::{self, Condition, ConditionStatus, ConditionType};
use unstall_crds::remediation::{
    Blocker, NodeRemediation, NodeRemediationStatus, Outcome, Phase, PhaseRecord, Rung, RungResult,
};

use crate::no::No;

/// The API keeps this many phases; the oldest go first.
const MAX_PHASES: usize = 128;
/// The API keeps this many blockers, the most important first.
const MAX_BLOCKERS: usize = 16;

/// Enters `phase`, unless it is in it already.
pub fn enter(
    status: &mut NodeRemediationStatus,
    phase: Phase,
    now: Timestamp,
    deadline: Option<Timestamp>,
    message: &str,
) {
    if status.phase == phase && status.phase_since.is_some() {
        return;
    }
    if let Some(last) = status.phases.last_mut()
        && last.finished_at.is_none()
    {
        last.finished_at = Some(Time(now));
    }
    if status.phases.len() == MAX_PHASES {
        status.phases.remove(0);
    }
    let finished_at = (phase == Phase::Ended).then_some(Time(now));
    status.phases.push(PhaseRecord {
        phase,
        started_at: Time(now),
        finished_at,
        message: Some(cut(message, 256)),
    });
    status.phase = phase;
    status.phase_since = Some(Time(now));
    status.phase_deadline = deadline.map(Time);
    status.message = Some(cut(message, 512));
}

/// Ends the incident, and with it a rung that is still at work.
pub fn end(status: &mut NodeRemediationStatus, outcome: Outcome, now: Timestamp, message: &str) {
    if current_rung(status).is_some() {
        end_rung(status, RungResult::Failed, now, message);
    }
    set_blockers(status, Vec::new(), now);
    status.gate = None;
    status.ending = None;
    enter(status, Phase::Ended, now, None, message);
    status.outcome = Some(outcome);
    status.completed_at = Some(Time(now));
    set_condition(
        status,
        ConditionType::Completed,
        true,
        outcome.as_str(),
        message,
        now,
    );
}

/// Ends the rung at work.
pub fn end_rung(
    status: &mut NodeRemediationStatus,
    result: RungResult,
    now: Timestamp,
    message: &str,
) {
    if let Some(rung) = status.rungs.last_mut() {
        rung.result = Some(result);
        rung.finished_at = Some(Time(now));
        rung.message = Some(cut(message, 256));
    }
}

/// The rung at work, if one is.
#[must_use]
pub fn current_rung(status: &NodeRemediationStatus) -> Option<&Rung> {
    status.rungs.last().filter(|rung| rung.result.is_none())
}

/// Whether the slot that was taken at `since` is that of this rung; one that was skipped
/// takes none.
#[must_use]
pub fn has_slot_of(rung: &Rung, since: Timestamp) -> bool {
    rung.started_at.0 == since && rung.result != Some(RungResult::Skipped)
}

/// Whether anything was done to the node yet; a rung that was skipped does
/// nothing.
#[must_use]
pub fn was_tried(status: &NodeRemediationStatus) -> bool {
    let mut rungs = status.rungs.iter();
    rungs.any(|rung| rung.result != Some(RungResult::Skipped))
}

/// The phase of an incident; one that was not looked at yet is Pending.
#[must_use]
pub fn phase(remediation: &NodeRemediation) -> Phase {
    let status = remediation.status.as_ref();
    status.map_or(Phase::Pending, |status| status.phase)
}

/// Replaces the blockers; one that stands already keeps its time.
pub fn set_blockers(status: &mut NodeRemediationStatus, new: Vec<No>, now: Timestamp) {
    let old = std::mem::take(&mut status.blockers);
    status.blockers = new
        .into_iter()
        .take(MAX_BLOCKERS)
        .map(|no| Blocker {
            since: old
                .iter()
                .find(|b| b.reason == no.reason && b.object == no.object)
                .map_or(Time(now), |b| b.since.clone()),
            reason: no.reason,
            message: cut(&no.text, 512),
            object: no.object.map(|object| cut(&object, 512)),
        })
        .collect();
    match status.blockers.first() {
        Some(first) => {
            let (reason, message) = (first.reason.as_str(), first.message.clone());
            set_condition(status, ConditionType::Blocked, true, reason, &message, now);
        }
        None => set_condition(
            status,
            ConditionType::Blocked,
            false,
            "NotBlocked",
            "nothing holds it up",
            now,
        ),
    }
}

fn set_condition(
    status: &mut NodeRemediationStatus,
    type_: ConditionType,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let new = Condition {
        type_: type_.to_string(),
        status: if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        },
        observed_generation: status.observed_generation,
        last_transition_time: Time(now),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    condition::set(&mut status.conditions, new);
}

/// At most `max` characters of `text`.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
