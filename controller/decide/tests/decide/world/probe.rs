//! What probes say, of the facts.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::{
    HealthTrigger, Kernel, NodeHealth, NodeHealthStatus, ProbeInfo, SignalState, SignalStatus,
    TriggerState, TriggerStatus,
};
use unstall_crds::signal::SignalName;
use unstall_crds::units::{Quantity, Reading};

use super::World;
use super::facts::{NodeFacts, ProbeKind};
use super::nodes::boot;
use super::patch::stored;

impl World {
    /// Lets every probe that reports do so.
    pub(super) fn report(&mut self) {
        let now = self.snapshot.now;
        for (name, facts) in &self.facts {
            let node = &self.snapshot.nodes[name];
            let health = self.snapshot.healths.get_mut(name).map(Arc::make_mut);
            // The API server lets a probe write only what belongs to its node.
            let own = health.filter(|health| health.spec.node_uid == node.uid);
            let Some(health) = own.filter(|_| facts.probe == ProbeKind::Reports) else {
                continue;
            };
            let mut status = says(name, facts, health, Time(now));
            status.command = self.answers.get(name).cloned();
            health.status = Some(stored(&status));
            self.snapshot.heard.insert(name.clone(), now);
        }
    }
}

fn says(name: &str, facts: &NodeFacts, health: &NodeHealth, now: Time) -> NodeHealthStatus {
    let triggers = &health.spec.triggers;
    let mut signals: Vec<SignalStatus> = Vec::new();
    for trigger in triggers {
        let own = measured(trigger.signal.name, Some(facts.value), &now);
        // What bears a trigger out is not looked into here.
        let others = trigger.corroborated_by.iter().map(|name| SignalStatus {
            state: SignalState::Warming,
            ..measured(*name, None, &now)
        });
        for signal in [own].into_iter().chain(others) {
            let name = signal.name;
            if name != SignalName::ZombieMemcgs && signals.iter().all(|s| s.name != name) {
                signals.push(signal);
            }
        }
    }
    let ago = SignedDuration::try_from(facts.counted_ago.get()).unwrap();
    let zombies = facts.zombies.map(|count| Reading(Quantity::Count(count)));
    signals.push(measured(
        SignalName::ZombieMemcgs,
        zombies,
        &Time(now.0 - ago),
    ));
    for (name, median) in &facts.medians {
        signals.retain(|signal| signal.name != *name);
        signals.push(SignalStatus {
            p50: Some(*median),
            ..measured(*name, Some(*median), &now)
        });
    }
    for signal in &mut signals {
        signal.message = facts.unreadable.get(&signal.name).cloned();
        if signal.message.is_some() {
            signal.state = SignalState::Unknown;
        }
    }
    NodeHealthStatus {
        boot_id: Some(boot(name, facts)),
        kernel: facts.kernel.clone().map(|running| Kernel {
            running,
            staged: facts.staged.clone(),
            reboot_required: facts.reboot_required,
        }),
        probe: Some(ProbeInfo {
            version: "test".to_owned(),
            cgroup_version: None,
            actuator: facts.actuator,
            actuator_message: facts.actuator_message.clone(),
            reboots: facts.actuator && facts.no_reboots.is_none(),
            reboots_message: facts.no_reboots.clone(),
        }),
        heartbeat: Some(now.clone()),
        verdict: facts.verdict,
        summary: facts.summary.clone(),
        triggers: triggers.iter().map(|t| judged(facts, t, &now)).collect(),
        signals,
        ..NodeHealthStatus::default()
    }
}

fn judged(facts: &NodeFacts, trigger: &HealthTrigger, now: &Time) -> TriggerStatus {
    let state = facts.states.get(&trigger.name).copied();
    let state = state.unwrap_or(facts.state);
    TriggerStatus {
        policy: trigger.policy.clone(),
        name: trigger.name.clone(),
        signal_hash: trigger.signal_hash.clone(),
        state,
        since: now.clone(),
        value: (state != TriggerState::Unknown && !facts.restarted).then_some(facts.value),
        value_since_command: facts.since_command,
        message: None,
    }
}

fn measured(name: SignalName, last: Option<Reading>, at: &Time) -> SignalStatus {
    let state = if last.is_some() {
        SignalState::Known
    } else {
        SignalState::Unknown
    };
    SignalStatus {
        name,
        state,
        last,
        min: None,
        p50: None,
        p90: None,
        max: None,
        samples: 0,
        sampled_at: last.is_some().then(|| at.clone()),
        message: None,
    }
}
