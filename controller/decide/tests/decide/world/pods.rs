//! Scripts change pods and what forbids to evict them, and pods go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Value, json};
use unstall_decide::{DisruptionBudget, EvictionAnswer, Owner, Pod, PodOrder, PodPhase, Said};

use super::World;
use super::facts::{BudgetFacts, PodFacts};
use super::patch::{expand, merge, read};
use super::script::Step;

/// Written behind the owner of a pod without a node.
const NEEDS_CORDONED: &str = ", needs a cordoned node";

impl World {
    pub(super) fn change_pods(&mut self, step: &Step) -> Result<(), String> {
        for (nodes, pods) in &step.pods {
            for node in expand(nodes) {
                for (names, patch) in pods {
                    for name in expand(names) {
                        self.change_pod(&node, &name, patch)?;
                    }
                }
            }
        }
        for (name, patch) in &step.budgets {
            let old = self.budgets.remove(name);
            if patch.is_null() {
                continue;
            }
            let facts = old.map_or_else(BudgetFacts::default, |old| BudgetFacts {
                namespace: old.namespace,
                labels: old
                    .selector
                    .and_then(|it| it.match_labels)
                    .unwrap_or_default(),
                allowed: old.allowed,
                allows_unready: old.allows_unready,
            });
            let mut facts = json!(facts);
            merge(&mut facts, patch);
            let facts: BudgetFacts = read(name, facts)?;
            self.budgets.insert(name.clone(), budget(name, facts));
        }
        for (pod, forced) in &step.evictions {
            match forced {
                Some(forced) => self.forced.insert(pod.clone(), forced.clone()),
                None => self.forced.remove(pod),
            };
        }
        self.attachments.extend(step.attachments.clone());
        for (name, owner) in &step.unplaced {
            self.unplaced.remove(name);
            if let Some(owner) = owner {
                let (owner, needs_cordoned) = match owner.strip_suffix(NEEDS_CORDONED) {
                    Some(owner) => (owner, true),
                    None => (owner.as_str(), false),
                };
                let facts = PodFacts {
                    owner: Some(owner.to_owned()),
                    phase: PodPhase::Pending,
                    ready: false,
                    ..PodFacts::default()
                };
                let pod = Pod {
                    needs_cordoned,
                    ..pod(name, &facts, None)
                };
                self.unplaced.insert(name.clone(), pod);
            }
        }
        Ok(())
    }

    fn change_pod(&mut self, node: &str, name: &str, patch: &Value) -> Result<(), String> {
        let pods = self.pods.entry(node.to_owned()).or_default();
        let at = pods.iter().position(|(pod, _)| pod.name == name);
        let old = at.map(|at| pods.remove(at));
        if patch.is_null() {
            return Ok(());
        }
        let (deleting, facts) = old.map_or_else(<_>::default, |(pod, facts)| (pod.deleting, facts));
        let mut facts = json!(facts);
        merge(&mut facts, patch);
        let facts: PodFacts = read(name, facts)?;
        pods.push((pod(name, &facts, deleting), facts));
        pods.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(())
    }

    /// The UIDs of pods that are terminating.
    pub(super) fn terminating(&self) -> BTreeSet<String> {
        let pods = self.pods.values().flatten();
        let leaving = pods.filter(|(pod, _)| pod.deleting.is_some());
        leaving.map(|(pod, _)| pod.uid.clone()).collect()
    }

    /// Takes those of them away that nothing holds.
    pub(super) fn remove_terminated(&mut self, leaving: &BTreeSet<String>) {
        for pods in self.pods.values_mut() {
            pods.retain(|(pod, facts)| facts.stuck || !leaving.contains(&pod.uid));
        }
    }

    /// Evicts or deletes a pod, if the node is still the incident's.
    pub(super) fn send_away(&mut self, order: &PodOrder, is_eviction: bool) -> Result<(), String> {
        let PodOrder {
            node,
            remediation,
            pod: wanted,
            ..
        } = order;
        let live = self.snapshot.nodes.get(node);
        if !live.is_some_and(|it| it.unschedulable && it.cordoned_by() == Some(remediation)) {
            return Err(format!("{node} does not carry the cordon of {remediation}"));
        }
        self.hold_slot(node, remediation)?;
        let now = self.snapshot.now;
        let pods = self.pods.entry(node.clone()).or_default();
        let found = pods.iter_mut().find(|(pod, _)| pod.to_ref() == *wanted);
        let answer = match (found, self.forced.get(&wanted.name)) {
            (None, _) => answer(now, Said::Gone, "", None),
            (Some(_), Some(forced)) if is_said(forced.said, is_eviction) => {
                answer(now, forced.said, &forced.message, forced.budget.clone())
            }
            (Some((pod, _)), _) => {
                let answer = match is_eviction {
                    true => ask_budgets(&mut self.budgets, pod, now),
                    false => answer(now, Said::Accepted, "", None),
                };
                if answer.said == Said::Accepted {
                    let grace = order.grace.unwrap_or(pod.grace_seconds);
                    pod.deleting = Some(now + SignedDuration::from_secs(grace));
                }
                answer
            }
        };
        self.snapshot.evictions.insert(wanted.uid.clone(), answer);
        Ok(())
    }
}

