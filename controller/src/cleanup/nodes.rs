//! The Nodes.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, Error};
use unstall_crds::names::manager;

use super::removal::Removal;
use crate::client::bounded;
use crate::observe::plain;

/// Nodes of one answer: some megabytes.
const PAGE: u32 = 200;
/// A Node is written by others all the time: how often a lost race is run again.
const TRIES: usize = 5;

/// Removes everything of ours from every Node, or only tells; returns from how many.
pub async fn clear(client: &Client, tell_only: bool) -> Result<usize> {
    let api: Api<KubeNode> = Api::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut count = 0;
    loop {
        let page = bounded("cannot list the Nodes", api.list(&params)).await?;
        for node in page.items {
            let (name, node) = plain(node);
            let Some(removal) = Removal::of(&node) else {
                continue;
            };
            count += 1;
            println!("node {name}: {}", removal.sentence());
            if !tell_only {
                remove(&api, &name).await?;
            }
        }
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(count);
        }
    }
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
