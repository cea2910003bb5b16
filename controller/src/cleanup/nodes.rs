//! The Nodes.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error};
use unstall_crds::names::manager;

use super::pages::kept;
use super::removal::Removal;
use crate::client::bounded;
use crate::observe::plain;

/// A Node is written by others all the time: how often a lost race is run again.
const TRIES: usize = 5;

/// Removes everything of ours from every Node, or only tells; returns from how many.
pub async fn clear(client: &Client, tell_only: bool) -> Result<usize> {
    let api: Api<KubeNode> = Api::all(client.clone());
    let ours = |node| {
        let (name, node) = plain(node);
        Some((name, Removal::of(&node)?.sentence()))
    };
    // Listed to the end before anything is written: writes to thousands of nodes take
    // longer than the API server keeps its place in a list.
    let all = kept(&api, ours).await?;
    for (name, what) in &all {
        println!("node {name}: {what}");
        if !tell_only {
            remove(&api, name).await?;
        }
    }
    Ok(all.len())
}

async fn remove(api: &Api<KubeNode>, name: &str) -> Result<()> {
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    for _ in 0..TRIES {
        let Some(node) = bounded("cannot read the Node", api.get_opt(name)).await? else {
            return Ok(());
        };
        let (_, node) = plain(node);
        let Some(removal) = Removal::of(&node) else {
            return Ok(());
        };
        let what = format!("cannot write Node {name}");
        if let Some(patch) = removal.marks(node.resource_version.as_deref()) {
            let patch = Patch::Merge(&patch);
            let call = async {
                match api.patch(name, &params, &patch).await {
                    Err(Error::Api(status)) if status.code == 409 => Ok(false),
                    other => other.map(|_| true),
                }
            };
            if !bounded(&what, call).await? {
                continue;
            }
        }
        if let Some(patch) = removal.conditions() {
            let patch = Patch::Strategic(&patch);
            bounded(&what, api.patch_status(name, &params, &patch)).await?;
        }
        return Ok(());
    }
    bail!("Node {name} was written by others {TRIES} times in a row: run the cleanup again")
}
