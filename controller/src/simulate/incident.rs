//! How one incident goes.

use std::fmt::{self, Write as _};

use kube::ResourceExt;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};

/// Its state after this plan, and what holds it up.
pub fn write(
    out: &mut String,
    incident: &NodeRemediation,
    status: Option<&NodeRemediationStatus>,
) -> fmt::Result {
    let spec = &incident.spec;
    let cause = match (&spec.trigger, &spec.policy_name) {
        (Some(trigger), Some(policy)) => format!("trigger {trigger} of policy {policy}"),
        _ => format!(
            "by hand: {}",
            spec.reason.as_deref().unwrap_or("no reason given")
        ),
    };
    writeln!(
        out,
        "\nIncident {} on {} ({cause})",
        incident.name_any(),
        spec.node_name
    )?;
    let Some(status) = status else {
        return writeln!(out, "   not looked at yet");
    };
    write!(out, "   {}", status.phase)?;
    if let Some(since) = &status.phase_since {
        write!(out, " since {}", since.0)?;
    }
    if let Some(until) = &status.phase_deadline {
        write!(out, ", until {} at most", until.0)?;
    }
    if let Some(outcome) = status.outcome {
        write!(out, ", {outcome}")?;
    }
    writeln!(out, ": {}", status.message.as_deref().unwrap_or("-"))?;
    for blocker in &status.blockers {
        let on = blocker.object.as_ref().map(|it| format!(" ({it})"));
        let on = on.unwrap_or_default();
        writeln!(out, "   waits, {}{on}: {}", blocker.reason, blocker.message)?;
    }
    for rung in &status.rungs {
        let result = rung.result.map_or("at work", |it| it.as_str());
        writeln!(out, "   rung {} ({}): {result}", rung.remedy, rung.action)?;
    }
    if let Some(drain) = &status.drain {
        writeln!(
            out,
            "   drain: {} of {} pods gone, {} terminating, {} skipped",
            drain.gone, drain.total, drain.terminating, drain.skipped
        )?;
        for pod in &drain.left {
            let why = pod.message.as_deref().unwrap_or("its turn has not come");
            writeln!(out, "   left {}/{}: {why}", pod.namespace, pod.name)?;
        }
    }
    Ok(())
}
