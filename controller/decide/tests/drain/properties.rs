//! What holds of every look at every drain.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use unstall_decide::drain::{Do, State, forecast};
use unstall_decide::{Pod, Said};

use crate::case::{Case, at};
use crate::random::any_case;

fn stays(pod: &Pod) -> bool {
    pod.mirror || pod.owner.as_ref().is_some_and(|it| it.kind == "DaemonSet")
}

/// Whether a pod takes a place: it terminates in time, or it has nothing special
/// and was asked just now.
fn is_on_its_way(case: &Case, pod: &Pod, now: i64) -> bool {
    if let Some(until) = pod.deleting {
        return !stays(pod) && at(now - 60) < until;
    }
    let is_plain = case.drain.rules.is_empty()
        && !stays(pod)
        && !pod.uid.is_empty()
        && !pod.empty_dir
        && pod.owner.is_some()
        && !pod.tolerates_unschedulable
        && pod.do_not_disrupt.is_none();
    let answer = case.answers.get(&pod.uid);
    let was_asked = answer.is_some_and(|answer| {
        matches!(answer.said, Said::Asked | Said::Accepted) && answer.at > at(now - 30)
    });
    is_plain && was_asked
}

proptest! {
    #![proptest_config(Config::with_cases(400))]

    #[test]
    fn only_pods_that_may_leave_are_asked((case, now) in any_case()) {
        let outlook = case.look(now);
        for call in &outlook.actions {
            let pod = case.pods.iter().find(|pod| pod.to_ref() == *call.pod());
            let pod = pod.unwrap();
            prop_assert!(!stays(pod), "{call:?}");
            prop_assert_eq!(pod.deleting, None);
            prop_assert!(!pod.uid.is_empty());
            prop_assert!(call.grace().unwrap_or(pod.grace_seconds) >= 1, "{:?}", call);
            if !pod.is_finished() {
                prop_assert!(!pod.tolerates_unschedulable);
                prop_assert!(case.drain.delete_empty_dir_data || !pod.empty_dir);
                prop_assert!(case.drain.force || pod.owner.is_some());
                prop_assert!(pod.do_not_disrupt.is_none() || !case.drain.rules.is_empty());
            }
            if matches!(call, Do::Delete { .. }) {
                prop_assert!(!case.drain.rules.is_empty(), "nothing but a rule deletes");
            }
        }
    }

    #[test]
    fn no_more_than_allowed_are_on_their_way((case, now) in any_case()) {
        let outlook = case.look(now);
        let asked: BTreeSet<_> = outlook.actions.iter().map(|call| &call.pod().uid).collect();
        prop_assert_eq!(asked.len(), outlook.actions.len(), "a pod is asked once");
        let on_their_way = case.pods.iter().filter(|pod| is_on_its_way(&case, pod, now));
        prop_assert!(asked.is_empty() || asked.len() + on_their_way.count() <= case.parallel);
    }

    #[test]
    fn whoever_is_throttled_asks_for_nothing((case, now) in any_case()) {
        let is_throttled = case.answers.values().any(|answer| {
            answer.said == Said::Throttled && answer.at > at(now - 10)
        });
        prop_assert!(!is_throttled || case.look(now).actions.is_empty());
    }

    #[test]
    fn the_critical_leave_last((case, now) in any_case()) {
        let is_critical = |uid: &str| {
            case.pods.iter().any(|pod| pod.uid == uid && pod.priority >= 2_000_000_000)
        };
        let calls = case.look(now).actions;
        if calls.iter().any(|call| is_critical(&call.pod().uid)) {
            prop_assert!(calls.iter().all(|call| is_critical(&call.pod().uid)));
        }
    }

    #[test]
    fn every_pod_that_is_left_is_asked_or_told_why((case, now) in any_case()) {
        let outlook = case.look(now);
        let counted = case.pods.iter().filter(|pod| !stays(pod)).count();
        let left = outlook.progress.left.len() + usize::try_from(outlook.progress.skipped).unwrap();
        prop_assert_eq!(left, counted);
        for left in &outlook.progress.left {
            let pod = case.pods.iter().find(|pod| pod.name == left.name).unwrap();
            let is_asked = outlook.actions.iter().any(|call| *call.pod() == pod.to_ref());
            let message = left.message.as_deref().unwrap_or_default();
            let waits = ["waits for its turn", "is critical, and", "is asked to leave"];
            let is_explained = left.reason.is_some()
                || pod.deleting.is_some()
                || waits.iter().any(|text| message.starts_with(text))
                || matches!(outlook.state, State::Abort(_));
            prop_assert!(is_asked || is_explained, "{left:?}");
        }
    }

    #[test]
    fn done_means_that_nobody_is_left_to_leave((case, now) in any_case()) {
        let outlook = case.look(now);
        match &outlook.state {
            State::Done { left, .. } => {
                prop_assert!(outlook.actions.is_empty() && outlook.blockers.is_empty());
                let counted = case.pods.iter().filter(|pod| !stays(pod)).count();
                prop_assert_eq!(*left, counted);
                prop_assert_eq!(outlook.next_look, None);
            }
            State::Abort(why) => {
                prop_assert!(outlook.actions.is_empty());
                prop_assert!(why.contains("default/p") || why.contains("other/p"), "{}", why);
            }
            State::GoingOn => {
                prop_assert!(!outlook.progress.left.is_empty());
                let next = outlook.next_look;
                prop_assert!(next.is_none_or(|next| next > at(now)));
            }
        }
    }

    #[test]
    fn numbers_never_fall((case, now) in any_case(), fewer in 0_usize..12) {
        let first = case.look(now).progress;
        let before = case.before.clone().unwrap_or_default();
        prop_assert!(first.total >= before.total && first.gone >= before.gone);
        let mut case = case;
        case.pods.truncate(fewer);
        case.before = Some(first.clone());
        let second = case.look(now).progress;
        prop_assert!(second.total >= first.total && second.gone >= first.gone);
        let gone = first.left.len() + first.skipped as usize - second.left.len() - second.skipped as usize;
        let had_room = first.total < 1000;
        prop_assert!(!had_room || (second.gone - first.gone) as usize == gone);
    }

    #[test]
    fn a_forecast_never_panics_and_names_what_it_speaks_of((case, _) in any_case()) {
        for blocked in forecast(&case.drain, &case.pods, None) {
            prop_assert!(blocked.object.starts_with("Pod/"), "{blocked:?}");
            prop_assert!(!blocked.message.is_empty());
        }
    }
}

/// The properties above would hold of a plan that never does anything.
#[test]
fn random_drains_see_every_call_and_every_state() {
    let mut runner = TestRunner::deterministic();
    let (mut seen, mut reasons) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..500 {
        let (case, now) = any_case().new_tree(&mut runner).unwrap().current();
        let outlook = case.look(now);
        seen.extend(outlook.actions.iter().map(|call| match call {
            Do::Evict { .. } => "evict",
            Do::Delete { .. } => "delete",
        }));
        seen.insert(match outlook.state {
            State::GoingOn => "going on",
            State::Done { .. } => "done",
            State::Abort(_) => "abort",
        });
        reasons.extend(outlook.blockers.iter().map(|it| it.reason));
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert_eq!(reasons.len(), 10, "{reasons:?}");
}
