//! Whether a roll-out is halted, and because of what.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::{ConditionReason, ConditionType};
use unstall_crds::policy::RolloutStage;
use unstall_crds::remediation::{NodeRemediation, Outcome, Rung, RungResult};

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

/// Incidents of the roll-out that failed and that no human resumed since. One that
/// goes on with another remedy, or holds its node for a human, has failed as well.
pub fn failed<'a>(facts: &Facts<'a, '_>) -> Vec<&'a NodeRemediation> {
    let incidents = facts.incidents.iter().copied();
    incidents
        .filter(|it| failure(it).is_some_and(|(at, _)| !is_resumed(facts, Some(&at))))
        .collect()
}

/// When an incident failed, and how.
fn failure(it: &NodeRemediation) -> Option<(Time, String)> {
    let status = it.status.as_ref()?;
    let why = |message: Option<&String>| {
        let why = message.map_or("no reason is on record", String::as_str);
        why.to_owned()
    };
    if let Some(outcome) = status.outcome {
        let bad = [Outcome::Failed, Outcome::NotFixed, Outcome::Recurred];
        let text = format!("is {outcome}: {}", why(status.message.as_ref()));
        let at = incident::completed_at(it).map(Time)?;
        return bad.contains(&outcome).then_some((at, text));
    }
    let bad = [
        RungResult::Failed,
        RungResult::NoEffect,
        RungResult::Recurred,
    ];
    let is_bad = |rung: &&Rung| {
        rung.action.is_disruptive() && rung.result.is_some_and(|result| bad.contains(&result))
    };
    let rung = status.rungs.iter().rev().find(is_bad)?;
    let text = format!("{} failed: {}", rung.remedy, why(rung.message.as_ref()));
    Some((rung.finished_at.clone()?, text))
}

fn by_failure(facts: &Facts<'_, '_>) -> Option<Halt> {
    let failed = failed(facts);
    let first = failed.first()?;
    let (_, text) = failure(first)?;
    Some(Halt {
        at: Time(judge::whole_seconds(facts.view.snapshot.now)),
        nodes: failed.iter().map(|it| it.spec.node_name.clone()).collect(),
        text: format!("{} {text}", first.spec.node_name),
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
