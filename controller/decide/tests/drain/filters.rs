//! Which pods leave by what they are, and with which grace.

use unstall_crds::condition::BlockedReason as Reason;
use unstall_crds::policy::DrainAction;
use unstall_decide::drain::State;
use unstall_decide::{Pod, PodPhase};

use crate::case::{Case, at, of_kind, owner, pod, rule, told};

fn of_daemon_set(name: &str) -> Pod {
    Pod {
        owner: Some(owner("DaemonSet", "agent")),
        ..pod(name)
    }
}

#[test]
fn pods_of_daemon_sets_and_static_pods_stay_whatever_else_they_are() {
    let with_data = Pod {
        empty_dir: true,
        do_not_disrupt: Some("x".into()),
        ..of_daemon_set("a")
    };
    let finished = Pod {
        phase: PodPhase::Failed,
        ..of_daemon_set("b")
    };
    let ruled = of_kind("any", of_daemon_set("c"));
    let terminating = Pod {
        deleting: Some(at(-1000)),
        ..of_daemon_set("d")
    };
    let mirror = Pod {
        mirror: true,
        owner: Some(owner("Node", "n1")),
        ..pod("e")
    };
    let case = Case::new([with_data, finished, ruled, terminating, mirror])
        .with_rule(rule("any", &[(DrainAction::Delete, "")]));
    let outlook = case.look(0);
    assert_eq!(outlook.actions, []);
    assert_eq!(outlook.blockers, []);
    let sentence = "every pod that had to leave is gone".to_owned();
    assert_eq!(outlook.state, State::Done { left: 0, sentence });
    assert_eq!(outlook.progress, Default::default());
    assert_eq!(outlook.next_look, None);
}

#[test]
fn what_would_be_lost_blocks_by_name_until_it_is_allowed() {
    let with_data = Pod {
        empty_dir: true,
        ..pod("data")
    };
    let unmanaged = Pod {
        owner: None,
        ..pod("alone")
    };
    let mut case = Case::new([with_data, unmanaged]);
    let outlook = case.look(0);
    assert_eq!(outlook.actions, []);
    assert_eq!(
        told(&outlook),
        [
            (
                Reason::EmptyDirData,
                "emptyDir data would be lost with pod default/data: set drain.deleteEmptyDirData, or write a rule that \
                 waits for or skips such pods"
            ),
            (
                Reason::UnmanagedPod,
                "no controller would replace pod default/alone: set drain.force, or write a rule that waits for or \
                 skips such pods"
            ),
        ]
    );
    assert_eq!(outlook.blockers[0].object, "Pod/default/data");
    assert_eq!(outlook.state, State::GoingOn);
    case.drain.delete_empty_dir_data = true;
    assert_eq!(case.calls(0), ["evict data"]);
    case.drain.force = true;
    assert_eq!(case.calls(0), ["evict alone", "evict data"]);
}

#[test]
fn local_data_is_told_before_the_missing_controller() {
    let both = Pod {
        empty_dir: true,
        owner: None,
        ..pod("a")
    };
    let mut case = Case::new([both]);
    assert_eq!(told(&case.look(0))[0].0, Reason::EmptyDirData);
    case.drain.delete_empty_dir_data = true;
    assert_eq!(told(&case.look(0))[0].0, Reason::UnmanagedPod);
}

#[test]
fn no_rule_allows_to_lose_data_but_one_may_leave_the_pod_alone() {
    for (action, called) in [(DrainAction::Evict, false), (DrainAction::Delete, false)] {
        let pods = [
            Pod {
                empty_dir: true,
                ..of_kind("x", pod("data"))
            },
            Pod {
                owner: None,
                ..of_kind("x", pod("alone"))
            },
        ];
        let case = Case::new(pods).with_rule(rule("x", &[(action, "")]));
        assert_eq!(!case.calls(0).is_empty(), called, "{action}");
        assert_eq!(case.look(0).blockers.len(), 2, "{action}");
    }
    let data = Pod {
        empty_dir: true,
        owner: None,
        ..of_kind("x", pod("data"))
    };
    let case = Case::new([data]).with_rule(rule("x", &[(DrainAction::Skip, "")]));
    let sentence = "every pod that had to leave is gone; skipped: pod default/data".to_owned();
    assert_eq!(case.look(0).state, State::Done { left: 1, sentence });
}

