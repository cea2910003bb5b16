//! The numbers and lists of a drain's status.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::DrainAction;
use unstall_crds::remediation::{DisplacedOwner, DrainProgress};
use unstall_decide::{Owner, Pod, Said};

use crate::case::{Case, answer, at, of_kind, owner, pod, rule};

fn counts(case: &Case) -> (u32, u32, u32, u32) {
    let progress = case.look(0).progress;
    (
        progress.total,
        progress.gone,
        progress.terminating,
        progress.skipped,
    )
}

fn said(total: u32, gone: u32) -> Option<DrainProgress> {
    Some(DrainProgress {
        total,
        gone,
        ..DrainProgress::default()
    })
}

#[test]
fn pods_are_counted_without_those_that_stay() {
    let pods = [
        pod("a"),
        Pod {
            deleting: Some(at(10)),
            ..pod("b")
        },
        of_kind("x", pod("c")),
        Pod {
            mirror: true,
            ..pod("d")
        },
    ];
    let mut case = Case::new(pods).with_rule(rule("x", &[(DrainAction::Skip, "")]));
    assert_eq!(counts(&case), (3, 0, 1, 1));
    // Two went, three came, and so on: no number ever falls.
    for (before, expected) in [
        (said(5, 0), (5, 2)),
        (said(5, 1), (5, 2)),
        (said(5, 2), (5, 2)),
        (said(5, 4), (7, 4)),
        (said(2, 0), (3, 0)),
        (said(0, 9), (12, 9)),
        (said(u32::MAX, u32::MAX), (u32::MAX, u32::MAX)),
    ] {
        case.before = before;
        let (total, gone, ..) = counts(&case);
        assert_eq!((total, gone), expected, "{:?}", case.before);
    }
}

#[test]
fn those_that_are_left_are_told_first_by_reason_then_by_name() {
    let mut pods: Vec<_> = (10..35).map(|n| pod(&format!("p{n}"))).collect();
    pods.push(Pod {
        empty_dir: true,
        ..pod("z-data")
    });
    pods.push(Pod {
        namespace: "another".into(),
        deleting: Some(at(30)),
        ..pod("z")
    });
    pods.reverse();
    let left = Case::new(pods).look(0).progress.left;
    assert_eq!(left.len(), 20);
    assert_eq!(left[0].name, "z-data");
    assert_eq!(left[0].reason, Some(BlockedReason::EmptyDirData));
    let text = "emptyDir data would be lost with pod default/z-data: set drain.deleteEmptyDirData, or write a rule that \
                waits for or skips such pods";
    assert_eq!(left[0].message.as_deref(), Some(text));
    assert_eq!(left[1].namespace, "another");
    assert_eq!(left[1].reason, None);
    let text = "terminates, by 2026-03-01T10:00:30Z at the latest";
    assert_eq!(left[1].message.as_deref(), Some(text));
    let names: Vec<_> = left[2..].iter().map(|it| it.name.clone()).collect();
    let expected: Vec<_> = (10..28).map(|n| format!("p{n}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn one_that_is_not_waited_for_is_told_as_such() {
    let stuck = Pod {
        deleting: Some(at(-1000)),
        ..pod("a")
    };
    let mut case = Case::new([stuck]);
    case.drain.skip_wait_for_delete_timeout = Some("1m".parse().unwrap());
    let left = case.look(0).progress.left;
    let text =
        "not waited for: the time to terminate ended at 2026-03-01T09:43:20Z for pod default/a";
    assert_eq!(left[0].message.as_deref(), Some(text));
    assert_eq!(left[0].reason, Some(BlockedReason::PodNotTerminating));
}

#[test]
fn controllers_of_pods_that_had_to_leave_are_kept() {
    let of = |name: &str, owner_name: &str| Pod {
        owner: Some(owner("StatefulSet", owner_name)),
        ..pod(name)
    };
    let mut case = Case::new([
        of("a", "new"),
        of("b", "new"),
        Pod {
            deleting: Some(at(10)),
            ..of("c", "leaving")
        },
        of_kind("x", of("d", "skipped")),
        of("e", "refused"),
        Pod {
            owner: None,
            ..pod("f")
        },
        Pod {
            owner: Some(Owner::default()),
            ..pod("g")
        },
    ])
    .with_rule(rule("x", &[(DrainAction::Skip, "")]))
    .answered("e", answer(0, Said::Refused));
    case.drain.force = true;
    case.parallel = 10;
    let known = DisplacedOwner {
        uid: "uid-known".into(),
        name: "Job/default/known".into(),
    };
    case.before = Some(DrainProgress {
        displaced: vec![known],
        ..DrainProgress::default()
    });
    let displaced = case.look(0).progress.displaced;
    let names: Vec<_> = displaced.iter().map(|it| it.name.as_str()).collect();
    let expected = [
        "Job/default/known",
        "StatefulSet/default/new",
        "StatefulSet/default/leaving",
    ];
    assert_eq!(names, expected);
    assert_eq!(displaced[1].uid, "uid-StatefulSet-new");
    // As they are kept: nothing changes when all of them are gone.
    case.before = Some(case.look(0).progress);
    case.pods.clear();
    assert_eq!(case.look(0).progress.displaced, displaced);
}

#[test]
fn at_most_128_controllers_are_kept() {
    let pods = (0..200).map(|n| Pod {
        owner: Some(owner("ReplicaSet", &format!("r{n:03}"))),
        ..pod(&format!("p{n:03}"))
    });
    let mut case = Case::new(pods);
    case.parallel = 200;
    let displaced = case.look(0).progress.displaced;
    assert_eq!(displaced.len(), 128);
    assert_eq!(displaced[127].name, "ReplicaSet/default/r127");
}
