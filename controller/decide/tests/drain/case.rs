//! A drain to look at.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{Drain, DrainAction, DrainRule, DrainStep};
use unstall_crds::remediation::DrainProgress;
use unstall_crds::selector::LabelSelector;
use unstall_decide::drain::{Do, Input, Outlook, plan};
use unstall_decide::{EvictionAnswer, Owner, Pod, PodPhase, Said};

/// A pod of namespace default that runs and belongs to `ReplicaSet` web.
pub fn pod(name: &str) -> Pod {
    Pod {
        namespace: "default".into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        owner: Some(owner("ReplicaSet", "web")),
        phase: PodPhase::Running,
        ready: true,
        grace_seconds: 30,
        ..Pod::default()
    }
}

pub fn owner(kind: &str, name: &str) -> Owner {
    Owner {
        kind: kind.into(),
        name: name.into(),
        uid: format!("uid-{kind}-{name}"),
    }
}

/// The time at which drains begin here, and so many seconds later.
pub fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(seconds)
}

/// A selector of pods with `label`, as key=value.
pub fn selector(label: &str) -> LabelSelector {
    let (key, value) = label.split_once('=').unwrap();
    LabelSelector {
        match_labels: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        ..LabelSelector::default()
    }
}

/// A rule for pods labelled kind=`name`.
pub fn rule(name: &str, steps: &[(DrainAction, &str)]) -> DrainRule {
    DrainRule {
        name: name.into(),
        pod_selector: Some(selector(&format!("kind={name}"))),
        namespaces: None,
        steps: steps
            .iter()
            .map(|(action, lasts)| DrainStep {
                action: *action,
                r#for: lasts.parse().ok(),
            })
            .collect(),
    }
}

/// Labels `pod` kind=`kind`.
pub fn of_kind(kind: &str, mut pod: Pod) -> Pod {
    pod.labels.insert("kind".into(), kind.into());
    pod
}

pub fn answer(seconds: i64, said: Said) -> EvictionAnswer {
    EvictionAnswer {
        at: at(seconds),
        said,
        message: "in its words".into(),
        budget: None,
        asked_again: None,
    }
}

/// A drain, and all that a look at it needs.
#[derive(Debug, Default)]
pub struct Case {
    pub drain: Drain,
    pub pods: Vec<Pod>,
    pub answers: BTreeMap<String, EvictionAnswer>,
    pub parallel: usize,
    pub before: Option<DrainProgress>,
}

impl Case {
    pub fn new(pods: impl IntoIterator<Item = Pod>) -> Self {
        Self {
            pods: pods.into_iter().collect(),
            parallel: 5,
            ..Self::default()
        }
    }

    pub fn with_rule(mut self, rule: DrainRule) -> Self {
        self.drain.rules.push(rule);
        self
    }

    pub fn answered(mut self, pod: &str, answer: EvictionAnswer) -> Self {
        self.answers.insert(format!("uid-{pod}"), answer);
        self
    }

    /// What is planned so many seconds after the beginning.
    pub fn look(&self, seconds: i64) -> Outlook {
        plan(&Input {
            drain: &self.drain,
            pods: &self.pods,
            answers: &self.answers,
            started: at(0),
            now: at(seconds),
            parallel: self.parallel,
            before: self.before.as_ref(),
        })
    }

    /// The calls, as "evict a" or "delete a".
    pub fn calls(&self, seconds: i64) -> Vec<String> {
        let calls = self.look(seconds).actions.into_iter();
        calls
            .map(|call| match call {
                Do::Evict { pod, .. } => format!("evict {}", pod.name),
                Do::Delete { pod, .. } => format!("delete {}", pod.name),
            })
            .collect()
    }
}

/// The reasons and messages of the blockers.
pub fn told(outlook: &Outlook) -> Vec<(BlockedReason, &str)> {
    let blockers = outlook.blockers.iter();
    blockers
        .map(|blocked| (blocked.reason, blocked.message.as_str()))
        .collect()
}
