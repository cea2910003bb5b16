//! What each answer leads to.

use unstall_crds::condition::BlockedReason as Reason;
use unstall_crds::policy::DrainAction;
use unstall_decide::drain::State;
use unstall_decide::{EvictionAnswer, Said};

use crate::case::{Case, answer, at, of_kind, pod, rule, told};

fn of_budget(seconds: i64, said: Said, name: &str) -> EvictionAnswer {
    EvictionAnswer {
        budget: Some(name.into()),
        ..answer(seconds, said)
    }
}

/// For each answer: after how long the pod is asked again, and why it is still
/// there meanwhile.
const TABLE: [(Said, i64, Option<Reason>); 10] = [
    (Said::Asked, 60, None),
    (Said::Accepted, 30, None),
    (Said::Gone, 30, None),
    (Said::Unknown, 5, Some(Reason::EvictionRefused)),
    (Said::Budget, 5, Some(Reason::PodDisruptionBudget)),
    (Said::StaleBudget, 10, Some(Reason::PodDisruptionBudget)),
    (
        Said::ManyBudgets,
        60,
        Some(Reason::MultiplePodDisruptionBudgets),
    ),
    (
        Said::NamespaceTerminating,
        60,
        Some(Reason::EvictionRefused),
    ),
    (Said::Refused, 30, Some(Reason::EvictionRefused)),
    (Said::Throttled, 10, Some(Reason::ApiThrottled)),
];

#[test]
fn a_pod_is_asked_again_after_the_pause_that_the_answer_wants() {
    for (said, pause, reason) in TABLE {
        let case = Case::new([pod("a")]).answered("a", answer(100, said));
        let early = case.look(100 + pause - 1);
        assert_eq!(early.actions, [], "{said:?}");
        assert_eq!(early.state, State::GoingOn, "{said:?}");
        assert_eq!(early.next_look, Some(at(100 + pause)), "{said:?}");
        let reasons: Vec<_> = early.blockers.iter().map(|it| it.reason).collect();
        assert_eq!(reasons, Vec::from_iter(reason), "{said:?}");
        assert_eq!(early.progress.left[0].reason, reason, "{said:?}");
        assert_eq!(case.calls(100 + pause), ["evict a"], "{said:?}");
        // The reason stands until there is another answer.
        assert_eq!(case.look(100 + pause).blockers, early.blockers, "{said:?}");
        // An answer of the future is one of now: it locks nobody out.
        let next = case.look(0).next_look;
        assert_eq!(next, Some(at(pause)), "{said:?}");
    }
}

#[test]
fn a_pod_that_is_asked_for_again_keeps_the_reason_for_which_it_is_there() {
    let refused = of_budget(100, Said::Budget, "web");
    let again = EvictionAnswer {
        asked_again: Some(at(105)),
        ..refused.clone()
    };
    let before = Case::new([pod("a")]).answered("a", refused).look(104);
    let mut case = Case::new([pod("a"), pod("b")]).answered("a", again.clone());
    case.parallel = 1;
    let look = case.look(106);
    assert_eq!(look.actions, [], "it takes a place");
    assert_eq!(look.blockers, before.blockers);
    // A call of which nothing is heard is given up as a first one is.
    let alone = Case::new([pod("a")]).answered("a", again);
    assert_eq!(alone.calls(164), [""; 0]);
    assert_eq!(alone.calls(165), ["evict a"]);
}

#[test]
fn pods_that_are_on_their_way_take_places_and_blocked_ones_do_not() {
    for (said, _, _) in TABLE {
        let mut case = Case::new([pod("a"), pod("b")]).answered("a", answer(0, said));
        case.parallel = 1;
        let takes = matches!(
            said,
            Said::Asked | Said::Accepted | Said::Gone | Said::Unknown | Said::Throttled
        );
        let calls = if takes { vec![] } else { vec!["evict b"] };
        assert_eq!(case.calls(1), calls, "{said:?}");
    }
}

#[test]
fn each_answer_is_told_in_words_that_say_what_to_do() {
    let text = |answer: EvictionAnswer| {
        let case = Case::new([pod("a")]).answered("a", answer);
        let blocked = case.look(1).blockers.remove(0);
        (blocked.message, blocked.object)
    };
    for (said, message, object) in [
        (
            of_budget(0, Said::Budget, "web"),
            "PodDisruptionBudget default/web allows no eviction now of pod default/a: in its words",
            "PodDisruptionBudget/default/web",
        ),
        (
            answer(0, Said::StaleBudget),
            "a PodDisruptionBudget of namespace default allows no eviction now of pod default/a: in its words",
            "Pod/default/a",
        ),
        (
            answer(0, Said::ManyBudgets),
            "a human must leave one PodDisruptionBudget alone to select pod default/a: in its words",
            "Pod/default/a",
        ),
        (
            answer(0, Said::NamespaceTerminating),
            "the namespace is being deleted, and with it pod default/a",
            "Pod/default/a",
        ),
        (
            answer(0, Said::Refused),
            "the API server refuses to evict pod default/a: in its words",
            "Pod/default/a",
        ),
        (
            answer(0, Said::Unknown),
            "no answer says what became of the eviction of pod default/a: in its words",
            "Pod/default/a",
        ),
        (
            answer(0, Said::Throttled),
            "the API server asks to be called less often, which holds up pod default/a: in its words",
            "Pod/default/a",
        ),
    ] {
        assert_eq!(text(said), (message.to_owned(), object.to_owned()));
    }
    let silent = EvictionAnswer {
        message: " ".into(),
        ..answer(0, Said::Refused)
    };
    assert_eq!(
        text(silent).0,
        "the API server refuses to evict pod default/a"
    );
}

