//! The metrics' names, units and help texts.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use unstall_crds::policy::RemedyKind;
use unstall_crds::remediation::Outcome;

use super::calls::Calls;
use super::labels::{
    Alone, Build, NO_REMEDY, OfAction, OfBudget, OfEnd, OfKind, OfPhase, OfPolicy, OfReason,
    OfResult, OfRollout, OfSlot, OfStage, OfState, OfTrigger, OfVerdict,
};

/// The released version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, where the build said so in `UNSTALL_COMMIT`.
const COMMIT: &str = match option_env!("UNSTALL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// A gauge of whole things.
pub type Count = Gauge;
/// A gauge that is absent while its value is not known.
pub type Known = Family<Alone, Gauge>;
/// A gauge of whole things, of 64 bits without a sign.
pub type Epoch = Family<Alone, Gauge<u64, AtomicU64>>;

/// All of them.
#[derive(Debug)]
pub struct Families {
    pub leader: Count,
    pub epoch: Epoch,
    pub passes: Family<OfResult, Counter>,
    pub pass: Histogram,
    pub plan: Histogram,
    pub actions: Family<OfAction, Counter>,
    pub events: Family<OfResult, Counter>,
    pub watch_restarts: Family<OfKind, Counter>,
    pub opened: Family<OfTrigger, Counter>,
    pub ended: Family<OfEnd, Counter>,
    pub incidents: Family<OfPhase, Count>,
    pub policy_ready: Family<OfPolicy, Count>,
    pub nodes: Family<OfState, Count>,
    pub blocked: Family<OfReason, Count>,
    pub verdicts: Family<OfVerdict, Count>,
    pub held: Known,
    pub breaker_open: Family<OfPolicy, Count>,
    pub unhealthy: Family<OfPolicy, Count>,
    pub unhealthy_limit: Family<OfPolicy, Count>,
    pub slots: Family<OfSlot, Count>,
    pub budget: Family<OfBudget, Count>,
    pub budget_used: Family<OfBudget, Count>,
    pub rollout: Family<OfRollout, Count>,
    pub stage: Family<OfStage, Count>,
    pub paused: Known,
    pub storm_allowed: Known,
}

impl Families {
    /// All of them, known to `registry`.
    pub fn registered(registry: &mut Registry, calls: &Calls) -> Self {
        let families = Self {
            leader: Count::default(),
            epoch: Epoch::default(),
            passes: Family::default(),
            // From 1 ms to 65 s, and from 100 us to 1.6 s.
            pass: Histogram::new(exponential_buckets(1e-3, 2.0, 17)),
            plan: Histogram::new(exponential_buckets(1e-4, 2.0, 15)),
            actions: Family::default(),
            events: Family::default(),
            watch_restarts: Family::default(),
            opened: Family::default(),
            ended: Family::default(),
            incidents: Family::default(),
            policy_ready: Family::default(),
            nodes: Family::default(),
            blocked: Family::default(),
            verdicts: Family::default(),
            held: Known::default(),
            breaker_open: Family::default(),
            unhealthy: Family::default(),
            unhealthy_limit: Family::default(),
            slots: Family::default(),
            budget: Family::default(),
            budget_used: Family::default(),
            rollout: Family::default(),
            stage: Family::default(),
            paused: Known::default(),
            storm_allowed: Known::default(),
        };
        families.begin_at_zero();
        families.register_program(registry, calls);
        families.register_done(registry);
        families.register_fleet(registry);
        families.register_limits(registry);
        families
    }

    /// Every end that there may be, at zero: a series that begins with the first one shows no
    /// increase to who asks for failures.
    fn begin_at_zero(&self) {
        let remedies = RemedyKind::ALL.iter().map(|it| it.as_str());
        for remedy in remedies.chain([NO_REMEDY]) {
            for outcome in Outcome::ALL.iter().map(|it| it.as_str()) {
                drop(self.ended.get_or_create(&OfEnd { outcome, remedy }));
            }
        }
    }

    fn register_program(&self, registry: &mut Registry, calls: &Calls) {
        let build = Build {
            version: VERSION,
            commit: COMMIT,
        };
        let of = registry.sub_registry_with_prefix("unstall_controller");
        of.register("build", "The build of this controller", Info::new(build));
        of.register("leader", "Whether this replica leads", self.leader.clone());
        of.register(
            "epoch",
            "The number of this leadership; absent on a standby",
            self.epoch.clone(),
        );
        of.register(
            "passes",
            "Turns of the loop: observe, decide, act",
            self.passes.clone(),
        );
        of.register(
            "watch_restarts",
            "Watches that ended and were begun anew",
            self.watch_restarts.clone(),
        );
        of.register(
            "api_calls",
            "Calls to the API server by their answer",
            calls.count.clone(),
        );
        of.register_with_unit(
            "pass",
            "How long a turn of the loop took",
            Unit::Seconds,
            self.pass.clone(),
        );
        of.register_with_unit(
            "plan",
            "How long deciding took, of that",
            Unit::Seconds,
            self.plan.clone(),
        );
        of.register_with_unit(
            "api_call",
            "How long the API server took to begin its answer, watches left out",
            Unit::Seconds,
            calls.seconds.clone(),
        );
    }

    fn register_done(&self, registry: &mut Registry) {
        let of = registry.sub_registry_with_prefix("unstall_controller");
        of.register(
            "actions",
            "Writes of plans, and whether they were done",
            self.actions.clone(),
        );
        of.register(
            "events",
            "Events for people, and whether they were written",
            self.events.clone(),
        );
        let of = registry.sub_registry_with_prefix("unstall");
        of.register(
            "incidents_opened",
            "Incidents that a trigger opened",
            self.opened.clone(),
        );
        of.register(
            "incidents_ended",
            "Incidents that ended, by how and by what was done last",
            self.ended.clone(),
        );
        of.register(
            "incidents",
            "Incidents that have not ended",
            self.incidents.clone(),
        );
    }

    fn register_fleet(&self, registry: &mut Registry) {
        let of = registry.sub_registry_with_prefix("unstall");
        of.register(
            "policy_ready",
            "Whether the policy is valid and carried out",
            self.policy_ready.clone(),
        );
        of.register(
            "nodes",
            "Nodes that the policy covers, by state",
            self.nodes.clone(),
        );
        of.register(
            "nodes_blocked",
            "Sick or due nodes to which nothing is done, by why",
            self.blocked.clone(),
        );
        of.register(
            "nodes_verdict",
            "Nodes by what their probes say; Unknown where a probe is silent",
            self.verdicts.clone(),
        );
        of.register(
            "nodes_held",
            "Nodes that stay cordoned by us until a human looks after them",
            self.held.clone(),
        );
        of.register(
            "rollout_nodes",
            "Nodes of a roll-out, by state",
            self.rollout.clone(),
        );
        of.register(
            "rollout_stage",
            "Where a roll-out stands: 1 for the stage that holds",
            self.stage.clone(),
        );
    }

    fn register_limits(&self, registry: &mut Registry) {
        let of = registry.sub_registry_with_prefix("unstall");
        of.register(
            "breaker_open",
            "Whether so many nodes look sick that nothing begins",
            self.breaker_open.clone(),
        );
        of.register(
            "breaker_unhealthy_nodes",
            "Nodes that count for the breaker",
            self.unhealthy.clone(),
        );
        of.register(
            "breaker_limit_nodes",
            "How many of them leave it closed",
            self.unhealthy_limit.clone(),
        );
        of.register(
            "budget_max_nodes",
            "How many nodes a budget allows at once",
            self.budget.clone(),
        );
        of.register(
            "budget_used_nodes",
            "How many use it",
            self.budget_used.clone(),
        );
        of.register("slots", "Slots of the ledger in use", self.slots.clone());
        of.register(
            "paused",
            "Whether a human paused everything",
            self.paused.clone(),
        );
        of.register(
            "storm_allowed",
            "Whether a human told the breakers to be ignored",
            self.storm_allowed.clone(),
        );
    }
}
