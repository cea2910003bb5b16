//! Statuses of incidents and policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::ResourceExt;
use kube::api::Api;
use serde_json::json;
use unstall_crds::condition::{ConditionReason, ConditionStatus, ConditionType};
use unstall_crds::policy::{NodeHealthPolicy, NodeHealthPolicyStatus, RolloutStage};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};
use unstall_decide::{Snapshot, Unreadable, UnreadableKind};

use super::actor::{Actor, params};
use crate::serve::Health;

/// The counts of a drain change with every pod: they are written this often.
const PROGRESS_PAUSE: Duration = Duration::from_secs(10);
/// The counts of a policy change with every phase of every incident.
const POLICY_PAUSE: Duration = Duration::from_secs(15);

/// Writes how an incident goes, if nobody wrote to it since it was seen: what was
/// decided on an older view is not wanted any more.
pub async fn write_remediation(
    actor: &Actor,
    seen: &Snapshot,
    name: &str,
    status: NodeRemediationStatus,
    version: Option<String>,
) -> Result<()> {
    let mut all = seen.remediations.iter();
    let found = all.find(|it| it.name_any() == name);
    let mut next: NodeRemediation = found
        .with_context(|| format!("NodeRemediation {name} was not seen"))?
        .as_ref()
        .clone();
    let is_small = next
        .status
        .as_ref()
        .is_some_and(|old| is_progress(old, &status));
    if is_small && !actor.paced.is_due(name, PROGRESS_PAUSE) {
        return Ok(());
    }
    tell(name, next.status.as_ref(), &status);
    next.status = Some(status);
    next.metadata.resource_version = version;
    let api: Api<NodeRemediation> = Api::all(actor.client.clone());
    let what = format!("cannot write the status of NodeRemediation {name}");
    actor
        .call(&what, api.replace_status(name, &params(), &next))
        .await?;
    actor.paced.written(name);
    Ok(())
}

/// Whether nothing but the counts of a drain changed. Whose pods were sent away is no
/// count: the soak asks for them.
fn is_progress(old: &NodeRemediationStatus, new: &NodeRemediationStatus) -> bool {
    let without = |status: &NodeRemediationStatus| NodeRemediationStatus {
        drain: None,
        ..status.clone()
    };
    let displaced = |status: &NodeRemediationStatus| {
        let drain = status.drain.as_ref();
        drain.map_or_else(Vec::new, |drain| drain.displaced.clone())
    };
    without(old) == without(new) && new.drain.is_some() && displaced(old) == displaced(new)
}

/// One line for each decision that changed, with its reason.
fn tell(name: &str, before: Option<&NodeRemediationStatus>, after: &NodeRemediationStatus) {
    let text = after.message.as_deref().unwrap_or_default();
    let outcome = after.outcome.map_or("", |outcome| outcome.as_str());
    if before.is_none_or(|before| before.phase != after.phase) {
        tracing::info!(incident = name, phase = %after.phase, outcome, text, "incident moves");
    }
    let first = |status: &NodeRemediationStatus| status.blockers.first().map(|it| it.reason);
    if let Some(blocker) = after.blockers.first()
        && before.and_then(first) != Some(blocker.reason)
    {
        let reason = blocker.reason.as_str();
        tracing::info!(incident = name, phase = %after.phase, reason, text = blocker.message, "incident waits");
    }
}

/// Writes the statuses of those policies that changed. Gives the names of those that
/// could not be written.
pub async fn write_policies(
    actor: &Actor,
    health: &Health,
    seen: &Snapshot,
    statuses: &BTreeMap<String, NodeHealthPolicyStatus>,
) -> Result<BTreeSet<String>> {
    let mut left = BTreeSet::new();
    let api: Api<NodeHealthPolicy> = Api::all(actor.client.clone());
    for policy in &seen.policies {
        let name = policy.name_any();
        let Some(status) = statuses.get(&name) else {
            continue;
        };
        if policy.status.as_ref() == Some(status) {
            continue;
        }
        let of_policy = format!("policy/{name}");
        if is_counts(policy.status.as_ref(), status)
            && !actor.paced.is_due(&of_policy, POLICY_PAUSE)
        {
            continue;
        }
        actor.check()?;
        // Based on the object that was judged: a newer one is judged next.
        let mut next = policy.clone();
        next.status = Some(status.clone());
        let what = format!("cannot write the status of NodeHealthPolicy {name}");
        let written = actor
            .call(&what, api.replace_status(&name, &params(), &next))
            .await;
        // Many slow ones are no loop that hangs.
        health.turned();
        match written {
            Ok(_) => actor.paced.written(&of_policy),
            Err(error) => {
                tracing::warn!(policy = name, "left for the next pass: {error:#}");
                left.insert(name);
            }
        }
    }
    unreadable(actor, health, seen).await?;
    Ok(left)
}

