//! When a roll-out will be done at its pace so far.

use jiff::{SignedDuration, Timestamp};
use unstall_crds::policy::RolloutStage;

use super::progress::{Facts, fixed};
use crate::judge::{add, signed};
use crate::{incident, window};

/// When the last node will have it; `None` before the first one has, and while
/// the roll-out stands still. It counts from the latest node that was done, so
/// that it stays the same while nothing happens.
pub fn completion(facts: &Facts<'_, '_>, stage: RolloutStage) -> Option<Timestamp> {
    if matches!(stage, RolloutStage::Halted | RolloutStage::Complete) || facts.due.is_empty() {
        return None;
    }
    let fixed = fixed(facts);
    let spans: Vec<SignedDuration> = fixed
        .iter()
        .filter_map(|it| {
            let rungs = &it.status.as_ref()?.rungs;
            let began = rungs.first()?.started_at.0;
            Some(incident::completed_at(it)?.duration_since(began))
        })
        .collect();
    let count = i64::try_from(spans.len()).ok().filter(|count| *count > 0)?;
    let sum: i64 = spans.iter().map(|span| span.as_secs()).sum();
    let spec = &facts.policy.policy.spec;
    let limit = spec.disruption.max_unavailable;
    let at_once = i64::from(limit.nodes_of(facts.policy.breaker.covered));
    let left = i64::try_from(facts.due.len()).unwrap_or(i64::MAX);
    let rounds = left.saturating_add(at_once - 1) / at_once;
    let pause = signed(spec.disruption.pause_between.get()).as_secs();
    let work = rounds.saturating_mul((sum / count).saturating_add(pause));
    let from = fixed.last().and_then(|it| incident::completed_at(it))?;
    let from = match stage {
        RolloutStage::Canary | RolloutStage::Baking => add(from, signed(spec.rollout.bake.get())),
        _ => from,
    };
    let done = window::after_open_time(
        &spec.disruption.windows,
        from,
        SignedDuration::from_secs(work),
    )?;
    (done > facts.view.snapshot.now).then_some(done)
}
