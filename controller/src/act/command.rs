//! A signed command, after a live look at what it is based on.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Node, Pod as KubePod};
use kube::api::{Api, ListParams};
use serde_json::json;
use unstall_crds::command::{CommandAction, CommandPayload, SignedCommand};
use unstall_crds::health::NodeHealth;
use unstall_crds::names::annotation;
use unstall_crds::units::GoDuration;
use unstall_decide::Pod;

use super::actor::Actor;
use super::{health, slot};
use crate::observe::pod;

/// What is ordered, and of whom.
pub struct Order<'a> {
    pub node: &'a str,
    /// The incident, which must hold the node's slot.
    pub remediation: &'a str,
    pub payload: &'a CommandPayload,
    /// The node's pods as they were seen when this was decided.
    pub pods: Option<&'a [Pod]>,
}

/// Signs the payload and hands it to the probe of the node.
pub async fn send(actor: &Actor, order: &Order<'_>, report_interval: &GoDuration) -> Result<()> {
    let Order {
        node,
        remediation,
        payload,
        pods,
    } = *order;
    slot::require(actor, node, remediation).await?;
    if payload.action == CommandAction::Reboot {
        require_cordon(actor, node, remediation, payload).await?;
        require_pods(actor, node, pods).await?;
    }
    let healths: Api<NodeHealth> = Api::all(actor.client.clone());
    let live = actor
        .call("cannot read NodeHealth", healths.get(node))
        .await?;
    if live.spec.node_uid != payload.node_uid {
        bail!(
            "node {node} has UID {} now, not {}",
            live.spec.node_uid,
            payload.node_uid
        );
    }
    let boot_id = live
        .status
        .and_then(|status| status.boot_id)
        .unwrap_or_default();
    if boot_id != payload.expect_boot_id {
        bail!(
            "node {node} runs boot {boot_id} now, not {}",
            payload.expect_boot_id
        );
    }
    if stands(live.spec.command.as_ref(), payload) {
        tracing::debug!(
            node,
            id = payload.id,
            "the order stands, and no watch has told of it"
        );
        return Ok(());
    }
    let command = actor
        .signer
        .sign(payload)
        .context("cannot sign the command")?;
    tracing::info!(
        node,
        incident = remediation,
        id = payload.id,
        epoch = payload.epoch,
        action = %payload.action,
        key = actor.signer.key_id(),
        "sending command"
    );
    actor.check()?;
    let version = live.metadata.resource_version;
    let spec = json!({"command": command, "reportInterval": report_interval});
    health::patch(actor, node, spec, version).await
}

/// Whether this leader has given the order already, on a view in which it is not yet: given
/// again in every pass it would never expire.
fn stands(live: Option<&SignedCommand>, payload: &CommandPayload) -> bool {
    let standing = live.and_then(|it| CommandPayload::parse(&it.payload).ok());
    standing.is_some_and(|it| {
        let is_same = it.id == payload.id
            && it.epoch == payload.epoch
            && it.expect_boot_id == payload.expect_boot_id;
        is_same && it.issued_at.0 <= payload.issued_at.0 && payload.issued_at.0 < it.expires_at.0
    })
}

/// A node is rebooted only with the pods that were seen when that was decided: one
/// that came to it since then, past the cordon, was not asked to leave.
async fn require_pods(actor: &Actor, node: &str, seen: Option<&[Pod]>) -> Result<()> {
    let Some(seen) = seen else {
        bail!("the pods of node {node} are not known yet");
    };
    let pods: Api<KubePod> = Api::all(actor.client.clone());
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let live = actor
        .call("cannot list the node's pods", pods.list(&of_node))
        .await?;
    let live = live.items.iter().map(pod::from_kube);
    match stranger(live, seen) {
        Some(pod) => bail!("pod {} came to node {node} meanwhile", pod.path()),
        None => Ok(()),
    }
}

