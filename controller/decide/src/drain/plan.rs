//! One look at a node that is being drained.

use jiff::Timestamp;
use unstall_crds::policy::Drain;

use super::cause::{self, Cause};
use super::outlook::{Do, Input, Outlook, State};
use super::stance::{self, Clock, LATE, Stance};
use super::turn::{self, Turn};
use super::{progress, rule, text};
use crate::Pod;
use crate::judge::add;
use crate::judge::signed;

/// A pod, and what becomes of it in this look.
pub struct Look<'a> {
    pub pod: &'a Pod,
    pub stance: Stance,
    /// For a pod that has to leave.
    pub turn: Option<Turn>,
}

/// What is to be done now about the pods of a node that is being drained.
#[must_use]
pub fn plan(input: &Input) -> Outlook {
    let looks = looks(input);
    let state = state(&looks);
    let actions: Vec<Do> = match state {
        State::GoingOn => looks
            .iter()
            .filter_map(|look| action(input.drain, look))
            .collect(),
        State::Done { .. } | State::Abort(_) => Vec::new(),
    };
    let causes = looks
        .iter()
        .filter(|look| !matches!(look.stance, Stance::GivenUp(_)))
        .filter_map(|look| Some((look.pod, look.cause()?.clone())));
    Outlook {
        progress: progress::progress(input.before, &looks, &actions),
        blockers: cause::blockers(causes),
        next_look: next_look(input, &looks, &state),
        actions,
        state,
    }
}

/// Every pod in the order of turns.
fn looks<'a>(input: &Input<'a>) -> Vec<Look<'a>> {
    let clock = Clock {
        started: input.started,
        now: input.now,
    };
    let mut pods: Vec<_> = input
        .pods
        .iter()
        .map(|pod| (pod, stance::stance(input.drain, pod, clock)))
        .collect();
    pods.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
    let mut turns = turn::turns(input, &pods);
    let looks = pods.into_iter().enumerate();
    looks
        .map(|(index, (pod, stance))| Look {
            pod,
            stance,
            turn: turns.remove(&index),
        })
        .collect()
}

fn order(pod: &Pod) -> (i32, &str, &str, &str) {
    (pod.priority, &pod.namespace, &pod.name, &pod.uid)
}

impl Look<'_> {
    /// Why the pod is still there.
    pub const fn cause(&self) -> Option<&Cause> {
        match (&self.stance, &self.turn) {
            (Stance::Held(cause) | Stance::Late(cause) | Stance::GivenUp(cause), _) => Some(cause),
            (
                _,
                Some(
                    Turn::Now(cause)
                    | Turn::NoPlace(cause)
                    | Turn::Asked { cause, .. }
                    | Turn::Again { cause, .. },
                ),
            ) => cause.as_ref(),
            _ => None,
        }
    }
}

fn action(drain: &Drain, look: &Look) -> Option<Do> {
    let (Stance::Leaves { delete }, Some(Turn::Now(_))) = (&look.stance, &look.turn) else {
        return None;
    };
    let pod = look.pod.to_ref();
    let grace = grace(drain, look.pod);
    Some(if *delete {
        Do::Delete { pod, grace }
    } else {
        Do::Evict { pod, grace }
    })
}

/// Never 0: that would take the pod out of the API without its containers
/// having ended.
fn grace(drain: &Drain, pod: &Pod) -> Option<i64> {
    match &drain.grace_period {
        Some(grace) => Some(
            i64::try_from(grace.get().as_secs())
                .unwrap_or(i64::MAX)
                .max(1),
        ),
        None => (pod.grace_seconds < 1).then_some(1),
    }
}

fn state(looks: &[Look]) -> State {
    let abort = looks.iter().find_map(|look| match &look.stance {
        Stance::Aborts(why) => Some(why.clone()),
        _ => None,
    });
    if let Some(why) = abort {
        return State::Abort(why);
    }
    let (mut skipped, mut given_up) = (Vec::new(), Vec::new());
    for look in looks {
        match look.stance {
            Stance::Stays => {}
            Stance::Skipped => skipped.push(look.pod.path()),
            Stance::GivenUp(_) => given_up.push(look.pod.path()),
            _ => return State::GoingOn,
        }
    }
    let left = skipped.len() + given_up.len();
    let mut sentence = "every pod that had to leave is gone".to_owned();
    for (what, paths) in [("skipped", skipped), ("not waited for", given_up)] {
        if !paths.is_empty() {
            sentence.push_str(&format!("; {what}: {}", text::pods(&paths)));
        }
    }
    State::Done { left, sentence }
}

/// Who watches the pods sees the rest.
fn next_look(input: &Input, looks: &[Look], state: &State) -> Option<Timestamp> {
    if *state != State::GoingOn {
        return None;
    }
    let times = looks.iter().flat_map(|look| {
        let of_turn = match look.turn {
            Some(Turn::Asked { again_at, .. }) => Some(again_at),
            Some(Turn::Again { at, .. }) => at,
            _ => None,
        };
        [of_turn, of_stance(input.drain, look), step_end(input, look)]
    });
    times.flatten().min()
}

fn of_stance(drain: &Drain, look: &Look) -> Option<Timestamp> {
    match (&look.stance, look.pod.deleting) {
        (Stance::Leaving { until }, _) => Some(add(*until, LATE)),
        (Stance::Late(_), Some(until)) => stance::gives_up_at(drain, until),
        _ => None,
    }
}

/// When the next step of the pod's rule begins.
fn step_end(input: &Input, look: &Look) -> Option<Timestamp> {
    if look.stance == Stance::Stays {
        return None;
    }
    let clock = Clock {
        started: input.started,
        now: input.now,
    };
    let order = rule::order(input.drain, look.pod, clock.elapsed());
    Some(add(input.started, signed(order.until?)))
}
