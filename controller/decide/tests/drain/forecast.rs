//! What would hold a drain up, before anything is asked for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement as Requirement,
};
use unstall_crds::condition::BlockedReason as Reason;
use unstall_crds::policy::{Drain, DrainAction};
use unstall_decide::drain::{Blocked, forecast};
use unstall_decide::{DisruptionBudget, Pod, PodPhase};

use crate::case::{at, of_kind, pod, rule};

fn budget(name: &str, selector: Option<LabelSelector>, allowed: i32) -> DisruptionBudget {
    DisruptionBudget {
        namespace: "default".into(),
        name: name.into(),
        selector,
        allowed,
        allows_unready: false,
    }
}

fn kind(value: &str) -> Option<LabelSelector> {
    Some(LabelSelector {
        match_labels: Some([("kind".to_owned(), value.to_owned())].into()),
        ..LabelSelector::default()
    })
}

fn told(pods: &[Pod], budgets: &[DisruptionBudget]) -> Vec<String> {
    let blocked = forecast(&Drain::default(), pods, Some(budgets));
    blocked.into_iter().map(|it| it.message).collect()
}

const NONE: [String; 0] = [];

#[test]
fn a_budget_that_allows_nothing_is_named_with_its_pods() {
    let pods = [of_kind("web", pod("web-2")), of_kind("web", pod("web-1"))];
    let web = budget("web", kind("web"), 0);
    let blocked = forecast(
        &Drain::default(),
        &pods[1..],
        Some(std::slice::from_ref(&web)),
    );
    let expected = Blocked {
        reason: Reason::PodDisruptionBudget,
        message: "PodDisruptionBudget default/web allows 0 evictions now (pod default/web-1)"
            .into(),
        object: "PodDisruptionBudget/default/web".into(),
    };
    assert_eq!(blocked, [expected]);
    let both = "PodDisruptionBudget default/web allows 0 evictions now (pods default/web-1 and default/web-2)";
    assert_eq!(told(&pods, std::slice::from_ref(&web)), [both]);
    // One after the other is no blocker; less than nothing is nothing.
    assert_eq!(told(&pods, &[budget("web", kind("web"), 1)]), NONE);
    assert_eq!(told(&pods, &[budget("web", kind("web"), -1)]), [both]);
}

#[test]
fn budgets_select_as_the_api_server_has_it() {
    let web = [of_kind("web", pod("web"))];
    let selects = |selector| !told(&web, &[budget("b", selector, 0)]).is_empty();
    assert!(selects(kind("web")));
    assert!(
        selects(Some(LabelSelector::default())),
        "an empty one selects all of the namespace"
    );
    assert!(!selects(None), "none selects none");
    assert!(!selects(kind("db")));
    let by = |operator: &str, values: Option<Vec<String>>| {
        let requirement = Requirement {
            key: "kind".into(),
            operator: operator.into(),
            values,
        };
        Some(LabelSelector {
            match_expressions: Some(vec![requirement]),
            ..LabelSelector::default()
        })
    };
    assert!(selects(by("NotIn", Some(vec!["db".into()]))));
    assert!(!selects(by("DoesNotExist", None)));
    assert!(
        !selects(by("Near", None)),
        "one that cannot be understood selects none"
    );
    let mut elsewhere = budget("b", kind("web"), 0);
    elsewhere.namespace = "other".into();
    assert_eq!(told(&web, &[elsewhere]), NONE);
}

#[test]
fn two_budgets_are_told_whatever_they_allow() {
    let web = [of_kind("web", pod("web"))];
    let budgets = [
        budget("z", kind("web"), 5),
        budget("b", kind("web"), 5),
        budget("c", kind("db"), 0),
    ];
    let blocked = forecast(&Drain::default(), &web, Some(&budgets));
    let expected = Blocked {
        reason: Reason::MultiplePodDisruptionBudgets,
        message: "PodDisruptionBudgets default/b and default/z all select pod default/web, which the API server never \
                  evicts then"
            .into(),
        object: "Pod/default/web".into(),
    };
    assert_eq!(blocked, [expected]);
}

#[test]
fn pods_that_no_budget_protects_are_not_told() {
    let of = |change: fn(&mut Pod)| {
        let mut web = of_kind("web", pod("web"));
        change(&mut web);
        told(&[web], &[budget("web", kind("web"), 0)])
    };
    assert_eq!(of(|pod| pod.phase = PodPhase::Pending), NONE);
    assert_eq!(of(|pod| pod.phase = PodPhase::Succeeded), NONE);
    assert_eq!(of(|pod| pod.phase = PodPhase::Failed), NONE);
    assert_eq!(of(|pod| pod.deleting = Some(at(0))), NONE);
    assert_eq!(of(|pod| pod.mirror = true), NONE);
    assert_eq!(of(|pod| pod.tolerates_unschedulable = true), NONE);
    assert_eq!(of(|pod| pod.phase = PodPhase::Unknown).len(), 1);
}

#[test]
fn what_is_not_ready_goes_where_its_budget_lets_it() {
    let mut web = of_kind("web", pod("web"));
    let mut allows = budget("web", kind("web"), 0);
    allows.allows_unready = true;
    assert_eq!(told(&[web.clone()], &[allows.clone()]).len(), 1);
    web.ready = false;
    assert_eq!(told(&[web.clone()], &[allows.clone()]), NONE);
    allows.allows_unready = false;
    assert_eq!(told(&[web.clone()], &[allows.clone()]).len(), 1);
}

#[test]
fn rules_and_filters_are_told_as_they_are_at_the_beginning() {
    let pods = [
        of_kind("wait", pod("wait")),
        of_kind("abort", pod("abort")),
        of_kind("delete", pod("delete")),
        of_kind("skip", pod("skip")),
        Pod {
            empty_dir: true,
            ..pod("data")
        },
        Pod {
            deleting: Some(at(-1000)),
            ..of_kind("abort", pod("late"))
        },
    ];
    let drain = Drain {
        rules: vec![
            rule(
                "wait",
                &[(DrainAction::Wait, "5m"), (DrainAction::Abort, "")],
            ),
            rule("abort", &[(DrainAction::Abort, "")]),
            rule("delete", &[(DrainAction::Delete, "")]),
            rule("skip", &[(DrainAction::Skip, "")]),
        ],
        ..Drain::default()
    };
    let budgets = [budget("all", Some(LabelSelector::default()), 0)];
    let blocked = forecast(&drain, &pods, Some(&budgets));
    let told: Vec<_> = blocked
        .iter()
        .map(|it| (it.reason, it.message.as_str()))
        .collect();
    let data = "emptyDir data would be lost with pod default/data: set drain.deleteEmptyDirData, or write a rule that \
                waits for or skips such pods";
    let expected = [
        (Reason::EmptyDirData, data),
        (
            Reason::BlockedByPod,
            "rule abort gives the drain up because of pod default/abort",
        ),
        (
            Reason::WaitingForPod,
            "rule wait waits for the end of pod default/wait",
        ),
    ];
    assert_eq!(told, expected);
}

#[test]
fn unknown_budgets_say_nothing_of_themselves() {
    let pods = [
        of_kind("web", pod("web")),
        Pod {
            owner: None,
            ..pod("alone")
        },
    ];
    let blocked = forecast(&Drain::default(), &pods, None);
    let reasons: Vec<_> = blocked.iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [Reason::UnmanagedPod]);
}
