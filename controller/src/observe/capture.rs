//! One snapshot of a cluster, for reports.

use std::collections::BTreeMap;
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

/// The cluster as the controller sees it now, with the pods, budgets and volumes
/// that its next decision asks for, and its own pods if it is said where they are.
///
/// # Errors
/// When something is not seen in time.
pub async fn capture(client: Client, own: Option<OwnPods>) -> Result<Snapshot> {
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
        let seen = look(&nearby);
        match missing(&seen, &needed, own.as_ref()) {
            None => return Ok(seen),
            Some(what) if Instant::now() > deadline => {
                bail!("{what} could not be read in {} s", LIMIT.as_secs());
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// What is wanted and not there yet.
fn missing(seen: &Snapshot, wanted: &Wanted, own: Option<&OwnPods>) -> Option<String> {
    let mut of_nodes = wanted.pods.iter();
    if let Some(node) = of_nodes.find(|node| !seen.pods.contains_key(*node)) {
        return Some(format!("pods of node {node}"));
    }
    if let Some(own) = own.filter(|_| seen.replicas.is_none()) {
        return Some(format!("the controller's pods in {}", own.namespace));
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
    if let Some((_, _, what)) = lists.find(|(is_wanted, is_there, _)| *is_wanted && !is_there) {
        return Some(what.to_owned());
    }
    let is_seen = |key: &str| seen.handed_over.contains_key(key);
    let mut objects = wanted.handed_over.iter();
    if let Some((incident, ..)) = objects.find(|(incident, ..)| !is_seen(incident)) {
        return Some(format!("what incident {incident} was handed over with"));
    }
    let mut templates = wanted.templates.iter();
    let template = templates.find(|it| !is_seen(&template_key(it)))?;
    Some(format!("{} {}, a template", template.kind, template.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use unstall_crds::policy::TemplateReference;
    use unstall_decide::HandedOver;

    use super::*;
    use crate::testing::{Asked, empty, served};

    #[tokio::test(start_paused = true)]
    async fn own_pods_and_what_was_handed_over_are_waited_for() {
        let own = json!({"metadata": {"resourceVersion": "7"}, "items": [{
            "metadata": {"name": "c-1"}, "spec": {"nodeName": "n1", "containers": []},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }]});
        let policy = json!({"metadata": {"resourceVersion": "7"}, "items": [{
            "metadata": {"name": "p", "uid": "u"},
            "spec": {
                "nodeSelector": {"matchLabels": {"a": "b"}},
                "triggers": [],
                "remedies": [{"name": "other", "handOver": {"template": {
                    "apiVersion": "example.com/v1", "kind": "FixTemplate", "name": "t", "namespace": "n",
                }}}],
            },
        }]});
        let client = served(move |it: Asked| {
            let (own, policy) = (own.clone(), policy.clone());
            async move {
                tokio::time::sleep(LOOK * 5).await;
                let is_watch = it.query.contains("watch=");
                match it.path.rsplit_once('/') {
                    Some(("/api/v1/namespaces/unstall", "pods")) if !is_watch => (200, own),
                    Some((_, "nodehealthpolicies")) if !is_watch => (200, policy),
                    _ => empty(&it),
                }
            }
        });
        let pods = OwnPods::of_chart("unstall".to_owned());
        let seen = capture(client.clone(), Some(pods)).await.unwrap();
        let replicas = seen.replicas.unwrap();
        assert_eq!((replicas[0].pod.as_str(), replicas[0].ready), ("c-1", true));
        let found: Vec<_> = seen.handed_over.values().collect();
        assert_eq!(found, [&HandedOver::NoTemplate], "the kind is not known");
        let seen = capture(client, None).await.unwrap();
        assert_eq!(seen.replicas, None, "nobody said where to look");
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut seen = Snapshot::default();
        let mut wanted = Wanted::default();
        let own = OwnPods::of_chart("unstall".to_owned());
        assert_eq!(missing(&seen, &wanted, None), None);
        let what = missing(&seen, &wanted, Some(&own));
        assert_eq!(what.as_deref(), Some("the controller's pods in unstall"));
        seen.replicas = Some(Vec::new());
        assert_eq!(missing(&seen, &wanted, Some(&own)), None);
        let template = TemplateReference {
            api_version: "example.com/v1".to_owned(),
            kind: "FixTemplate".to_owned(),
            name: "t".to_owned(),
            namespace: None,
        };
        let object = ("n1-1".to_owned(), "n1".to_owned(), template.clone());
        wanted.handed_over.push(object);
        let what = missing(&seen, &wanted, None).unwrap();
        assert!(what.contains("incident n1-1"), "{what}");
        let present = |key: &str| (key.to_owned(), HandedOver::Present);
        seen.handed_over.extend([present("n1-1")]);
        wanted.templates.push(template.clone());
        let what = missing(&seen, &wanted, None).unwrap();
        assert_eq!(what, "FixTemplate t, a template");
        seen.handed_over.extend([present(&template_key(&template))]);
        assert_eq!(missing(&seen, &wanted, None), None);
    }
}