#[test]
fn throttling_holds_every_pod_of_the_node_up() {
    let case = Case::new([pod("a"), pod("b"), pod("c")])
        .answered("a", answer(0, Said::Throttled))
        .answered("b", of_budget(0, Said::Budget, "web"))
        .answered("gone", answer(2, Said::Throttled));
    let outlook = case.look(11);
    assert_eq!(outlook.actions, []);
    // The later of the two says until when, also if its pod is gone.
    assert_eq!(outlook.next_look, Some(at(12)));
    let reasons: Vec<_> = told(&outlook)
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    assert_eq!(reasons, [Reason::PodDisruptionBudget, Reason::ApiThrottled]);
    assert_eq!(case.calls(12), ["evict a", "evict b", "evict c"]);
}

#[test]
fn a_throttled_pod_waits_for_its_own_pause_too() {
    let case = Case::new([pod("a"), pod("b")])
        .answered("a", answer(0, Said::Throttled))
        .answered("b", answer(0, Said::Refused));
    let outlook = case.look(1);
    assert_eq!(outlook.next_look, Some(at(10)));
    assert_eq!(case.calls(10), ["evict a"]);
}

#[test]
fn a_deletion_does_not_care_for_what_forbade_the_eviction() {
    for (said, _, _) in TABLE {
        let case = Case::new([of_kind("x", pod("a"))])
            .with_rule(rule("x", &[(DrainAction::Delete, "")]))
            .answered("a", answer(0, said));
        let at_once = matches!(
            said,
            Said::Budget | Said::StaleBudget | Said::ManyBudgets | Said::NamespaceTerminating
        );
        let calls = if at_once { vec!["delete a"] } else { vec![] };
        assert_eq!(case.calls(1), calls, "{said:?}");
        assert_eq!(
            case.look(1).blockers.is_empty(),
            at_once || matches!(said, Said::Asked | Said::Accepted | Said::Gone)
        );
    }
}

#[test]
fn of_the_pods_that_one_budget_holds_up_one_is_asked_at_a_time() {
    let mut case = Case::new([pod("a"), pod("b"), pod("c"), pod("d")])
        .answered("a", of_budget(3, Said::Budget, "web"))
        .answered("b", of_budget(1, Said::Budget, "web"))
        .answered("c", of_budget(1, Said::StaleBudget, "web"))
        .answered("d", of_budget(2, Said::Budget, "other"));
    // c's pause is the longest of its budget's.
    let outlook = case.look(10);
    assert_eq!(outlook.next_look, Some(at(11)));
    assert_eq!(case.calls(10), ["evict d"]);
    assert_eq!(case.calls(11), ["evict b", "evict d"]);
    // The next time it is another one's turn.
    let again = of_budget(11, Said::Budget, "web");
    case.answers.insert("uid-b".into(), again);
    assert_eq!(case.calls(15), ["evict d"]);
    assert_eq!(case.calls(16), ["evict a", "evict d"]);
    // When one got through, the next need not wait for anything.
    let through = answer(16, Said::Accepted);
    case.answers.insert("uid-a".into(), through);
    assert_eq!(case.calls(16), ["evict c", "evict d"]);
}

#[test]
fn of_pods_that_were_asked_at_the_same_time_the_first_by_name_is_next() {
    let case = Case::new([pod("b"), pod("a"), pod("c")])
        .answered("a", of_budget(0, Said::Budget, "web"))
        .answered("b", of_budget(0, Said::Budget, "web"))
        .answered("c", of_budget(0, Said::Budget, "web"));
    assert_eq!(case.calls(5), ["evict a"]);
}

#[test]
fn budgets_of_other_namespaces_are_others() {
    let mut other = pod("b");
    other.namespace = "other".into();
    let case = Case::new([pod("a"), other])
        .answered("a", of_budget(0, Said::Budget, "web"))
        .answered("b", of_budget(4, Said::Budget, "web"));
    assert_eq!(case.calls(5), ["evict a"]);
    assert_eq!(case.calls(9), ["evict a", "evict b"]);
}
