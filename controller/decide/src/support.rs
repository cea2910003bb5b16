//! What this controller carries out, and what it says of the rest: a policy
//! that asks for more is not acted on at all, for half of it may be unsafe.

use unstall_crds::policy::{Approval, NodeHealthPolicySpec, RemedyKind, WindowedAction};

/// The first field of `spec` that this controller does not carry out, as a
/// sentence.
#[must_use]
pub fn unsupported(spec: &NodeHealthPolicySpec) -> Option<String> {
    for trigger in &spec.triggers {
        let fields = [
            ("condition", trigger.condition.is_some()),
            ("kernel", trigger.kernel.is_some()),
            ("rebootRequired", trigger.reboot_required.is_some()),
        ];
        if let Some((field, _)) = fields.into_iter().find(|(_, used)| *used) {
            return Some(sentence(&format!(
                "spec.triggers[{}].{field}",
                trigger.name
            )));
        }
    }
    for remedy in &spec.remedies {
        if remedy.kind() != Some(RemedyKind::DropCaches) {
            let kind = remedy
                .kind()
                .map_or("of an unknown kind", RemedyKind::as_str);
            return Some(sentence(&format!(
                "spec.remedies[{}], a {kind},",
                remedy.name
            )));
        }
        if remedy.approval != Approval::Auto {
            return Some(sentence(&format!(
                "spec.remedies[{}].approval",
                remedy.name
            )));
        }
    }
    let windows = &spec.disruption.windows;
    let has_times = !windows.allow.is_empty() || !windows.exclude.is_empty();
    if has_times && windows.applies_to.contains(&WindowedAction::DropCaches) {
        return Some(sentence("spec.disruption.windows for DropCaches"));
    }
    let blocked_by = &spec.disruption.blocked_by;
    (*blocked_by != Default::default()).then(|| sentence("spec.disruption.blockedBy"))
}

fn sentence(what: &str) -> String {
    format!(
        "{what} is not carried out by this version, so nothing of this policy is: remove it, or keep the policy for a \
         version that does"
    )
}
