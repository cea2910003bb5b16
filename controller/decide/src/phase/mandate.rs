//! Whether anybody still wants an incident that waits.

use unstall_crds::policy::{Mode, Trigger};

use super::step::Step;

impl Step<'_, '_> {
    /// Why the policy does not stand behind the incident any more.
    pub(super) fn no_mandate(&self) -> Option<String> {
        let name = &self.policy;
        let Some(policy) = self.view.policy(name) else {
            return Some(match name.as_str() {
                "" => "the policy that it was adopted with is gone".to_owned(),
                name => format!("policy {name} is gone or does not enforce any more"),
            });
        };
        if !policy.covers(&self.node.name) {
            return Some(format!("policy {name} does not cover the node any more"));
        }
        let trigger = self.trigger?;
        if policy.policy.spec.mode != Mode::Enforce {
            return Some(format!(
                "policy {name} is gone or does not enforce any more"
            ));
        }
        // Judged as it is now: nothing would prove a cure of what it was.
        let now = policy.trigger(&trigger.name).map(|(_, trigger)| trigger);
        let is_same = now.is_some_and(|now| is_same(now, trigger));
        (!is_same).then(|| {
            format!(
                "trigger {} of policy {name} was changed or removed",
                trigger.name
            )
        })
    }
}

/// Whether both fire on the same.
fn is_same(one: &Trigger, other: &Trigger) -> bool {
    one.signal_hash() == other.signal_hash()
        && one.signal.is_some() == other.signal.is_some()
        && one.condition == other.condition
        && one.kernel == other.kernel
        && one.reboot_required == other.reboot_required
}