/// A pod that would have to leave and was not seen.
fn stranger(mut live: impl Iterator<Item = Pod>, seen: &[Pod]) -> Option<Pod> {
    live.find(|pod| {
        let is_of_node = pod.mirror || pod.owner.as_ref().is_some_and(|it| it.kind == "DaemonSet");
        let is_seen = seen.iter().any(|known| known.uid == pod.uid);
        !is_of_node && !is_seen && !pod.is_finished()
    })
}

/// A node is rebooted only while it carries the incident's cordon, and runs the
/// boot that was decided on by its kubelet's word too.
async fn require_cordon(
    actor: &Actor,
    node: &str,
    remediation: &str,
    payload: &CommandPayload,
) -> Result<()> {
    let nodes: Api<Node> = Api::all(actor.client.clone());
    let live = actor.call("cannot read the Node", nodes.get(node)).await?;
    let annotations = live.metadata.annotations.unwrap_or_default();
    let by = annotations.get(annotation::CORDONED_BY);
    let is_cordoned = live.spec.and_then(|spec| spec.unschedulable) == Some(true);
    if !is_cordoned || by.map(String::as_str) != Some(remediation) {
        bail!("node {node} does not carry the cordon of incident {remediation} any more");
    }
    let info = live.status.and_then(|status| status.node_info);
    let boot_id = info.map(|info| info.boot_id).unwrap_or_default();
    if boot_id != payload.expect_boot_id {
        bail!(
            "the kubelet of node {node} tells boot {boot_id} now, not {}",
            payload.expect_boot_id
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use unstall_decide::{Owner, PodPhase};

    use super::*;

    fn pod(uid: &str, kind: &str) -> Pod {
        Pod {
            uid: uid.to_owned(),
            phase: PodPhase::Running,
            owner: Some(Owner {
                kind: kind.to_owned(),
                ..Owner::default()
            }),
            ..Pod::default()
        }
    }

    fn order(id: &str, epoch: i64, issued: &str, expires: &str) -> CommandPayload {
        CommandPayload {
            id: id.to_owned(),
            epoch,
            action: CommandAction::Reboot,
            level: None,
            node_name: "n".to_owned(),
            node_uid: "u".to_owned(),
            expect_boot_id: "b".to_owned(),
            issued_at: Time(issued.parse().unwrap()),
            expires_at: Time(expires.parse().unwrap()),
        }
    }

    #[test]
    fn an_order_that_stands_is_not_given_again() {
        let (at, later) = ("2026-03-02T12:00:00Z", "2026-03-02T12:01:00Z");
        let end = "2026-03-02T12:02:00Z";
        let given = order("i-1", 7, at, end);
        let live = SignedCommand {
            payload: serde_json::to_string(&given).unwrap(),
            signature: String::new(),
        };
        let is_standing = |next: &CommandPayload| stands(Some(&live), next);
        assert!(is_standing(&order("i-1", 7, later, end)));
        assert!(!is_standing(&order("i-1", 7, end, end)), "it has expired");
        assert!(!is_standing(&order("i-2", 7, later, end)), "another one");
        assert!(
            !is_standing(&order("i-1", 8, later, end)),
            "of another leader"
        );
        let before = "2026-03-02T11:59:00Z";
        assert!(
            !is_standing(&order("i-1", 7, before, end)),
            "a clock that was ahead: it would be void to the node"
        );
        assert!(!stands(None, &given));
    }

    #[test]
    fn a_pod_that_was_not_seen_and_would_have_to_leave_is_a_stranger() {
        let seen = [pod("a", "ReplicaSet")];
        let found = |live: Pod| stranger(std::iter::once(live), &seen).map(|pod| pod.uid);
        assert_eq!(found(pod("a", "ReplicaSet")), None);
        assert_eq!(found(pod("b", "ReplicaSet")).as_deref(), Some("b"));
        assert_eq!(found(pod("b", "DaemonSet")), None);
        let mut mirror = pod("c", "Node");
        mirror.mirror = true;
        assert_eq!(found(mirror), None);
        let mut finished = pod("d", "Job");
        finished.phase = PodPhase::Succeeded;
        assert_eq!(found(finished), None);
    }
}
