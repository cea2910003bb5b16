//! The command: first nobody else may act, then everything goes, in an order in
//! which whatever is left does no harm.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error};
use serde_json::json;

use super::{nodes, rest};
use crate::client::{self, bounded};
use crate::config::Cleanup;
use crate::lead::{self, Keeper, Leadership, Standing};
use crate::metrics::Calls;

/// Removes everything of ours from all Nodes.
///
/// # Errors
/// When a controller leads, or the API server refuses something.
pub async fn run(options: Cleanup) -> Result<()> {
    let client = client::connect(&Calls::default()).await?;
    if options.dry_run || options.force {
        return everything(&client, options.dry_run).await;
    }
    let election = options.election.options()?;
    if let Some(name) = &options.scale_down {
        scale_down(&client, &election.namespace, name).await?;
    }
    let (leadership, keeper) = take(&client, election, options.wait).await?;
    let done = tokio::select! {
        done = everything(&client, false) => done,
        lost = leadership.lost() => Err(lost).context("cut short: run the cleanup again"),
    };
    let released = keeper.release().await;
    // What failed first is what matters.
    done.and(released)
}

/// First what could still be carried out on a node, last what stands for it in the
/// budgets.
async fn everything(client: &Client, tell_only: bool) -> Result<()> {
    let commands = rest::take_commands_back(client, tell_only).await?;
    let nodes = nodes::clear(client, tell_only).await?;
    let slots = rest::give_slots_back(client, tell_only).await?;
    rest::name_handed_over(client).await?;
    let verb = if tell_only {
        "would be removed"
    } else {
        "removed"
    };
    println!("{verb}: {commands} commands, marks and conditions of {nodes} nodes, {slots} slots");
    Ok(())
}

/// Takes the lease, so that no controller sets anew what is removed.
async fn take(
    client: &Client,
    options: lead::Options,
    wait: Duration,
) -> Result<(Leadership, Keeper)> {
    let mut last = String::new();
    let elected = lead::elect(client.clone(), options, |standing| match standing {
        Standing::Standby { leader } => last = format!("{leader} leads"),
        Standing::Unknown { why } => last = why.to_owned(),
        Standing::Elected => {}
    });
    if let Ok(elected) = tokio::time::timeout(wait, elected).await {
        return Ok(elected);
    }
    bail!(
        "{last}, still after {wait:?}: scale the controller's Deployment to 0 first (--scale-down NAME does so), or use \
         --force to clean up beside it"
    )
}

async fn scale_down(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let patch = json!({"spec": {"replicas": 0}});
    let call = async {
        match api
            .patch_scale(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            // Removed already.
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()),
        }
    };
    bounded(
        &format!("cannot scale Deployment {namespace}/{name} to 0"),
        call,
    )
    .await?;
    println!("Deployment {namespace}/{name}: scaled to 0");
    Ok(())
}
