//! Commands, slots, and what others were asked to do.

use anyhow::{Context, Result};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::ObjectList;
use kube::{Client, Error, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::names::{LEDGER, manager};
use unstall_crds::remediation::{NodeRemediation, Phase};

use crate::client::bounded;
use crate::observe::Perhaps;

/// Objects of one answer.
const PAGE: u32 = 500;
/// How often a lost race for the ledger is run again.
const TRIES: usize = 5;

/// Takes every command back, also of objects that cannot be read; returns how many.
pub async fn take_commands_back(client: &Client, tell_only: bool) -> Result<usize> {
    let api: Api<NodeHealth> = Api::all(client.clone());
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    let mut count = 0;
    for health in all::<NodeHealth>(client).await? {
        let (name, has_command) = match health.0 {
            Ok(health) => (health.name_any(), health.spec.command.is_some()),
            Err(broken) => (broken.metadata.name.unwrap_or_default(), true),
        };
        if !has_command {
            continue;
        }
        count += 1;
        println!("node {name}: its command");
        if tell_only {
            continue;
        }
        let patch = json!({"spec": {"command": null}});
        let call = async {
            match api.patch(&name, &params, &Patch::Merge(&patch)).await {
                Err(Error::Api(status)) if status.code == 404 => Ok(()),
                // Where the answer cannot be read the write was taken all the same.
                Err(Error::SerdeError(_)) => Ok(()),
                other => other.map(|_| ()),
            }
        };
        bounded(&format!("cannot write NodeHealth {name}"), call).await?;
    }
    Ok(count)
}

/// Gives back every slot; what counts for cool-downs stays. Returns how many.
pub async fn give_slots_back(client: &Client, tell_only: bool) -> Result<usize> {
    let api: Api<DisruptionLedger> = Api::all(client.clone());
    for _ in 0..TRIES {
        let call = async {
            match api.get(LEDGER).await {
                // Neither the ledger nor, maybe, its kind.
                Err(Error::Api(status)) if status.code == 404 => Ok(None),
                other => other.map(Some),
            }
        };
        let Some(mut ledger) = bounded("cannot read the ledger", call).await? else {
            return Ok(0);
        };
        let Some(status) = ledger.status.as_mut().filter(|it| !it.slots.is_empty()) else {
            return Ok(0);
        };
        let slots = std::mem::take(&mut status.slots);
        status.slots_in_use = 0;
        let params = PostParams {
            field_manager: Some(manager::CONTROLLER.into()),
            ..PostParams::default()
        };
        let swap = async {
            if tell_only {
                return Ok(true);
            }
            match api.replace_status(LEDGER, &params, &ledger).await {
                Err(Error::Api(status)) if status.code == 409 => Ok(false),
                other => other.map(|_| true),
            }
        };
        if bounded("cannot write the ledger", swap).await? {
            for slot in &slots {
                println!("ledger: the slot of {} for {}", slot.node, slot.remediation);
            }
            return Ok(slots.len());
        }
    }
    anyhow::bail!("the ledger was written by others {TRIES} times in a row: run the cleanup again")
}

/// Names what other remediators were asked to do: that is theirs to end.
pub async fn name_handed_over(client: &Client) -> Result<()> {
    for incident in all::<NodeRemediation>(client).await? {
        let Ok(incident) = incident.0 else { continue };
        let phase = incident.status.as_ref().map(|status| status.phase);
        if phase == Some(Phase::HandedOver) {
            let node = &incident.spec.node_name;
            let name = incident.name_any();
            println!(
                "left: incident {name} handed node {node} to another remediator; delete that object by hand"
            );
        }
    }
    Ok(())
}

/// Every object of a kind of ours; none where the kind is not there any more.
async fn all<K>(client: &Client) -> Result<Vec<Perhaps<K>>>
where
    K: Resource<Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<Perhaps<K>> = Api::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let call = async {
            match api.list(&params).await {
                Err(Error::Api(status)) if status.code == 404 => Ok(ObjectList {
                    types: kube::core::TypeMeta::default(),
                    metadata: Default::default(),
                    items: Vec::new(),
                }),
                other => other,
            }
        };
        let page = bounded("cannot list", call).await;
        let page = page.with_context(|| K::kind(&K::DynamicType::default()).into_owned())?;
        all.extend(page.items);
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(all);
        }
    }
}
