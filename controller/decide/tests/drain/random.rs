//! Random pods, rules and answers, absurd ones among them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use unstall_crds::policy::{Drain, DrainAction, DrainRule};
use unstall_crds::remediation::DrainProgress;
use unstall_decide::{EvictionAnswer, Pod, PodPhase, Said};

use crate::case::{Case, at, owner, pod, rule};

/// Mostly times near the beginning of the drain, and the ends of time.
fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        20 => (-300_i64..5000).prop_map(at),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn phase() -> impl Strategy<Value = PodPhase> {
    prop_oneof![
        6 => Just(PodPhase::Running),
        1 => Just(PodPhase::Pending),
        1 => Just(PodPhase::Succeeded),
        1 => Just(PodPhase::Failed),
        1 => Just(PodPhase::Unknown),
    ]
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    select(values.to_vec())
}

fn any_pod(number: usize) -> impl Strategy<Value = Pod> {
    let nature = (
        option::weighted(
            0.9,
            one_of(&["ReplicaSet", "StatefulSet", "Job", "DaemonSet"]),
        ),
        phase(),
        one_of(&[-10, 0, 0, 0, 1000, 1_999_999_999, 2_000_000_000, i32::MAX]),
        one_of(&["", "a", "b", "c"]),
        one_of(&["default", "other"]),
    );
    let rare = || prop::bool::weighted(0.1);
    let flags = (rare(), rare(), rare(), rare(), rare());
    let rest = (
        option::weighted(0.2, time()),
        one_of(&[30, 30, 1, 0, -1, i64::MAX]),
    );
    (nature, flags, rest).prop_map(move |(nature, flags, rest)| {
        let (kind, phase, priority, label, namespace) = nature;
        let (mirror, empty_dir, tolerates, asks, is_nameless) = flags;
        let (deleting, grace_seconds) = rest;
        let name = format!("p{number}");
        let mut pod = Pod {
            namespace: namespace.to_owned(),
            owner: kind.map(|kind| owner(kind, &format!("o{}", number % 4))),
            phase,
            priority,
            mirror,
            empty_dir,
            tolerates_unschedulable: tolerates,
            do_not_disrupt: asks.then(|| "example.org/leave-me".to_owned()),
            deleting,
            grace_seconds,
            ..pod(&name)
        };
        if is_nameless {
            pod.uid.clear();
        }
        if !label.is_empty() {
            pod.labels.insert("kind".into(), label.into());
        }
        pod
    })
}

fn any_answer() -> impl Strategy<Value = EvictionAnswer> {
    let said = [
        Said::Asked,
        Said::Accepted,
        Said::Gone,
        Said::Budget,
        Said::Budget,
        Said::StaleBudget,
        Said::ManyBudgets,
        Said::Throttled,
        Said::NamespaceTerminating,
        Said::Refused,
        Said::Unknown,
    ];
    let budget = option::of(one_of(&["x", "y"]));
    (time(), one_of(&said), budget, "[a-z ]{0,8}").prop_map(|(at, said, budget, message)| {
        EvictionAnswer {
            at,
            said,
            message,
            budget: budget.map(str::to_owned),
            asked_again: None,
        }
    })
}

fn any_rule(number: usize) -> impl Strategy<Value = DrainRule> {
    let actions = [
        DrainAction::Wait,
        DrainAction::Evict,
        DrainAction::Evict,
        DrainAction::Delete,
        DrainAction::Skip,
        DrainAction::Abort,
    ];
    let steps = vec((one_of(&actions), one_of(&["", "1s", "5m", "24h"])), 0..4);
    let shape = (
        one_of(&["a", "b", "c"]),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    (steps, shape).prop_map(move |(steps, (label, is_open, is_elsewhere))| {
        let mut rule = rule(label, &steps);
        rule.name = format!("r{number}");
        if is_open {
            rule.pod_selector = None;
        }
        rule.namespaces = is_elsewhere.then(|| vec!["other".to_owned()]);
        rule
    })
}

fn any_drain() -> impl Strategy<Value = Drain> {
    let rules = (any_rule(0), any_rule(1), 0_usize..3);
    let limits = (
        option::weighted(0.3, one_of(&["0s", "1s", "1h"])),
        option::weighted(0.3, one_of(&["0s", "1m", "24h"])),
    );
    (rules, limits, any::<bool>(), any::<bool>()).prop_map(
        |((first, second, count), (grace, skip), delete_empty_dir_data, force)| Drain {
            grace_period: grace.and_then(|it| it.parse().ok()),
            skip_wait_for_delete_timeout: skip.and_then(|it| it.parse().ok()),
            delete_empty_dir_data,
            force,
            rules: [first, second].into_iter().take(count).collect(),
            ..Drain::default()
        },
    )
}

fn said_before() -> impl Strategy<Value = Option<DrainProgress>> {
    let count = || prop_oneof![9 => 0_u32..40, 1 => Just(u32::MAX)];
    option::of((count(), count()).prop_map(|(total, gone)| DrainProgress {
        total,
        gone,
        ..DrainProgress::default()
    }))
}

/// A drain, and how many seconds after its beginning it is looked at.
pub fn any_case() -> impl Strategy<Value = (Case, i64)> {
    let numbers: Vec<usize> = (0..12).collect();
    let pods: Vec<_> = numbers.iter().map(|n| any_pod(*n)).collect();
    let pods = (pods, 0_usize..=12).prop_map(|(mut pods, count)| {
        pods.truncate(count);
        pods
    });
    let answers = vec(option::weighted(0.5, any_answer()), 12);
    let parallel = one_of(&[0, 1, 2, 5, usize::MAX]);
    let seconds = prop_oneof![9 => -60_i64..4000, 1 => Just(10_000_000)];
    (any_drain(), pods, answers, parallel, said_before(), seconds).prop_map(
        |(drain, pods, answers, parallel, before, seconds)| {
            let answers: BTreeMap<_, _> = answers
                .into_iter()
                .enumerate()
                .filter_map(|(number, answer)| Some((format!("uid-p{number}"), answer?)))
                .collect();
            let case = Case {
                drain,
                pods,
                answers,
                parallel,
                before,
            };
            (case, seconds)
        },
    )
}
