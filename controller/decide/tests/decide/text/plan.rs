//! A plan: its actions in their order, then what people are told, then the
//! policies.

use kube::ResourceExt;
use unstall_decide::{About, Event, Plan, Snapshot};

use super::delta::delta;
use super::{action, policy};

/// `plan`, which was made of `snapshot`.
pub fn plan(snapshot: &Snapshot, plan: &Plan) -> String {
    let mut lines = Vec::new();
    for action in &plan.actions {
        let (first, rest) = action::lines(snapshot, action);
        lines.push(format!("  {first}"));
        lines.extend(rest.into_iter().map(|line| format!("    {line}")));
    }
    let events = plan.events.iter().map(|event| format!("  {}", told(event)));
    lines.extend(events);
    for (name, status) in &plan.policies {
        let mut policies = snapshot.policies.iter();
        let seen = policies.find(|policy| policy.name_any() == *name).unwrap();
        let old = seen.status.as_ref().map_or_else(Vec::new, policy::lines);
        let changed = delta(&old, &policy::lines(status));
        if !changed.is_empty() {
            lines.push(format!("  policy {name}"));
            lines.extend(changed.into_iter().map(|line| format!("    {line}")));
        }
    }
    if lines.is_empty() {
        lines.push("  nothing".to_owned());
    }
    without_release(&(lines.join("\n") + "\n"))
}

/// The release of the time zone database changes with every update of it.
fn without_release(text: &str) -> String {
    const BEFORE: &str = "(this controller has its release ";
    let mut parts = text.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once(')').map_or("", |(_, rest)| rest);
        text + BEFORE + "...)" + rest
    })
}

fn told(event: &Event) -> String {
    let about = match &event.about {
        About::Node { name, uid, .. } if uid.is_empty() => format!("node {name}, which is gone"),
        About::Node { name, .. } => format!("node {name}"),
        About::Policy { name, .. } => format!("policy {name}"),
    };
    let kind = if event.is_warning { "warning" } else { "event" };
    format!(
        "{kind} {} of {about} ({}): {}",
        event.reason, event.action, event.note
    )
}
