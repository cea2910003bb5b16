//! Whose turn it is.

use unstall_crds::policy::DrainAction;
use unstall_decide::drain::State;
use unstall_decide::{Pod, PodPhase, Said};

use crate::case::{Case, answer, at, of_kind, pod, rule};

const CRITICAL: i32 = 2_000_000_000;

fn important(name: &str, priority: i32) -> Pod {
    Pod {
        priority,
        ..pod(name)
    }
}

fn terminating(name: &str, until: i64) -> Pod {
    Pod {
        deleting: Some(at(until)),
        ..pod(name)
    }
}

#[test]
fn lower_priority_goes_first_and_so_many_at_once() {
    let pods = [
        important("a", 1000),
        important("b", -5),
        important("c", 0),
        important("d", CRITICAL - 1),
    ];
    let mut case = Case::new(pods);
    assert_eq!(case.calls(0), ["evict b", "evict c", "evict a", "evict d"]);
    case.parallel = 2;
    assert_eq!(case.calls(0), ["evict b", "evict c"]);
    case.parallel = 0;
    assert_eq!(case.calls(0), Vec::<String>::new());
    assert_eq!(case.look(0).state, State::GoingOn);
}

#[test]
fn what_terminates_in_time_takes_a_place_and_what_is_late_does_not() {
    let mut case = Case::new([
        terminating("a", 10),
        terminating("b", 30),
        pod("c"),
        pod("d"),
    ]);
    case.parallel = 3;
    assert_eq!(case.calls(69), ["evict c"]);
    assert_eq!(case.calls(70), ["evict c", "evict d"]);
    case.parallel = 1;
    assert_eq!(case.calls(89), Vec::<String>::new());
    assert_eq!(case.calls(90), ["evict c"]);
    case.drain.skip_wait_for_delete_timeout = Some("1m".parse().unwrap());
    assert_eq!(case.calls(90), ["evict c"]);
}

#[test]
fn critical_pods_wait_for_all_others() {
    let critical = [
        important("dns", CRITICAL),
        important("node", CRITICAL + 1000),
    ];
    let with = |other: Pod| Case::new([critical[0].clone(), critical[1].clone(), other]);
    assert_eq!(with(pod("a")).calls(0), ["evict a"]);
    assert_eq!(with(terminating("a", 30)).calls(0), Vec::<String>::new());
    // Late, held up by a filter, waited for, refused: all hold critical ones up.
    assert_eq!(with(terminating("a", -100)).calls(0), Vec::<String>::new());
    let data = Pod {
        empty_dir: true,
        ..pod("a")
    };
    assert_eq!(with(data).calls(0), Vec::<String>::new());
    let waits = with(of_kind("x", pod("a"))).with_rule(rule("x", &[(DrainAction::Wait, "")]));
    assert_eq!(waits.calls(0), Vec::<String>::new());
    let refused = with(pod("a")).answered("a", answer(0, Said::Refused));
    assert_eq!(refused.calls(1), Vec::<String>::new());
    let left = &refused.look(1).progress.left;
    assert_eq!(left[1].name, "dns");
    assert_eq!(left[1].reason, None);
    let message = "is critical, and leaves when all others are gone";
    assert_eq!(left[1].message.as_deref(), Some(message));
}

#[test]
fn what_stays_holds_no_critical_pod_up() {
    let mut pods = vec![important("dns", CRITICAL), important("node", CRITICAL + 1)];
    assert_eq!(
        Case::new(pods.clone()).calls(0),
        ["evict dns", "evict node"]
    );
    pods.push(Pod {
        mirror: true,
        ..pod("static")
    });
    pods.push(Pod {
        tolerates_unschedulable: true,
        ..pod("back")
    });
    pods.push(terminating("stuck", -1000));
    let mut case = Case::new(pods);
    assert_eq!(case.calls(0), Vec::<String>::new());
    case.drain.skip_wait_for_delete_timeout = Some("1m".parse().unwrap());
    assert_eq!(case.calls(0), ["evict dns", "evict node"]);
}

#[test]
fn pods_that_are_refused_or_wait_hold_up_no_higher_ones_but_critical_ones() {
    let held = of_kind("x", pod("held"));
    let case = Case::new([pod("refused"), held, important("a", 1000)])
        .with_rule(rule("x", &[(DrainAction::Wait, "")]))
        .answered("refused", answer(0, Said::Budget));
    assert_eq!(case.calls(1), ["evict a"]);
}

#[test]
fn finished_pods_have_their_turn_as_others_do() {
    let ended = Pod {
        phase: PodPhase::Succeeded,
        ..important("z", 0)
    };
    let mut case = Case::new([important("dns", CRITICAL), ended]);
    case.parallel = 1;
    assert_eq!(case.calls(0), ["evict z"]);
}

#[test]
fn pods_without_a_place_are_told_to_wait_for_their_turn() {
    let mut case = Case::new([pod("a"), pod("b")]);
    case.parallel = 1;
    let outlook = case.look(0);
    let texts: Vec<_> = outlook
        .progress
        .left
        .iter()
        .map(|it| it.message.as_deref())
        .collect();
    assert_eq!(
        texts,
        [Some("is asked to leave"), Some("waits for its turn")]
    );
    assert_eq!(outlook.blockers, []);
    // One that was refused before keeps its reason.
    let case = Case {
        parallel: 1,
        ..Case::new([pod("a"), pod("b")])
    }
    .answered("b", answer(0, Said::Refused));
    assert_eq!(case.calls(30), ["evict a"]);
    assert_eq!(case.look(30).blockers.len(), 1);
}
