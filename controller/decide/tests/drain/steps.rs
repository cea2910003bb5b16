//! Rules: which one counts, and what the clock makes of it.

use unstall_crds::condition::BlockedReason as Reason;
use unstall_crds::policy::DrainAction::{Abort, Delete, Evict, Skip, Wait};
use unstall_decide::Pod;
use unstall_decide::drain::State;

use crate::case::{Case, at, of_kind, pod, rule, told};

#[test]
fn the_first_rule_that_matches_counts() {
    let mut both = rule("both", &[(Skip, "")]);
    both.namespaces = Some(vec!["other".into(), "default".into()]);
    let mut elsewhere = rule("both", &[(Abort, "")]);
    elsewhere.namespaces = Some(vec!["other".into()]);
    let case = Case::new([
        of_kind("both", pod("a")),
        of_kind("late", pod("b")),
        pod("c"),
    ])
    .with_rule(elsewhere)
    .with_rule(both)
    .with_rule(rule("both", &[(Abort, "")]))
    .with_rule(rule("late", &[(Delete, "")]));
    assert_eq!(case.calls(0), ["delete b", "evict c"]);
    assert_eq!(case.look(0).progress.skipped, 1);
}

#[test]
fn an_empty_selector_selects_nothing() {
    let mut empty = rule("empty", &[(Delete, "")]);
    empty.pod_selector = Some(Default::default());
    let case = Case::new([pod("a")]).with_rule(empty);
    assert_eq!(case.calls(0), ["evict a"]);
}

#[test]
fn a_rule_without_selector_and_namespaces_is_for_every_pod() {
    let mut all = rule("all", &[(Delete, "")]);
    all.pod_selector = None;
    let case = Case::new([pod("a"), of_kind("x", pod("b"))]).with_rule(all);
    assert_eq!(case.calls(0), ["delete a", "delete b"]);
}

/// The whole ladder, at the second before and the second of each change.
#[test]
fn steps_follow_each_other_from_the_beginning_of_the_drain() {
    let steps = [(Wait, "10s"), (Evict, "20s"), (Delete, "30s"), (Abort, "")];
    let case = Case::new([of_kind("x", pod("a"))]).with_rule(rule("x", &steps));
    for (second, calls, next) in [
        (0, vec![], Some(10)),
        (9, vec![], Some(10)),
        (10, vec!["evict a"], Some(30)),
        (29, vec!["evict a"], Some(30)),
        (30, vec!["delete a"], Some(60)),
        (59, vec!["delete a"], Some(60)),
        (60, vec![], None),
    ] {
        let outlook = case.look(second);
        assert_eq!(case.calls(second), calls, "{second}");
        assert_eq!(outlook.next_look, next.map(at), "{second}");
        let is_aborted = matches!(outlook.state, State::Abort(_));
        assert_eq!(is_aborted, second >= 60, "{second}");
    }
    let why = "rule x gives the drain up: pod default/a is still there";
    assert_eq!(case.look(60).state, State::Abort(why.into()));
    let waits = "rule x waits for the end of pod default/a";
    assert_eq!(told(&case.look(0)), [(Reason::WaitingForPod, waits)]);
    // Before the beginning, as clocks have it, is the beginning.
    assert_eq!(told(&case.look(-100)), [(Reason::WaitingForPod, waits)]);
}

#[test]
fn the_last_step_goes_on_and_an_open_one_ends_the_ladder() {
    let last =
        Case::new([of_kind("x", pod("a"))]).with_rule(rule("x", &[(Wait, "10s"), (Delete, "10s")]));
    assert_eq!(last.calls(100_000), ["delete a"]);
    assert_eq!(last.look(15).next_look, None);
    let open =
        Case::new([of_kind("x", pod("a"))]).with_rule(rule("x", &[(Evict, ""), (Delete, "10s")]));
    assert_eq!(open.calls(100_000), ["evict a"]);
    // Time on a step that takes none does not count.
    let skip =
        Case::new([of_kind("x", pod("a"))]).with_rule(rule("x", &[(Skip, "10s"), (Delete, "10s")]));
    assert_eq!(skip.calls(100_000), Vec::<String>::new());
}

