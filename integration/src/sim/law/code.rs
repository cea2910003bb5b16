//! The laws, and when they are asked.

use std::time::Duration;

use serde_json::Value;
use unstall_crds::command::CommandPayload;

use super::past::Past;
use super::{
    inv_01_budget, inv_02_topology, inv_03_once, inv_04_boot, inv_05_expiry, inv_06_epoch,
    inv_07_drained, inv_08_emptied, inv_09_uid, inv_10_budgets_of_pods, inv_11_own_cordon,
    inv_12_proven, inv_13_breaker, inv_14_selected, inv_15_stopped, inv_16_caps, inv_17_recreated,
    inv_18_owners, inv_19_rollout, inv_20_in_place, inv_21_replica, inv_22_end, inv_23_forged,
    inv_24_reasons, inv_25_held_up, inv_26_measured, inv_27_few_orders, inv_28_well,
};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::Call;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// What was broken, when, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub at: Duration,
    pub rule: String,
    pub text: String,
}

/// The laws, and what they remember.
#[derive(Debug, Default)]
pub struct Law {
    broken: Option<Broken>,
    pub past: Past,
    /// The kernel that nodes boot.
    pub kernel: String,
    /// A kernel with which the network stalls.
    pub worse: Option<String>,
}

/// What a law says.
pub type Verdict = Result<(), String>;