#[test]
fn pods_that_have_ended_pass_every_filter_and_outlast_no_rule() {
    let ended = |kind: &str, phase| Pod {
        phase,
        empty_dir: true,
        owner: None,
        do_not_disrupt: Some("x".into()),
        tolerates_unschedulable: true,
        ..of_kind(kind, pod(kind))
    };
    let mut case = Case::new([
        ended("none", PodPhase::Succeeded),
        ended("wait", PodPhase::Failed),
        ended("evict", PodPhase::Failed),
        ended("abort", PodPhase::Failed),
        ended("delete", PodPhase::Succeeded),
        ended("skip", PodPhase::Succeeded),
    ]);
    for (name, action) in [
        ("wait", DrainAction::Wait),
        ("evict", DrainAction::Evict),
        ("abort", DrainAction::Abort),
        ("delete", DrainAction::Delete),
        ("skip", DrainAction::Skip),
    ] {
        case = case.with_rule(rule(name, &[(action, "")]));
    }
    let calls = [
        "evict abort",
        "delete delete",
        "evict evict",
        "evict none",
        "evict wait",
    ];
    assert_eq!(case.calls(0), calls);
    let outlook = case.look(0);
    assert_eq!(outlook.state, State::GoingOn);
    assert_eq!(outlook.progress.skipped, 1);
    // Nothing has to be put anywhere in place of what had ended.
    assert_eq!(outlook.progress.displaced, []);
}

#[test]
fn pods_that_would_come_straight_back_are_left_on_the_node() {
    let back = |kind: &str| Pod {
        tolerates_unschedulable: true,
        empty_dir: true,
        ..of_kind(kind, pod(kind))
    };
    let mut case = Case::new([back("none"), back("evict"), back("delete")])
        .with_rule(rule("evict", &[(DrainAction::Evict, "")]))
        .with_rule(rule("delete", &[(DrainAction::Delete, "")]));
    let sentence = "every pod that had to leave is gone; skipped: pods default/delete, default/evict and default/none";
    let done = State::Done {
        left: 3,
        sentence: sentence.into(),
    };
    assert_eq!(case.look(0).state, done);
    // Waiting and giving up do them no harm.
    case.pods = vec![back("wait"), back("abort")];
    case.drain.rules = vec![rule("wait", &[(DrainAction::Wait, "")])];
    assert_eq!(told(&case.look(0))[0].0, Reason::WaitingForPod);
    case.drain.rules = vec![rule("abort", &[(DrainAction::Abort, "")])];
    assert!(matches!(case.look(0).state, State::Abort(_)));
}

#[test]
fn a_pod_that_asks_not_to_be_disrupted_needs_a_rule_of_its_own() {
    let asks = |pod| Pod {
        do_not_disrupt: Some("example.org/leave-me".into()),
        tolerates_unschedulable: true,
        ..pod
    };
    let mut case = Case::new([asks(of_kind("x", pod("a")))]);
    let message = "annotation example.org/leave-me asks not to disrupt pod default/a: remove it, or write a rule that \
                   selects such pods";
    let blocked = [(Reason::DoNotDisrupt, message)];
    assert_eq!(told(&case.look(0)), blocked);
    // A rule for every pod is none for this one, whatever would end it.
    for action in [DrainAction::Evict, DrainAction::Delete, DrainAction::Skip] {
        let mut all = rule("all", &[(action, "")]);
        all.pod_selector = None;
        case.drain.rules = vec![all];
        assert_eq!(told(&case.look(0)), blocked, "{action}");
    }
    case.pods[0].tolerates_unschedulable = false;
    case.drain.rules = vec![rule("x", &[(DrainAction::Evict, "")])];
    assert_eq!(case.calls(0), ["evict a"]);
    let mut of_namespace = rule("x", &[(DrainAction::Delete, "")]);
    of_namespace.pod_selector = None;
    of_namespace.namespaces = Some(vec!["default".into()]);
    case.drain.rules = vec![of_namespace];
    assert_eq!(case.calls(0), ["delete a"]);
}

#[test]
fn a_pod_without_uid_is_never_touched() {
    let nameless = |kind: &str, phase| Pod {
        uid: String::new(),
        phase,
        ..of_kind(kind, pod(kind))
    };
    let case = Case::new([
        nameless("a", PodPhase::Running),
        nameless("b", PodPhase::Succeeded),
    ])
    .with_rule(rule("a", &[(DrainAction::Delete, "")]));
    let outlook = case.look(0);
    assert_eq!(outlook.actions, []);
    let message = "no UID is known of pods default/a and default/b, so that a request could meet another one of the name";
    assert_eq!(told(&outlook), [(Reason::PodsUnknown, message)]);
}

#[test]
fn the_grace_period_is_the_policys_or_the_pods_own_and_never_nothing() {
    let mut case = Case::new([pod("a")]);
    let grace = |case: &Case| case.look(0).actions[0].grace();
    assert_eq!(grace(&case), None);
    for (own, sent) in [(1, None), (0, Some(1)), (-5, Some(1))] {
        case.pods[0].grace_seconds = own;
        assert_eq!(grace(&case), sent, "{own}");
    }
    for (policy, sent) in [("90s", 90), ("1s", 1), ("0s", 1), ("10ms", 1), ("1h", 3600)] {
        case.drain.grace_period = Some(policy.parse().unwrap());
        assert_eq!(grace(&case), Some(sent), "{policy}");
    }
    case = case.with_rule(rule("x", &[(DrainAction::Delete, "")]));
    case.pods = vec![of_kind("x", pod("a"))];
    assert_eq!(case.calls(0), ["delete a"]);
    assert_eq!(grace(&case), Some(3600));
}