#[test]
fn a_rule_without_steps_does_nothing() {
    let case = Case::new([of_kind("x", pod("a"))]).with_rule(rule("x", &[]));
    let outlook = case.look(0);
    assert_eq!(outlook.actions, []);
    assert_eq!(told(&outlook)[0].0, Reason::WaitingForPod);
}

#[test]
fn an_abort_asks_nobody_for_anything() {
    let case = Case::new([pod("a"), of_kind("x", pod("b"))]).with_rule(rule("x", &[(Abort, "")]));
    let outlook = case.look(0);
    assert_eq!(outlook.actions, []);
    assert_eq!(outlook.progress.displaced, []);
    assert_eq!(outlook.next_look, None);
    let left: Vec<_> = outlook.progress.left.iter().map(|it| &it.name).collect();
    assert_eq!(left, ["a", "b"]);
}

#[test]
fn a_terminating_pod_is_left_its_grace_and_then_told_by_name() {
    let mut case = Case::new([Pod {
        deleting: Some(at(100)),
        finalizers: vec!["a.b/c".into(), "d.e/f".into()],
        ..pod("a")
    }]);
    let outlook = case.look(159);
    assert_eq!(
        (outlook.actions, outlook.blockers, outlook.state),
        (vec![], vec![], State::GoingOn)
    );
    assert_eq!(outlook.next_look, Some(at(160)));
    let outlook = case.look(160);
    assert_eq!(outlook.actions, []);
    assert_eq!(
        told(&outlook),
        [(
            Reason::PodNotTerminating,
            "the time to terminate ended at 2026-03-01T10:01:40Z for pod default/a, finalizers a.b/c, d.e/f"
        )]
    );
    assert_eq!(outlook.blockers[0].object, "Pod/default/a");
    assert_eq!((outlook.state, outlook.next_look), (State::GoingOn, None));
    case.drain.skip_wait_for_delete_timeout = Some("5m".parse().unwrap());
    assert_eq!(case.look(160).next_look, Some(at(400)));
    assert_eq!(case.look(399).state, State::GoingOn);
    let outlook = case.look(400);
    let sentence = "every pod that had to leave is gone; not waited for: pod default/a".to_owned();
    assert_eq!(outlook.state, State::Done { left: 1, sentence });
    assert_eq!((outlook.blockers, outlook.next_look), (vec![], None));
    assert_eq!(outlook.progress.terminating, 1);
}

#[test]
fn a_rule_that_ends_decides_about_a_terminating_pod_when_it_is_late() {
    for (action, late) in [
        (
            Abort,
            State::Abort("rule x gives the drain up: pod default/a is still there".into()),
        ),
        (
            Skip,
            State::Done {
                left: 1,
                sentence: "every pod that had to leave is gone; skipped: pod default/a".into(),
            },
        ),
        (Wait, State::GoingOn),
        (Delete, State::GoingOn),
    ] {
        let terminating = Pod {
            deleting: Some(at(100)),
            ..of_kind("x", pod("a"))
        };
        let case = Case::new([terminating]).with_rule(rule("x", &[(action, "")]));
        assert_eq!(case.look(159).state, State::GoingOn, "{action}");
        assert_eq!(case.look(160).state, late, "{action}");
        assert_eq!(case.look(160).actions, [], "{action}");
    }
}

#[test]
fn a_pod_that_comes_later_is_at_the_step_of_the_clock() {
    let mut case = Case::new([]).with_rule(rule("x", &[(Wait, "1m"), (Delete, "")]));
    assert!(matches!(case.look(30).state, State::Done { .. }));
    case.pods.push(of_kind("x", pod("late")));
    assert_eq!(case.calls(90), ["delete late"]);
}
