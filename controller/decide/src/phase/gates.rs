//! Gates that others open.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{Gate, GateTimeoutAction};
use unstall_crds::remediation::{GatePoint, GateWait, Outcome, RungResult};

use super::step::Step;
use crate::judge::{add, signed};
use crate::no::No;

impl Step<'_, '_> {
    /// Passes the gates of `point`: what the record has to say of those that are
    /// passed without being open, after a semicolon. None while one is waited for,
    /// or when the incident is given up because of one. All of a point are waited
    /// for from the same moment on.
    pub(super) fn pass_gates(&mut self, point: GatePoint) -> Option<String> {
        let policy = self.remediation.spec.policy.as_ref()?;
        let gates = match point {
            GatePoint::BeforeDrain => &policy.gates.before_drain,
            GatePoint::BeforeReboot => &policy.gates.before_reboot,
            GatePoint::BeforeUncordon => &policy.gates.before_uncordon,
        };
        let now = self.now();
        let waited = self.status.gate.as_ref().filter(|it| it.point == point);
        let since = waited.map_or(now, |it| it.since.0);
        let until = |gate: &Gate| add(since, signed(gate.timeout.get()));
        let closed: Vec<&Gate> = gates.iter().filter(|gate| !self.is_open(gate)).collect();
        let is_over = |gate: &&&Gate| now > until(gate);
        let must = |gate: &&&Gate| gate.on_timeout == GateTimeoutAction::Abort;
        if let Some(gate) = closed.iter().filter(is_over).find(must) {
            let text = format!("gate {} was not opened in time", gate.name);
            match point {
                GatePoint::BeforeUncordon => {
                    self.failed(RungResult::Failed, Outcome::Failed, &text);
                }
                GatePoint::BeforeDrain | GatePoint::BeforeReboot => {
                    self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
                }
            }
            return None;
        }
        let waiting = closed.iter().filter(|gate| now <= until(gate));
        let reasons: Vec<No> = waiting
            .clone()
            .map(|gate| {
                let text = format!(
                    "gate {} is closed until {}; waited for until {:.0}, then {}",
                    gate.name,
                    self.what_opens(gate),
                    until(gate),
                    gate.on_timeout
                );
                let object = format!("Node/{}", self.node.name);
                No::new(BlockedReason::GateClosed, text).on(object)
            })
            .collect();
        let last = waiting.clone().map(|gate| until(gate)).max();
        let first = waiting.map(|gate| gate.name.clone()).next();
        let Some(name) = first else {
            self.status.gate = None;
            let passed = closed.iter().map(|gate| {
                let name = &gate.name;
                format!("; gate {name} was not opened in time and is passed (onTimeout: Proceed)")
            });
            return Some(passed.collect());
        };
        // The phase lasts as long as others hold it up.
        if let (Some(deadline), Some(last)) = (&mut self.status.phase_deadline, last) {
            deadline.0 = deadline.0.max(last);
        }
        self.status.gate = Some(GateWait {
            point,
            name,
            since: Time(since),
        });
        self.block(reasons);
        None
    }

    fn is_open(&self, gate: &Gate) -> bool {
        if let Some(wanted) = &gate.condition {
            let condition = self.node.condition(&wanted.type_);
            return condition.is_some_and(|it| it.status == wanted.status.as_str());
        }
        let Some(wanted) = &gate.annotation else {
            // Neither: the schema refuses it, and nobody could open it.
            return false;
        };
        let value = wanted.value.as_ref().unwrap_or(&self.name);
        self.node.annotations.get(&wanted.key) == Some(value)
    }

    fn what_opens(&self, gate: &Gate) -> String {
        if let Some(wanted) = &gate.condition {
            return format!("the Node has condition {}={}", wanted.type_, wanted.status);
        }
        let Some(wanted) = &gate.annotation else {
            return "the policy says what opens it".to_owned();
        };
        let value = wanted.value.as_ref().unwrap_or(&self.name);
        format!("the Node has annotation {}={value}", wanted.key)
    }
}
