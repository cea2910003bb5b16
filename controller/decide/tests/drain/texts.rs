//! Sentences that hold for many pods and do not change while nothing happens.

use unstall_crds::condition::BlockedReason as Reason;
use unstall_crds::policy::DrainAction;
use unstall_decide::{EvictionAnswer, Pod, Said};

use crate::case::{Case, answer, at, of_kind, pod, rule, told};

#[test]
fn pods_with_one_cause_share_a_sentence_that_names_three() {
    let pods = (1..=8).rev().map(|n| Pod {
        empty_dir: true,
        ..pod(&format!("p{n}"))
    });
    let outlook = Case::new(pods).look(0);
    let text = "emptyDir data would be lost with pods default/p1, default/p2, default/p3 and 5 more: set \
                drain.deleteEmptyDirData, or write a rule that waits for or skips such pods";
    assert_eq!(told(&outlook), [(Reason::EmptyDirData, text)]);
    assert_eq!(outlook.blockers[0].object, "Pod/default/p1");
}

#[test]
fn what_needs_a_human_comes_first() {
    let pods = [
        of_kind("wait", pod("wait")),
        pod("throttled"),
        Pod {
            deleting: Some(at(-100)),
            ..pod("late")
        },
        pod("budget"),
        pod("refused"),
        Pod {
            owner: None,
            ..pod("alone")
        },
        Pod {
            empty_dir: true,
            ..pod("data")
        },
        Pod {
            do_not_disrupt: Some("x".into()),
            ..pod("asks")
        },
        pod("many"),
        Pod {
            uid: String::new(),
            ..pod("none")
        },
    ];
    let case = Case::new(pods)
        .with_rule(rule("wait", &[(DrainAction::Wait, "")]))
        .answered("throttled", answer(0, Said::Throttled))
        .answered("budget", answer(0, Said::Budget))
        .answered("refused", answer(0, Said::Refused))
        .answered("many", answer(0, Said::ManyBudgets));
    let outlook = case.look(1);
    let reasons: Vec<_> = outlook.blockers.iter().map(|it| it.reason).collect();
    let expected = [
        Reason::PodsUnknown,
        Reason::MultiplePodDisruptionBudgets,
        Reason::DoNotDisrupt,
        Reason::EmptyDirData,
        Reason::UnmanagedPod,
        Reason::EvictionRefused,
        Reason::PodDisruptionBudget,
        Reason::PodNotTerminating,
        Reason::ApiThrottled,
        Reason::WaitingForPod,
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_budget_is_one_blocker_whatever_it_said_of_each_pod() {
    let words = |name: &str, message: &str| EvictionAnswer {
        message: message.into(),
        budget: Some(name.into()),
        ..answer(0, Said::Budget)
    };
    let case = Case::new([pod("a"), pod("b"), pod("c")])
        .answered("a", words("web", "needs 2, has 1"))
        .answered("b", words("web", "needs 2, has 2"))
        .answered("c", words("db", "needs 1, has 1"));
    let expected = [
        (
            Reason::PodDisruptionBudget,
            "PodDisruptionBudget default/db allows no eviction now of pod default/c: needs 1, has 1",
        ),
        (
            Reason::PodDisruptionBudget,
            "PodDisruptionBudget default/web allows no eviction now of pods default/a and default/b: needs 2, has 1",
        ),
    ];
    assert_eq!(told(&case.look(1)), expected);
}

#[test]
fn different_refusals_are_different_blockers() {
    let words = |message: &str| EvictionAnswer {
        message: message.into(),
        ..answer(0, Said::Refused)
    };
    let case = Case::new([pod("a"), pod("b"), pod("c")])
        .answered("a", words("no"))
        .answered("b", words("never"))
        .answered("c", words("no"));
    let expected = [
        (
            Reason::EvictionRefused,
            "the API server refuses to evict pod default/b: never",
        ),
        (
            Reason::EvictionRefused,
            "the API server refuses to evict pods default/a and default/c: no",
        ),
    ];
    assert_eq!(told(&case.look(1)), expected);
}

/// While nothing happens, nothing is written, whatever the clock says.
#[test]
fn time_alone_changes_no_text() {
    let late = Pod {
        deleting: Some(at(-100)),
        ..pod("late")
    };
    let case = Case::new([
        of_kind("wait", pod("wait")),
        late,
        Pod {
            deleting: Some(at(1000)),
            ..pod("leaving")
        },
        pod("budget"),
        pod("refused"),
        pod("asked"),
    ])
    .with_rule(rule("wait", &[(DrainAction::Wait, "")]))
    .answered("budget", answer(0, Said::Budget))
    .answered("refused", answer(0, Said::Refused))
    .answered("asked", answer(0, Said::Asked));
    let first = case.look(0);
    for seconds in [1, 2, 7, 29] {
        let outlook = case.look(seconds);
        assert_eq!(outlook.blockers, first.blockers, "{seconds}");
        assert_eq!(outlook.progress.left, first.progress.left, "{seconds}");
    }
}

#[test]
fn absurd_lengths_are_cut_to_what_the_api_takes() {
    let long = "x".repeat(2000);
    let absurd = Pod {
        namespace: long.clone(),
        do_not_disrupt: Some(long.clone()),
        ..pod(&long)
    };
    let refused = EvictionAnswer {
        message: long.clone(),
        budget: Some(long.clone()),
        ..answer(0, Said::Budget)
    };
    let nameless = Pod {
        namespace: String::new(),
        ..pod("")
    };
    let unnamed = Pod {
        uid: "other".into(),
        ..pod("")
    };
    let case = Case::new([absurd, pod("a"), nameless, unnamed]).answered("a", refused);
    let outlook = case.look(0);
    assert_eq!(outlook.blockers.len(), 2);
    for blocked in outlook.blockers {
        assert!(
            blocked.message.chars().count() <= 512,
            "{}",
            blocked.message
        );
        assert!(blocked.object.chars().count() <= 512, "{}", blocked.object);
    }
    assert_eq!(outlook.progress.left.len(), 2);
    for left in outlook.progress.left {
        assert!(left.name.len() <= 253 && left.namespace.len() <= 63);
        assert!(left.message.is_some_and(|it| it.chars().count() <= 256));
    }
}
