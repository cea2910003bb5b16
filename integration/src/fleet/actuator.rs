//! The actuators: each command once, of the right boot and the latest leader.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use unstall_crds::command::{CommandAction, CommandPayload, SignedCommand};

use super::run::Shared;
use super::{Deed, Reboot, kubelet, probe};

/// How long a node takes to go down.
const GOING_DOWN: Duration = Duration::from_millis(300);
/// How often one that takes no commands is asked again.
const ASKED: Duration = Duration::from_millis(100);

/// Obeys a command, or says why not.
pub async fn obey(shared: Arc<Shared>, name: String, command: SignedCommand) {
    let payload = match CommandPayload::parse(&command.payload) {
        Ok(payload) => payload,
        Err(error) => return shared.deeds.refuse(format!("{name}: {error}")),
    };
    if shared.has_answered(&name, &payload.id) {
        return;
    }
    if !takes(&shared, &name, &command).await {
        return;
    }
    if let Some(why) = refusal(&shared, &name, &payload) {
        shared.deeds.refuse(format!("{name}: {why}"));
        return answer(&shared, &name, &payload, "Refused", true).await;
    }
    let is_reboot = payload.action == CommandAction::Reboot;
    let left = if is_reboot {
        pods_left(&shared, &name).await
    } else {
        Vec::new()
    };
    shared.deeds.note(Deed {
        node: name.clone(),
        id: payload.id.clone(),
        epoch: payload.epoch,
        is_reboot,
        at: Timestamp::now(),
        left,
    });
    answer(&shared, &name, &payload, "Accepted", false).await;
    if is_reboot {
        reboot(&shared, &name, &payload).await;
    } else {
        let facts = shared.facts(&name).unwrap_or_default();
        tokio::time::sleep(facts.dropping).await;
        shared.change(&name, |facts| facts.fires &= !facts.is_curable);
        answer(&shared, &name, &payload, "Succeeded", true).await;
    }
}

/// Waits until the actuator takes commands; whether this one is still there then.
async fn takes(shared: &Shared, name: &str, command: &SignedCommand) -> bool {
    while shared.facts(name).is_some_and(|facts| !facts.is_taking) {
        tokio::time::sleep(ASKED).await;
    }
    let known = shared.known(name);
    known.is_some_and(|(spec, _)| spec["command"]["payload"] == json!(command.payload))
}

fn refusal(shared: &Shared, name: &str, payload: &CommandPayload) -> Option<String> {
    let facts = shared.facts(name)?;
    let id = &payload.id;
    if payload.expect_boot_id != facts.boot_id(name) {
        return Some(format!("{id} expects boot {}", payload.expect_boot_id));
    }
    if payload.expires_at.0 < Timestamp::now() {
        return Some(format!("{id} expired at {}", payload.expires_at.0));
    }
    shared.deeds.forbids(name, id, payload.epoch)
}

async fn reboot(shared: &Arc<Shared>, name: &str, payload: &CommandPayload) {
    tokio::time::sleep(GOING_DOWN).await;
    let Some(facts) = shared.facts(name) else {
        return;
    };
    shared.change(name, |facts| {
        facts.is_ready = false;
        facts.is_heard = false;
    });
    report(shared, name).await;
    let Reboot::Back(after) = facts.reboot else {
        return;
    };
    tokio::time::sleep(after).await;
    come_back(shared, name).await;
    answer(shared, name, payload, "Succeeded", true).await;
}

/// The node runs another boot.
pub async fn come_back(shared: &Arc<Shared>, name: &str) {
    shared.change(name, |facts| {
        facts.boot += 1;
        facts.kernel.clone_from(&facts.next_kernel);
        facts.is_ready = true;
        facts.is_heard = true;
        facts.fires &= !facts.is_cured_by_reboot;
    });
    report(shared, name).await;
    probe::say(shared, name).await;
}

async fn report(shared: &Shared, name: &str) {
    if let Err(error) = kubelet::report(shared, name).await {
        eprintln!("node {name}: {error}");
    }
}

async fn answer(shared: &Shared, name: &str, payload: &CommandPayload, state: &str, is_end: bool) {
    let now = Timestamp::now();
    let known = shared.known(name).and_then(|(_, command)| command);
    let accepted = known
        .filter(|it| it["id"] == json!(payload.id))
        .map_or_else(|| json!(now), |it| it["acceptedAt"].clone());
    let mut command = json!({
        "id": payload.id, "epoch": payload.epoch, "action": payload.action, "state": state,
        "message": format!("played: {state}"), "acceptedAt": accepted,
        "finishedAt": is_end.then_some(now),
    });
    if state == "Refused" {
        command["reason"] = json!("OtherBoot");
    }
    if let Value::Object(fields) = &mut command {
        fields.retain(|_, value| !value.is_null());
    }
    shared.answer(name, command);
    probe::say(shared, name).await;
}

/// Pods that a drain should have sent away: of ReplicaSets, and running.
async fn pods_left(shared: &Shared, name: &str) -> Vec<String> {
    let pods: Api<Pod> = Api::all(shared.client.clone());
    let params = ListParams::default().fields(&format!("spec.nodeName={name}"));
    let listed = pods.list(&params).await;
    let pods = listed.map(|list| list.items).unwrap_or_default();
    let is_left = |pod: &&Pod| {
        let mut owners = pod.owner_references().iter();
        owners.any(|owner| owner.kind == "ReplicaSet")
    };
    pods.iter()
        .filter(is_left)
        .map(ResourceExt::name_any)
        .collect()
}
