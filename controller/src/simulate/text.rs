//! A plan for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use kube::ResourceExt;
use unstall_crds::remediation::NodeRemediationStatus;
use unstall_decide::{About, Action, Alerts, Event, Plan, Snapshot, View};

use super::{action, incident, policy};

/// The plan: what is done, what every policy says, how every incident goes and what
/// holds it up, what people are told.
#[must_use]
pub fn text(view: &View<'_>, plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, view, plan);
    text
}

fn write(out: &mut String, view: &View<'_>, plan: &Plan) -> fmt::Result {
    let snapshot = view.snapshot;
    writeln!(
        out,
        "At {}: {} nodes, {} policies, {} open incidents",
        snapshot.now,
        snapshot.nodes.len(),
        snapshot.policies.len(),
        view.open().count()
    )?;
    unknown(out, snapshot)?;
    match &snapshot.ledger {
        None => writeln!(out, "There is no DisruptionLedger: nothing new begins.")?,
        Some(ledger) => {
            if let Some(pause) = ledger
                .spec
                .pause
                .as_ref()
                .filter(|it| it.until.0 > snapshot.now)
            {
                writeln!(out, "Paused until {}: {}", pause.until.0, pause.reason)?;
            }
        }
    }
    writeln!(out, "\nDone now, in this order:")?;
    for (number, action) in plan.actions.iter().enumerate() {
        writeln!(out, "{:4}. {}", number + 1, action::sentence(view, action))?;
    }
    if plan.actions.is_empty() {
        writeln!(out, "   nothing")?;
    }
    for view in view.policies() {
        if let Some(status) = plan.policies.get(&view.name) {
            policy::write(out, view, status)?;
        }
    }
    let after = statuses(plan);
    for it in view.open() {
        let status = after.get(it.name_any().as_str()).copied();
        incident::write(out, it, status.or(it.status.as_ref()))?;
    }
    if !plan.events.is_empty() {
        writeln!(out, "\nEvents:")?;
    }
    for event in &plan.events {
        writeln!(out, "   {}", told(event))?;
    }
    if let Some(at) = plan.look_again {
        writeln!(out, "\nLooks again at {at}.")?;
    }
    Ok(())
}

/// What a file cannot say or does not, and what is taken for it.
fn unknown(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    writeln!(
        out,
        "The controller's options are not known: bounds are their defaults."
    )?;
    if matches!(snapshot.alerts, Alerts::Unknown { .. }) {
        writeln!(
            out,
            "Firing alerts are not known: what disruption.blockedBy.alerts may hold up waits."
        )?;
    }
    if snapshot.replicas.is_none() {
        writeln!(
            out,
            "Where the controller's replicas run is not known: no node is made unavailable."
        )?;
    }
    Ok(())
}

/// The statuses that the plan writes, by incident.
fn statuses(plan: &Plan) -> BTreeMap<&str, &NodeRemediationStatus> {
    let statuses = plan.actions.iter().filter_map(|action| match action {
        Action::SetStatus {
            remediation,
            status,
            ..
        } => Some((remediation.as_str(), status.as_ref())),
        _ => None,
    });
    statuses.collect()
}

fn told(event: &Event) -> String {
    let (kind, name) = match &event.about {
        About::Node { name, .. } => ("Node", name),
        About::Policy { name, .. } => ("NodeHealthPolicy", name),
    };
    let weight = if event.is_warning {
        "Warning"
    } else {
        "Normal"
    };
    format!("{weight} {} on {kind} {name}: {}", event.reason, event.note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::json;
    use crate::testing::cluster;
    use serde_json::Value;
    use unstall_decide::plan;

    /// Written anew with this variable.
    const UPDATE: &str = "UPDATE_SIMULATION";
    const EXPECTED: &str = include_str!("../../tests/data/cluster.txt");

    #[test]
    fn every_part_of_a_plan_is_told() {
        let snapshot = cluster();
        let view = View::new(&snapshot);
        let said = text(&view, &plan(&view));
        if std::env::var_os(UPDATE).is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cluster.txt");
            std::fs::write(file, &said).unwrap();
            return;
        }
        assert_eq!(said, EXPECTED, "run with {UPDATE}=1 and read the diff");
    }

    #[test]
    fn an_empty_cluster_has_a_plan_too() {
        let snapshot = Snapshot::default();
        let view = View::new(&snapshot);
        let said = text(&view, &plan(&view));
        assert_eq!(
            said,
            "At 1970-01-01T00:00:00Z: 0 nodes, 0 policies, 0 open incidents\n\
             The controller's options are not known: bounds are their defaults.\n\
             Where the controller's replicas run is not known: no node is made unavailable.\n\
             There is no DisruptionLedger: nothing new begins.\n\n\
             Done now, in this order:\n   nothing\n"
        );
    }

    #[test]
    fn what_a_file_does_not_say_is_told() {
        let mut snapshot = cluster();
        let said = |snapshot: &Snapshot| {
            let view = View::new(snapshot);
            text(&view, &plan(&view))
        };
        snapshot.replicas = Some(Vec::new());
        snapshot.alerts = Alerts::Firing(Vec::new());
        let known = said(&snapshot);
        assert!(!known.contains("replicas run is not known"), "{known}");
        assert!(!known.contains("alerts are not known"), "{known}");
        let why = "a snapshot does not ask Prometheus".to_owned();
        snapshot.alerts = Alerts::Unknown { why };
        let unknown = said(&snapshot);
        assert!(unknown.contains("Firing alerts are not known"), "{unknown}");
    }

    #[test]
    fn programs_get_the_same_actions() {
        let snapshot = cluster();
        let view = View::new(&snapshot);
        let plan = plan(&view);
        let told: Value = serde_json::from_str(&json(&plan).unwrap()).unwrap();
        let actions = told["actions"].as_array().unwrap();
        assert_eq!(actions.len(), plan.actions.len());
        let triggers = actions.iter().find_map(|it| it.get("SetTriggers")).unwrap();
        assert_eq!(triggers["node"], "n1");
        assert_eq!(triggers["reportInterval"], "5m");
        assert_eq!(told["policies"]["stalls"]["nodes"]["covered"], 3);
    }
}
