//! How a roll-out goes through the fleet, and what a cured node must show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{duration_between, rule_at, set};
use crate::selector::LabelSelector;
use crate::signal::SignalName;
use crate::string_enum::string_enum;
use crate::units::GoDuration;

/// How the triggers `kernel` and `rebootRequired` go through the fleet: canaries
/// first, then the rest within spec.disruption. The first node that fails halts
/// the roll-out until a human resumes it in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// How many nodes go first, one after the other. 0 to 100, default 1; 0 goes
    /// on with all at once, within the budget.
    #[schemars(range(min = 0, max = 100))]
    pub canaries: u8,

    /// Which of the covered nodes may be canaries. Empty, the default: any.
    pub canary_selector: LabelSelector,

    /// How long the last canary must be well before the rest follows. 0s to
    /// 168h, default 30m.
    #[schemars(transform = duration_between("rollout.bake", "0s", "168h", "30m"))]
    pub bake: GoDuration,

    /// Halts the roll-out when nodes measure worse after it than before.
    pub halt_on_worse: HaltOnWorse,
}

/// Compares the signals of rolled-out nodes with those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HaltOnWorse {
    /// The signals that are compared, by their P50. Empty, the default: none. At
    /// most 11.
    #[schemars(length(max = 11), transform = set)]
    pub signals: Vec<SignalName>,

    /// By how much, in percent of the value before, a signal may be worse. 0 to
    /// 1000, default 20. A signal below its built-in elevated level is never
    /// worse: a tenth more of nothing is noise.
    #[schemars(range(min = 0, max = 1000))]
    pub tolerance_percent: u16,
}

/// What a node must show after its reboot before it is uncordoned: Ready,
/// displaced pods placed, signals good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = rule_at(
    ".for",
    "!has(self.__for__) || !has(self.timeout) || !self.__for__.matches('{duration}') \
     || !self.timeout.matches('{duration}') || duration(self.__for__) <= duration(self.timeout)",
    "soak.for: write no more than soak.timeout, which is 30m unless it is given",
))]
pub struct Soak {
    /// For how long all of it must hold, without a break. 0s to 24h, default 5m.
    #[schemars(transform = duration_between("soak.for", "0s", "24h", "5m"))]
    pub r#for: GoDuration,

    /// How long to wait for that before the incident counts as failed. 1m to
    /// 48h, default 30m.
    #[schemars(transform = duration_between("soak.timeout", "1m", "48h", "30m"))]
    pub timeout: GoDuration,
}

string_enum! {
    /// What becomes of a node whose remedy failed.
    pub enum AfterFailure = KeepCordoned {
        /// It stays cordoned, keeps its place in the budget, and waits for a human.
        KeepCordoned,
        /// It is uncordoned once it is Ready and no shutdown that it accepted may still
        /// take it down, although nothing is proven.
        Uncordon,
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            canaries: 1,
            canary_selector: LabelSelector::default(),
            bake: GoDuration::from_secs(1800),
            halt_on_worse: HaltOnWorse::default(),
        }
    }
}

impl Default for HaltOnWorse {
    fn default() -> Self {
        Self {
            signals: Vec::new(),
            tolerance_percent: 20,
        }
    }
}

impl Default for Soak {
    fn default() -> Self {
        Self {
            r#for: GoDuration::from_secs(300),
            timeout: GoDuration::from_secs(1800),
        }
    }
}
