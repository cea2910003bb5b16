//! How far a drain is, in numbers that go one way.

use unstall_crds::remediation::{DisplacedOwner, DrainProgress, LeftPod};

use super::outlook::Do;
use super::plan::Look;
use super::stance::Stance;
use super::turn::Turn;
use crate::Pod;
use crate::record::cut;

/// The API's bounds.
const LEFT: usize = 20;
const MESSAGE: usize = 256;
const NAMESPACE: usize = 63;
const NAME: usize = 253;
const DISPLACED: usize = 128;
const OWNER: usize = 512;
const UID: usize = 64;

/// How far the drain is, after what was said `before`.
///
/// Gone and come pods are told from numbers alone, so that nothing but the last
/// status is needed after a restart: of one that goes while another one comes,
/// neither is counted.
#[must_use]
pub fn progress(before: Option<&DrainProgress>, looks: &[Look], actions: &[Do]) -> DrainProgress {
    let looks: Vec<&Look> = looks
        .iter()
        .filter(|look| look.stance != Stance::Stays)
        .collect();
    let count = |is: fn(&Look) -> bool| {
        let count = looks.iter().filter(|look| is(look)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let present = count(|_| true);
    let (total, gone) = before.map_or((present, 0), |it| (it.total, it.gone));
    let gone = gone.max(total.saturating_sub(present));
    DrainProgress {
        total: total.max(gone.saturating_add(present)),
        gone,
        terminating: count(|look| look.pod.deleting.is_some()),
        skipped: count(|look| look.stance == Stance::Skipped),
        left: left(&looks),
        displaced: displaced(before, &looks, actions),
    }
}

/// What is held up comes first.
fn left(looks: &[&Look]) -> Vec<LeftPod> {
    let mut looks: Vec<_> = looks
        .iter()
        .filter(|look| look.stance != Stance::Skipped)
        .filter(|look| !look.pod.namespace.is_empty() && !look.pod.name.is_empty())
        .collect();
    looks.sort_by_key(|look| (look.cause().is_none(), &look.pod.namespace, &look.pod.name));
    let left = looks.into_iter().take(LEFT).map(|look| LeftPod {
        namespace: cut(&look.pod.namespace, NAMESPACE),
        name: cut(&look.pod.name, NAME),
        reason: look.cause().map(|cause| cause.reason),
        message: Some(cut(&sentence(look), MESSAGE)),
    });
    left.collect()
}

/// Why the pod is still there.
fn sentence(look: &Look) -> String {
    let cause = look.cause().map(|cause| cause.sentence(&[look.pod.path()]));
    match (&look.stance, cause) {
        (Stance::GivenUp(_), Some(text)) => format!("not waited for: {text}"),
        (_, Some(text)) => text,
        (Stance::Leaving { until }, None) => format!("terminates, by {until:.0} at the latest"),
        (Stance::Aborts(why), None) => why.clone(),
        (_, None) => match look.turn {
            Some(Turn::AfterOthers) => "is critical, and leaves when all others are gone",
            Some(Turn::NoPlace(_)) => "waits for its turn",
            _ => "is asked to leave",
        }
        .to_owned(),
    }
}

/// The controllers whose pods had to leave, those of before first. A pod that
/// had ended leaves nothing to be replaced.
fn displaced(
    before: Option<&DrainProgress>,
    looks: &[&Look],
    actions: &[Do],
) -> Vec<DisplacedOwner> {
    let mut displaced = before.map_or_else(Vec::new, |before| before.displaced.clone());
    let has_to_leave = |pod: &Pod| {
        let is_asked = actions.iter().any(|action| action.pod().uid == pod.uid);
        !pod.is_finished() && (is_asked || pod.deleting.is_some())
    };
    let pods = looks.iter().map(|look| look.pod);
    let new = pods.filter(|pod| has_to_leave(pod)).filter_map(owner);
    for owner in new {
        if !displaced.iter().any(|known| known.uid == owner.uid) {
            displaced.push(owner);
        }
    }
    displaced.truncate(DISPLACED);
    displaced
}

fn owner(pod: &Pod) -> Option<DisplacedOwner> {
    let owner = pod.owner.as_ref()?;
    let is_usable = (1..=UID).contains(&owner.uid.chars().count());
    is_usable.then(|| DisplacedOwner {
        uid: owner.uid.clone(),
        name: cut(
            &format!("{}/{}/{}", owner.kind, pod.namespace, owner.name),
            OWNER,
        ),
    })
}
