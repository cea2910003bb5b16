//! What one signal measured last.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::SignalName;
use crate::string_enum::string_enum;
use crate::units::Reading;

/// What one signal measured last, in the signal's unit. A number that is not
/// known is absent, never zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalStatus {
    /// The signal.
    pub name: SignalName,
    /// Whether it can be read.
    pub state: SignalState,
    /// The latest trusted sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Reading>,
    /// The smallest of the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Reading>,
    /// The median of the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Reading>,
    /// The value that 9 of 10 samples do not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Reading>,
    /// The largest of the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Reading>,
    /// Of how many trusted samples these are the statistics.
    #[serde(default)]
    pub samples: u32,
    /// When the latest trusted sample was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_at: Option<Time>,
    /// Why the signal cannot be read, or why samples were discarded. At most 256
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

string_enum! {
    /// Whether a signal can be read.
    pub enum SignalState {
        /// It is read.
        Known,
        /// Not enough trusted samples were taken yet.
        Warming,
        /// It cannot be read on this kernel or host.
        Unknown,
    }
}