/// Whether nothing changed but counts and texts: neither a condition, nor the spec
/// that was judged, nor the stage of a roll-out.
fn is_counts(old: Option<&NodeHealthPolicyStatus>, new: &NodeHealthPolicyStatus) -> bool {
    let Some(old) = old else {
        return false;
    };
    let holds = |status: &NodeHealthPolicyStatus| -> Vec<(String, ConditionStatus, String)> {
        let conditions = status.conditions.iter();
        conditions
            .map(|it| (it.type_.clone(), it.status, it.reason.clone()))
            .collect()
    };
    let stages = |status: &NodeHealthPolicyStatus| -> Vec<RolloutStage> {
        status.rollouts.iter().map(|it| it.stage).collect()
    };
    old.observed_generation == new.observed_generation
        && holds(old) == holds(new)
        && stages(old) == stages(new)
}

/// Says on a policy that cannot be read why that is, once.
async fn unreadable(actor: &Actor, health: &Health, seen: &Snapshot) -> Result<()> {
    let key = |broken: &Unreadable| format!("{:?}/{}", broken.kind, broken.name);
    let keys: BTreeSet<String> = seen.unreadable.iter().map(key).collect();
    {
        // One that is broken again is told again.
        let mut said = actor.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|key, _| keys.contains(key));
    }
    for broken in &seen.unreadable {
        let key = key(broken);
        {
            let said = actor.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.get(&key) == Some(&broken.why) {
                continue;
            }
        }
        tracing::warn!(kind = ?broken.kind, name = broken.name, why = broken.why, "object cannot be read");
        if broken.kind == UnreadableKind::NodeHealthPolicy {
            let message: String = format!(
                "nothing of this policy is carried out: it cannot be read by this version: {}",
                broken.why
            );
            let condition = json!({
                "type": ConditionType::Ready,
                "status": "False",
                "reason": ConditionReason::InvalidSpec,
                "message": message.chars().take(1024).collect::<String>(),
                "lastTransitionTime": seen.now,
            });
            let patch = json!({"status": {
                "summary": "not carried out: see condition Ready",
                "conditions": [condition],
            }});
            let params = kube::api::PatchParams::default();
            let patch = kube::api::Patch::Merge(&patch);
            let what = format!(
                "cannot write the status of NodeHealthPolicy {}",
                broken.name
            );
            // The answer holds the object, which cannot be read.
            let raw: Api<kube::api::DynamicObject> = Api::all_with(
                actor.client.clone(),
                &kube::api::ApiResource::erase::<NodeHealthPolicy>(&()),
            );
            actor
                .call(&what, raw.patch_status(&broken.name, &params, &patch))
                .await?;
            health.turned();
        }
        let mut said = actor.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(key, broken.why.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hyper::Method;

    use super::*;
    use crate::act::{Evictions, Failures, Pace};
    use crate::keys::Signer;
    use crate::lead::{Options, campaign};
    use crate::testing::{Asked, cluster, empty, served, terms};

    /// How long this API server takes to write a status.
    const SLOW: Duration = Duration::from_secs(18);

    #[tokio::test(start_paused = true)]
    async fn many_slow_writes_are_no_loop_that_hangs() {
        let client = served(async |it: Asked| {
            if it.method == Method::PUT && it.path.contains("/nodehealthpolicies/") {
                tokio::time::sleep(SLOW).await;
            }
            empty(&it)
        });
        let lease = Options {
            namespace: "n".to_owned(),
            lease: "l".to_owned(),
            identity: "i".to_owned(),
            terms: terms(),
        };
        let (leadership, _keeper) = campaign(client.clone(), lease, |_| ()).await.unwrap();
        let actor = Actor {
            client,
            signer: Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap(),
            leadership,
            evictions: Evictions::new(Default::default()),
            sights: Default::default(),
            failures: Failures::default(),
            said: Mutex::default(),
            paced: Pace::default(),
        };
        let mut seen = cluster();
        let policy = seen.policies[0].clone();
        seen.policies.clear();
        let mut statuses = BTreeMap::new();
        for number in 0..5 {
            let mut policy = policy.clone();
            policy.metadata.name = Some(format!("p{number}"));
            statuses.insert(policy.name_any(), NodeHealthPolicyStatus::default());
            seen.policies.push(policy);
        }
        let health = Health::new(terms());
        let written = write_policies(&actor, &health, &seen, &statuses);
        let looks = async {
            tokio::time::sleep(5 * SLOW - Duration::from_secs(1)).await;
            assert_eq!(health.live(), Ok(()));
        };
        let (left, ()) = tokio::join!(written, looks);
        assert_eq!(left.unwrap(), BTreeSet::new());
    }
}
