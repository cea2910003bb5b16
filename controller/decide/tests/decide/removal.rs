//! What is ours on a Node, when everything of it is taken away.

use unstall_decide::{Node, NodeCondition, all_of_ours, cleared};

fn condition(type_: &str, reason: &str) -> NodeCondition {
    NodeCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        since: None,
    }
}

#[test]
fn the_conditions_are_ours_that_we_set_and_no_others() {
    let node = Node {
        conditions: vec![
            condition("Ready", "KubeletReady"),
            condition("unstall.dev/KernelStall", "Stalled"),
            condition("DrainInProgress", "UnstallRemediation"),
            condition("Drained", "SomebodyElse"),
            condition("Other", "UnstallRemediation"),
        ],
        ..Node::default()
    };
    assert_eq!(
        all_of_ours(&node),
        ["unstall.dev/KernelStall", "DrainInProgress"]
    );
}

#[test]
fn a_cordon_of_others_stays_and_ours_goes_with_what_it_lists() {
    let mut node = Node {
        unschedulable: true,
        ..Node::default()
    };
    assert!(cleared(&node).is_empty(), "somebody else's");
    for (key, value) in [
        ("unstall.dev/cordoned-by", "n1-1"),
        ("unstall.dev/marks", "scale-down-disabled"),
        (
            "cluster-autoscaler.kubernetes.io/scale-down-disabled",
            "true",
        ),
        ("example.org/kept", "yes"),
    ] {
        node.annotations.insert(key.to_owned(), value.to_owned());
    }
    let marks = cleared(&node);
    assert_eq!(marks.unschedulable, Some(false));
    let gone: Vec<&str> = marks.annotations.keys().map(String::as_str).collect();
    assert_eq!(
        gone,
        [
            "cluster-autoscaler.kubernetes.io/scale-down-disabled",
            "unstall.dev/cordoned-by",
            "unstall.dev/marks"
        ]
    );
    assert!(marks.annotations.values().all(Option::is_none));
}
