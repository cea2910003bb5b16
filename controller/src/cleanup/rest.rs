//! Commands, slots, and what others were asked to do.

use anyhow::Result;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error, ResourceExt};
use serde_json::json;
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::names::{LEDGER, manager};
use unstall_crds::remediation::{NodeRemediation, Phase};

use super::pages::kept;
use crate::client::bounded;
use crate::observe::Perhaps;

/// How often a lost race for the ledger is run again.
const TRIES: usize = 5;

/// Takes every command back, also of objects that cannot be read; returns how many.
pub async fn take_commands_back(client: &Client, tell_only: bool) -> Result<usize> {
    let api: Api<Perhaps<NodeHealth>> = Api::all(client.clone());
    let commanded = |health: Perhaps<NodeHealth>| match health.0 {
        Ok(health) => health.spec.command.is_some().then(|| health.name_any()),
        Err(broken) => Some(broken.metadata.name.unwrap_or_default()),
    };
    let names = kept(&api, commanded).await?;
    for name in &names {
        println!("node {name}: its command");
        if !tell_only {
            take_command_back(client, name).await?;
        }
    }
    Ok(names.len())
}

async fn take_command_back(client: &Client, name: &str) -> Result<()> {
    let api: Api<NodeHealth> = Api::all(client.clone());
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    let patch = json!({"spec": {"command": null}});
    let call = async {
        match api.patch(name, &params, &Patch::Merge(&patch)).await {
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            // Where the answer cannot be read the write was taken all the same.
            Err(Error::SerdeError(_)) => Ok(()),
            other => other.map(|_| ()),
        }
    };
    bounded(&format!("cannot write NodeHealth {name}"), call).await
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
    let api: Api<Perhaps<NodeRemediation>> = Api::all(client.clone());
    let handed_over = |incident: Perhaps<NodeRemediation>| {
        let incident = incident.0.ok()?;
        let phase = incident.status.as_ref().map(|status| status.phase);
        let is_so = phase == Some(Phase::HandedOver);
        is_so.then(|| (incident.name_any(), incident.spec.node_name))
    };
    for (name, node) in kept(&api, handed_over).await? {
        println!(
            "left: incident {name} handed node {node} to another remediator; delete that object by hand"
        );
    }
    Ok(())
}
