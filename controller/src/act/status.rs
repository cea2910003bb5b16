//! Statuses of incidents and policies.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::api::Api;
use kube::{Client, ResourceExt};
use unstall_crds::policy::{NodeHealthPolicy, NodeHealthPolicyStatus};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};

use super::apply::params;
use crate::client::bounded;

/// Writes how an incident goes, if nobody wrote to it since `seen`: what was
/// decided on an older view is not wanted any more.
pub async fn write_remediation(
    client: &Client,
    name: &str,
    status: NodeRemediationStatus,
    seen: Option<String>,
) -> Result<()> {
    let api: Api<NodeRemediation> = Api::all(client.clone());
    let mut live = bounded("cannot read NodeRemediation", api.get(name)).await?;
    let phase = status.phase;
    let moved = live
        .status
        .as_ref()
        .is_none_or(|before| before.phase != phase);
    if moved {
        let message = status.message.as_deref().unwrap_or_default();
        let outcome = status.outcome.map_or("", |outcome| outcome.as_str());
        tracing::info!(incident = name, %phase, outcome, message, "incident moves");
    }
    live.status = Some(status);
    live.metadata.resource_version = seen;
    let what = format!("cannot write the status of NodeRemediation {name}");
    bounded(&what, api.replace_status(name, &params(), &live)).await?;
    Ok(())
}

/// Writes the statuses of those of `seen` that changed.
pub async fn write_policies(
    client: &Client,
    seen: &[NodeHealthPolicy],
    statuses: BTreeMap<String, NodeHealthPolicyStatus>,
) -> Result<()> {
    let api: Api<NodeHealthPolicy> = Api::all(client.clone());
    for policy in seen {
        let name = policy.name_any();
        let Some(status) = statuses.get(&name) else {
            continue;
        };
        if policy.status.as_ref() == Some(status) {
            continue;
        }
        // Based on the object that was judged: a newer one is judged next.
        let mut next = policy.clone();
        next.status = Some(status.clone());
        let what = format!("cannot write the status of NodeHealthPolicy {name}");
        bounded(&what, api.replace_status(&name, &params(), &next)).await?;
    }
    Ok(())
}
