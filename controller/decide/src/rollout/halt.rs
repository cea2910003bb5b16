//! Whether a roll-out is halted, and because of what.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::{ConditionReason, ConditionType};
use unstall_crds::policy::RolloutStage;
use unstall_crds::remediation::{NodeRemediation, Outcome};

use super::progress::Facts;
use super::worse;
use crate::{incident, judge};

/// Why a roll-out stands still until a human resumes it.
pub struct Halt {
    pub at: Time,
    pub nodes: Vec<String>,
    pub text: String,
    pub is_worse: bool,
}

/// The halt that is on. One that stood in the status stays, whatever became of
/// the records that caused it.
pub fn of(facts: &Facts<'_, '_>) -> Option<Halt> {
    let stood = facts
        .before
        .filter(|it| it.stage == RolloutStage::Halted && !is_resumed(facts, it.halted_at.as_ref()));
    let found = by_failure(facts).or_else(|| by_signals(facts));
    match (stood, found) {
        (Some(stood), found) => Some(Halt {
            at: stood
                .halted_at
                .clone()
                .unwrap_or_else(|| Time(judge::whole_seconds(facts.view.snapshot.now))),
            nodes: stood.halted_by.clone(),
            text: stood.message.clone().unwrap_or_default(),
            is_worse: found.map_or_else(|| was_worse(facts), |halt| halt.is_worse),
        }),
        (None, found) => found,
    }
}

/// Incidents of the roll-out that failed and that no human resumed since.
pub fn failed<'a>(facts: &Facts<'a, '_>) -> Vec<&'a NodeRemediation> {
    let bad = [Outcome::Failed, Outcome::NotFixed, Outcome::Recurred];
    let incidents = facts.incidents.iter().copied();
    incidents
        .filter(|it| {
            let outcome = it.status.as_ref().and_then(|status| status.outcome);
            outcome.is_some_and(|outcome| bad.contains(&outcome))
        })
        .filter(|it| !is_resumed(facts, incident::completed_at(it).map(Time).as_ref()))
        .collect()
}

fn by_failure(facts: &Facts<'_, '_>) -> Option<Halt> {
    let failed = failed(facts);
    let first = failed.first()?;
    let status = first.status.as_ref();
    let outcome = status.and_then(|status| status.outcome)?;
    let why = status.and_then(|status| status.message.as_deref());
    Some(Halt {
        at: Time(judge::whole_seconds(facts.view.snapshot.now)),
        nodes: failed.iter().map(|it| it.spec.node_name.clone()).collect(),
        text: format!(
            "{} is {outcome}: {}",
            first.spec.node_name,
            why.unwrap_or("no reason is on record")
        ),
        is_worse: false,
    })
}

fn by_signals(facts: &Facts<'_, '_>) -> Option<Halt> {
    let worse: Vec<_> = worse::all(facts)
        .filter(|(it, _)| !is_resumed(facts, incident::completed_at(it).map(Time).as_ref()))
        .collect();
    let (_, text) = worse.first()?;
    Some(Halt {
        at: Time(judge::whole_seconds(facts.view.snapshot.now)),
        nodes: worse
            .iter()
            .map(|(it, _)| it.spec.node_name.clone())
            .collect(),
        text: text.clone(),
        is_worse: true,
    })
}

/// What the policy's condition says of a halt whose records are gone.
fn was_worse(facts: &Facts<'_, '_>) -> bool {
    let status = facts.policy.policy.status.iter();
    let mut conditions = status.flat_map(|status| &status.conditions);
    conditions.any(|it| {
        it.type_ == ConditionType::RolloutHalted.as_str()
            && it.reason == ConditionReason::WorseSignals.as_str()
    })
}

/// Whether a human lets the roll-out go on after a halt at `at`.
fn is_resumed(facts: &Facts<'_, '_>, at: Option<&Time>) -> bool {
    let ledger = facts.view.snapshot.ledger.as_ref();
    let mut resumed = ledger.iter().flat_map(|it| &it.spec.resume_rollouts);
    resumed.any(|it| {
        it.policy == facts.policy.name
            && it.trigger == facts.trigger.name
            && at.is_some_and(|at| *at <= it.halted_before)
    })
}
