//! What has to be looked at beside what is always watched.

use std::collections::BTreeSet;

use kube::ResourceExt;
use unstall_crds::policy::{Mode, RemedyKind, TemplateReference};
use unstall_crds::remediation::{NodeRemediation, Phase};

use crate::view::View;
use crate::{incident, ladder, order, record};

/// What the next snapshot has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Nodes whose pods are needed.
    pub pods: BTreeSet<String>,
    /// Whether pods without a node are.
    pub unplaced: bool,
    /// Whether `PodDisruptionBudget`s are.
    pub budgets: bool,
    /// Whether `VolumeAttachment`s are.
    pub attachments: bool,
    /// Objects of other remediators: incident, node, template.
    pub handed_over: Vec<(String, String, TemplateReference)>,
    /// Templates that policies name.
    pub templates: Vec<TemplateReference>,
}

/// What is needed to decide on the next snapshot.
#[must_use]
pub fn wanted(view: &View<'_>) -> Wanted {
    let snapshot = view.snapshot;
    let mut wanted = Wanted::default();
    let limit = snapshot.limits.pod_nodes;
    for it in order::incidents(view) {
        of_incident(view, it, &mut wanted, limit);
    }
    for mode in [Mode::Enforce, Mode::Observe] {
        for (node, call) in order::calls(view, mode).into_iter().take(limit) {
            let kind = incident::first_remedy(&call).map(|(_, kind)| kind);
            let is_reboot = kind == Some(RemedyKind::Reboot);
            let is_forecast = mode == Mode::Observe && is_reboot;
            if (is_forecast || has_blocking_pods(view, &node.name)) && wanted.pods.len() < limit {
                wanted.pods.insert(node.name.clone());
                wanted.budgets |= is_forecast;
            }
        }
    }
    let policies = snapshot.policies.iter();
    let remedies = policies.flat_map(|policy| &policy.spec.remedies);
    let templates = remedies.filter_map(|remedy| Some(remedy.hand_over.as_ref()?.template.clone()));
    wanted.templates = templates.collect();
    wanted
}

fn of_incident(view: &View<'_>, it: &NodeRemediation, wanted: &mut Wanted, limit: usize) {
    let phase = record::phase(it);
    let node = &it.spec.node_name;
    let status = it.status.as_ref();
    let needs_pods = match phase {
        // A reboot is ordered with the pods that were seen, and no others.
        Phase::Cordoning | Phase::Draining | Phase::Rebooting => true,
        Phase::Pending => is_next_a_reboot(it) || has_blocking_pods(view, node),
        _ => false,
    };
    if needs_pods && wanted.pods.len() < limit {
        wanted.pods.insert(node.clone());
    }
    wanted.attachments |= phase == Phase::Draining;
    let drain = status.and_then(|status| status.drain.as_ref());
    wanted.unplaced |= phase == Phase::Soaking && drain.is_some_and(|it| !it.displaced.is_empty());
    if phase == Phase::HandedOver {
        let template = status.and_then(|status| ladder::template_at_work(it, status));
        wanted
            .handed_over
            .extend(template.map(|template| (it.name_any(), node.clone(), template)));
    }
}

/// Whether what comes next empties the node.
fn is_next_a_reboot(it: &NodeRemediation) -> bool {
    let rungs = it.status.as_ref().map_or(0, |status| status.rungs.len());
    let next = ladder::of(it).get(rungs);
    next.is_some_and(|remedy| remedy.reboot.is_some())
}

fn has_blocking_pods(view: &View<'_>, node: &str) -> bool {
    let Some(node) = view.node(node) else {
        return false;
    };
    let mut policies = view.covering(node);
    policies.any(|it| !it.policy.spec.disruption.blocked_by.pods.is_empty())
}