type OfWrite = (&'static str, fn(&World, &Past, &Actor, &Commit) -> Verdict);
type OfAsk = (&'static str, fn(&World, &Past, usize, &Call) -> Verdict);
type OfCall = (&'static str, fn(&World, &Past, &Call, &Value) -> Verdict);
type OfDeed = (
    &'static str,
    fn(&World, &Past, &str, &CommandPayload) -> Verdict,
);
type OfTime = (&'static str, fn(&World, &Past) -> Verdict);

/// Of what processes ask for, when they do.
const OF_ASKS: &[OfAsk] = &[
    ("06 epoch", inv_06_epoch::of_ask),
    ("11 only from our own cordon", inv_11_own_cordon::of_ask),
];

/// Of what processes ask for, when it arrives.
const OF_CALLS: &[OfCall] = &[
    ("09 an eviction names a UID", inv_09_uid::holds),
    (
        "10 budgets are never bypassed",
        inv_10_budgets_of_pods::holds,
    ),
    ("18 owners", inv_18_owners::of_call),
    ("25 held up", inv_25_held_up::of_call),
];

/// Of what was written.
const OF_WRITES: &[OfWrite] = &[
    ("01 budget", inv_01_budget::holds),
    ("02 topology", inv_02_topology::holds),
    ("08 drained means empty", inv_08_emptied::holds),
    ("11 only our own cordon", inv_11_own_cordon::holds),
    ("12 uncordoned after proof", inv_12_proven::holds),
    ("13 breaker", inv_13_breaker::holds),
    ("14 selected", inv_14_selected::holds),
    ("15 stopped", inv_15_stopped::holds),
    ("18 owners", inv_18_owners::holds),
    ("19 roll-out", inv_19_rollout::holds),
    ("20 in place", inv_20_in_place::of_write),
    ("21 own replica", inv_21_replica::holds),
    ("25 held up", inv_25_held_up::of_write),
    ("16 cool-down", inv_16_caps::cools_down),
    ("27 few orders", inv_27_few_orders::holds),
    ("28 truly well", inv_28_well::holds),
];

/// Of what nodes did.
const OF_DEEDS: &[OfDeed] = &[
    // What is forged, or another node's, breaks other laws, too: these first.
    ("23 forged", inv_23_forged::holds),
    ("17 made again", inv_17_recreated::holds),
    ("03 once", inv_03_once::holds),
    ("04 boot", inv_04_boot::holds),
    ("05 expiry", inv_05_expiry::holds),
    ("06 epoch", inv_06_epoch::holds),
    ("07 after the drain", inv_07_drained::holds),
    ("16 caps", inv_16_caps::holds),
    ("16 caps", inv_16_caps::is_kept),
    ("16 caps", inv_16_caps::is_unused),
    ("18 owners", inv_18_owners::of_deed),
    ("20 in place", inv_20_in_place::holds),
    ("21 own replica", inv_21_replica::of_deed),
    ("25 held up", inv_25_held_up::of_deed),
    ("26 measured", inv_26_measured::holds),
];

/// Of what should have come of it by now.
const OF_TIME: &[OfTime] = &[
    ("22 everything ends", inv_22_end::in_time),
    ("24 reasons", inv_24_reasons::holds),
];

/// Of the end.
const OF_THE_END: &[OfTime] = &[("22 everything ends", inv_22_end::at_the_end)];

impl Law {
    /// Of a world whose nodes boot this kernel.
    pub fn of(kernel: &str) -> Self {
        Self {
            kernel: kernel.to_owned(),
            ..Self::default()
        }
    }

    /// The median of `NetworkStall` with this kernel, in milliseconds.
    pub fn network_stall(&self, kernel: &str) -> u64 {
        let is_worse = self.worse.as_deref() == Some(kernel);
        if is_worse { 60 } else { 2 }
    }

    pub const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub const fn verdict(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Says that something is broken; the first is what counts.
    pub fn broken(&mut self, at: Duration, rule: &str, text: &str) {
        self.broken.get_or_insert_with(|| Broken {
            at,
            rule: rule.to_owned(),
            text: text.to_owned(),
        });
    }

    /// The number of the boot that a machine of this name runs when it joins again.
    pub fn next_boot(&mut self, name: &str) -> u32 {
        self.past.next_boot(name)
    }

    fn take(&mut self, at: Duration, verdicts: impl Iterator<Item = (&'static str, Verdict)>) {
        for (rule, verdict) in verdicts {
            if let Err(text) = verdict {
                self.broken(at, rule, &text);
            }
        }
    }
}

impl World {
    /// When a process asks for something.
    pub fn law_asked(&mut self, process: usize, call: &Call) {
        let mut law = std::mem::take(&mut self.law);
        law.past.asked(self, process, call);
        let verdicts = OF_ASKS
            .iter()
            .map(|(rule, holds)| (*rule, holds(self, &law.past, process, call)));
        let verdicts: Vec<_> = verdicts.collect();
        law.take(self.now, verdicts.into_iter());
        self.law = law;
    }

    /// Before a process's write is done.
    pub fn law_before(&mut self, actor: &Actor, call: &Call, body: &Value) {
        if !matches!(actor, Actor::Process(_)) {
            return;
        }
        let mut law = std::mem::take(&mut self.law);
        let verdicts = OF_CALLS
            .iter()
            .map(|(rule, holds)| (*rule, holds(self, &law.past, call, body)));
        let verdicts: Vec<_> = verdicts.collect();
        law.take(self.now, verdicts.into_iter());
        self.law = law;
    }

    /// After a write.
    pub fn law_after(&mut self, actor: Actor, commit: &Commit) {
        let mut law = std::mem::take(&mut self.law);
        let is_checked = matches!(
            commit.kind,
            Kind::Ledger | Kind::Node | Kind::Remediation | Kind::Health
        );
        if is_checked && matches!(actor, Actor::Process(_)) {
            let verdicts = OF_WRITES
                .iter()
                .map(|(rule, holds)| (*rule, holds(self, &law.past, &actor, commit)));
            let verdicts: Vec<_> = verdicts.collect();
            law.take(self.now, verdicts.into_iter());
        }
        law.past.written(self, &actor, commit);
        self.law = law;
    }

    /// A node is about to do what it was ordered to.
    pub fn law_deed(&mut self, name: &str, payload: &CommandPayload) {
        let mut law = std::mem::take(&mut self.law);
        let verdicts = OF_DEEDS
            .iter()
            .map(|(rule, holds)| (*rule, holds(self, &law.past, name, payload)));
        let verdicts: Vec<_> = verdicts.collect();
        law.take(self.now, verdicts.into_iter());
        law.past.done(self, name, payload);
        self.law = law;
    }

    /// From time to time.
    pub fn law_now(&mut self) {
        self.of_time(OF_TIME);
    }

    /// After everything.
    pub fn law_end(&mut self) {
        self.of_time(OF_TIME);
        self.of_time(OF_THE_END);
    }

    fn of_time(&mut self, laws: &[OfTime]) {
        let mut law = std::mem::take(&mut self.law);
        let verdicts = laws
            .iter()
            .map(|(rule, holds)| (*rule, holds(self, &law.past)));
        let verdicts: Vec<_> = verdicts.collect();
        law.take(self.now, verdicts.into_iter());
        law.past.untold = inv_24_reasons::untold(self, &law.past);
        self.law = law;
    }
}