/// Whether the API server would refuse a call so: a deletion knows no budget.
fn is_said(said: Said, is_eviction: bool) -> bool {
    let is_of_evictions = matches!(
        said,
        Said::Budget | Said::StaleBudget | Said::ManyBudgets | Said::NamespaceTerminating
    );
    said != Said::Accepted && (is_eviction || !is_of_evictions)
}

/// What the API server says of the eviction of `pod`.
fn ask_budgets(
    budgets: &mut BTreeMap<String, DisruptionBudget>,
    pod: &Pod,
    now: Timestamp,
) -> EvictionAnswer {
    if pod.is_finished() || pod.phase == PodPhase::Pending {
        return answer(now, Said::Accepted, "", None);
    }
    let selects = |budget: &&mut DisruptionBudget| {
        let labels = budget
            .selector
            .as_ref()
            .and_then(|it| it.match_labels.as_ref());
        budget.namespace == pod.namespace
            && labels.is_some_and(|labels| {
                let mut labels = labels.iter();
                labels.all(|(key, value)| pod.labels.get(key) == Some(value))
            })
    };
    let mut selecting: Vec<_> = budgets.values_mut().filter(selects).collect();
    match selecting.as_mut_slice() {
        [] => answer(now, Said::Accepted, "", None),
        [budget] if !pod.ready && budget.allows_unready => answer(now, Said::Accepted, "", None),
        [budget] if budget.allowed > 0 => {
            budget.allowed -= 1;
            answer(now, Said::Accepted, "", None)
        }
        [budget] => {
            let said = "Cannot evict pod as it would violate the pod's disruption budget.";
            answer(now, Said::Budget, said, Some(budget.name.clone()))
        }
        _ => {
            let said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            answer(now, Said::ManyBudgets, said, None)
        }
    }
}

fn answer(at: Timestamp, said: Said, message: &str, budget: Option<String>) -> EvictionAnswer {
    EvictionAnswer {
        at,
        said,
        message: message.to_owned(),
        budget,
        asked_again: None,
    }
}

fn budget(name: &str, facts: BudgetFacts) -> DisruptionBudget {
    DisruptionBudget {
        namespace: facts.namespace,
        name: name.to_owned(),
        selector: Some(LabelSelector {
            match_labels: Some(facts.labels),
            match_expressions: None,
        }),
        allowed: facts.allowed,
        allows_unready: facts.allows_unready,
    }
}

fn pod(name: &str, facts: &PodFacts, deleting: Option<Timestamp>) -> Pod {
    let stem = name.rsplit_once('-').map_or(name, |(stem, _)| stem);
    let owner = facts.owner.clone();
    let owner = owner.unwrap_or_else(|| format!("ReplicaSet/{stem}"));
    let owner = owner.split_once('/').map(|(kind, owner)| Owner {
        kind: kind.to_owned(),
        name: owner.to_owned(),
        uid: format!("uid-{owner}"),
    });
    let app = owner.as_ref().map_or(stem, |owner| owner.name.as_str());
    let mut labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
    labels.extend(facts.labels.clone());
    Pod {
        namespace: facts.namespace.clone(),
        name: name.to_owned(),
        uid: facts.uid.clone().unwrap_or_else(|| format!("uid-{name}")),
        labels,
        owner,
        phase: facts.phase,
        priority: facts.priority,
        ready: facts.ready,
        mirror: facts.mirror,
        empty_dir: facts.empty_dir,
        claims: facts.claims.clone(),
        tolerates_unschedulable: facts.tolerates_unschedulable,
        do_not_disrupt: facts.do_not_disrupt.clone(),
        finalizers: facts.finalizers.clone(),
        deleting,
        grace_seconds: facts.grace_seconds,
        needs_cordoned: false,
    }
}
