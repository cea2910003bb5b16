//! One snapshot of a cluster, for reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;
use kube::Client;
use tokio::time::Instant;
use unstall_decide::{Alerts, Limits, Snapshot, View, Wanted, template_key, wanted};

use super::{Heard, Memory, Nearby, OwnPods, Stores, snapshot};
use crate::metrics::{Calls, Metrics};

/// How long the lists may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether they are there.
const LOOK: Duration = Duration::from_millis(100);

/// A snapshot, and what is not known.
#[derive(Debug)]
pub struct Captured {
    /// What was seen.
    pub snapshot: Snapshot,
    /// What it does not say, which decisions take for not known yet.
    pub unknown: Vec<String>,
}

/// The cluster as the controller sees it now, with the pods, budgets and volumes
/// that its next decision asks for, and its own pods if it is said where they are.
/// Other remediators may never answer, and a report is needed most when one is broken: what
/// they and the pods' namespace do not tell in time is not in it.
///
/// # Errors
/// When something of the cluster itself is not seen in time.
pub async fn capture(client: Client, own: Option<OwnPods>) -> Result<Captured> {
    let metrics = Arc::new(Metrics::new(&Calls::default()));
    let stores = Stores::start(&client, &metrics);
    stores.synced(LIMIT, || ()).await?;
    let mut nearby = Nearby::new(
        &client,
        &stores.notify(),
        &metrics,
        own.as_ref(),
        None,
        &Arc::default(),
    );
    let mut memory = Memory {
        heard: Heard::default(),
        limits: Limits::default(),
    };
    let mut look = |nearby: &Nearby| {
        let now = Timestamp::now();
        let mut seen = snapshot(&stores, nearby, &mut memory, BTreeMap::new(), now, 0);
        let status = seen.ledger.as_ref().and_then(|it| it.status.as_ref());
        seen.epoch = status.map_or(0, |status| status.epoch);
        // Which Prometheus the controller was given is not known here.
        seen.alerts = Alerts::Unknown {
            why: "a snapshot does not ask Prometheus".to_owned(),
        };
        seen
    };
    let first = look(&nearby);
    let needed = wanted(&View::new(&first));
    nearby.want(&needed, false);
    let deadline = Instant::now() + LIMIT;
    loop {
        let mut snapshot = look(&nearby);
        let mut unknown = unanswered(&snapshot, &needed);
        let is_late = Instant::now() > deadline;
        let is_answered = unknown.is_empty() && (own.is_none() || snapshot.replicas.is_some());
        match missing(&snapshot, &needed) {
            Some(what) if is_late => bail!("{what} could not be read in {} s", LIMIT.as_secs()),
            None if is_late || is_answered => {
                unknown.extend(no_replicas(&mut snapshot, own.as_ref()));
                return Ok(Captured { snapshot, unknown });
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// What is wanted of the cluster itself and not there yet.
fn missing(seen: &Snapshot, wanted: &Wanted) -> Option<String> {
    let mut of_nodes = wanted.pods.iter();
    if let Some(node) = of_nodes.find(|node| !seen.pods.contains_key(*node)) {
        return Some(format!("pods of node {node}"));
    }
    let all = [
        (
            wanted.unplaced,
            seen.unplaced.is_some(),
            "pods without a node",
        ),
        (
            wanted.budgets,
            seen.budgets.is_some(),
            "PodDisruptionBudgets",
        ),
        (
            wanted.attachments,
            seen.attachments.is_some(),
            "VolumeAttachments",
        ),
    ];
    let mut lists = all.into_iter();
    let (_, _, what) = lists.find(|(is_wanted, is_there, _)| *is_wanted && !is_there)?;
    Some(what.to_owned())
}

/// What is wanted of other remediators and not told yet.
fn unanswered(seen: &Snapshot, wanted: &Wanted) -> Vec<String> {
    let is_seen = |key: &str| seen.handed_over.contains_key(key);
    let objects = wanted.handed_over.iter();
    let objects = objects.filter(|(incident, ..)| !is_seen(incident));
    let objects =
        objects.map(|(incident, ..)| format!("what incident {incident} was handed over with"));
    let templates = wanted.templates.iter();
    let templates = templates.filter(|it| !is_seen(&template_key(it)));
    let templates = templates.map(|it| format!("whether there is {} {}", it.kind, it.name));
    // Several policies may name one template.
    let each: BTreeSet<String> = objects.chain(templates).collect();
    each.into_iter().collect()
}

/// Why it is not known where the replicas run.
fn no_replicas(seen: &mut Snapshot, own: Option<&OwnPods>) -> Option<String> {
    let why = match (own, seen.replicas.as_deref()) {
        (None, _) => "--namespace says where to look".to_owned(),
        (Some(own), None) => format!(
            "the pods in {} could not be read in {} s",
            own.namespace,
            LIMIT.as_secs()
        ),
        // It was looked in the wrong place; an empty list would say that none is to be kept.
        (Some(own), Some([])) => format!("no pod of the controller in {}", own.namespace),
        (Some(_), Some(_)) => return None,
    };
    seen.replicas = None;
    Some(format!("where the controller's replicas run ({why})"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use unstall_crds::policy::TemplateReference;
    use unstall_decide::HandedOver;

    use super::*;
    use crate::testing::{Asked, empty, refusal, served};

    fn template() -> TemplateReference {
        TemplateReference {
            api_version: "example.com/v1".to_owned(),
            kind: "FixTemplate".to_owned(),
            name: "t".to_owned(),
            namespace: Some("n".to_owned()),
        }
    }

    /// The list of one policy that hands nodes over with the template.
    fn handing_over() -> Value {
        json!({"metadata": {"resourceVersion": "7"}, "items": [{
            "metadata": {"name": "p", "uid": "u"},
            "spec": {
                "nodeSelector": {"matchLabels": {"a": "b"}},
                "triggers": [],
                "remedies": [{"name": "other", "handOver": {"template": template()}}],
            },
        }]})
    }

    fn own() -> OwnPods {
        OwnPods::of_chart("unstall".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn own_pods_and_what_was_handed_over_are_waited_for() {
        let pods = json!({"metadata": {"resourceVersion": "7"}, "items": [{
            "metadata": {"name": "c-1"}, "spec": {"nodeName": "n1", "containers": []},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }]});
        let policy = handing_over();
        let client = served(move |it: Asked| {
            let (pods, policy) = (pods.clone(), policy.clone());
            async move {
                tokio::time::sleep(LOOK * 5).await;
                let is_watch = it.query.contains("watch=");
                match it.path.rsplit_once('/') {
                    Some(("/api/v1/namespaces/unstall", "pods")) if !is_watch => (200, pods),
                    Some((_, "nodehealthpolicies")) if !is_watch => (200, policy),
                    _ => empty(&it),
                }
            }
        });
        let seen = capture(client.clone(), Some(own())).await.unwrap();
        assert_eq!(seen.unknown, Vec::<String>::new());
        let replicas = seen.snapshot.replicas.unwrap();
        assert_eq!((replicas[0].pod.as_str(), replicas[0].ready), ("c-1", true));
        let found: Vec<_> = seen.snapshot.handed_over.values().collect();
        assert_eq!(found, [&HandedOver::NoTemplate], "the kind is not known");
        let seen = capture(client, None).await.unwrap();
        assert_eq!(seen.snapshot.replicas, None, "nobody said where to look");
        let [why] = seen.unknown.as_slice() else {
            panic!("{:?}", seen.unknown);
        };
        assert!(why.contains("--namespace"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_answers_is_named_and_the_rest_is_told() {
        let client = served(|it: Asked| {
            let is_watch = it.query.contains("watch=");
            std::future::ready(match it.path.as_str() {
                "/apis/example.com/v1" => (503, refusal(503, "ServiceUnavailable", "down")),
                "/api/v1/namespaces/unstall/pods" => (403, refusal(403, "Forbidden", "no right")),
                path if path.ends_with("/nodehealthpolicies") && !is_watch => (200, handing_over()),
                _ => empty(&it),
            })
        });
        let seen = capture(client, Some(own())).await.unwrap();
        assert_eq!(seen.snapshot.policies.len(), 1);
        assert!(seen.snapshot.handed_over.is_empty());
        assert_eq!(seen.snapshot.replicas, None);
        assert_eq!(
            seen.unknown,
            [
                "whether there is FixTemplate t",
                "where the controller's replicas run (the pods in unstall could not be read in 60 s)"
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_without_the_controller_does_not_say_that_there_is_none() {
        let client = served(|it: Asked| std::future::ready(empty(&it)));
        let began = Instant::now();
        let seen = capture(client, Some(own())).await.unwrap();
        assert!(began.elapsed() < LIMIT, "an empty list is an answer");
        assert_eq!(seen.snapshot.replicas, None);
        assert_eq!(
            seen.unknown,
            ["where the controller's replicas run (no pod of the controller in unstall)"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut seen = Snapshot::default();
        let mut wanted = Wanted::default();
        assert_eq!(missing(&seen, &wanted), None);
        wanted.unplaced = true;
        let what = missing(&seen, &wanted);
        assert_eq!(what.as_deref(), Some("pods without a node"));
        wanted.pods.insert("n1".to_owned());
        let what = missing(&seen, &wanted);
        assert_eq!(what.as_deref(), Some("pods of node n1"));
        seen.pods.insert("n1".to_owned(), Vec::new());
        seen.unplaced = Some(Vec::new());
        assert_eq!(missing(&seen, &wanted), None);
        let object = ("n1-1".to_owned(), "n1".to_owned(), template());
        wanted.handed_over.push(object);
        wanted.templates.push(template());
        assert_eq!(missing(&seen, &wanted), None, "it does without");
        let what = unanswered(&seen, &wanted);
        assert!(what[0].contains("incident n1-1"), "{what:?}");
        let present = |key: &str| (key.to_owned(), HandedOver::Present);
        seen.handed_over.extend([present("n1-1")]);
        let what = unanswered(&seen, &wanted);
        assert_eq!(what, ["whether there is FixTemplate t"]);
        let key = template_key(&template());
        seen.handed_over.extend([present(&key)]);
        assert_eq!(unanswered(&seen, &wanted), Vec::<String>::new());
    }
}
