//! How much at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlockedBy, Windows};
use crate::schema::{duration_between, map_by, rule};
use crate::units::{GoDuration, IntOrPercent, Percent};

/// How many nodes may be disrupted at once, and when. Every policy that covers a
/// node limits it, whichever policy supplies the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Disruption {
    /// How many nodes may be unavailable at once: not Ready, unschedulable
    /// whoever cordoned them, or in one of our remedies. A new remedy begins only
    /// when the node would not be one too many. A number from 1 or a percentage
    /// of the covered nodes, which rounds down, but to at least 1. Default 1.
    #[schemars(transform = IntOrPercent::bounds("disruption.maxUnavailable"))]
    pub max_unavailable: IntOrPercent,

    /// How many nodes may be cured in place at once, by remedies that take no
    /// node away (dropCaches). A number from 1 or a percentage, as above. Default
    /// 10%.
    #[schemars(transform = IntOrPercent::bounds("disruption.maxInPlace"))]
    pub max_in_place: IntOrPercent,

    /// Further limits for each zone, pool or other group of nodes. At most 8.
    #[schemars(length(max = 8), transform = map_by(&["key"]))]
    pub per_topology: Vec<TopologyBudget>,

    /// The breaker: nothing new begins while more nodes are unhealthy than this
    /// share of the covered nodes, rounded up, and more than one. Unhealthy means
    /// that a signal or condition trigger fires, that the node is not Ready, or
    /// that its probe is silent; roll-outs never count. 1% to 100%, default 20%;
    /// 100% switches the breaker off.
    #[schemars(transform = rule(
        "self.matches('^([1-9][0-9]?|100)%$')",
        "disruption.stopWhenUnhealthy: write a percentage from 1% to 100%, such as 20%",
    ))]
    pub stop_when_unhealthy: Percent,

    /// When disruptions may begin. Work in flight goes on when a window closes.
    /// Default always.
    pub windows: Windows,

    /// What forbids a new disruption while it lasts; work in flight goes on.
    /// Default nothing.
    pub blocked_by: BlockedBy,

    /// How long to wait between the end of one disruption and the begin of the
    /// next one. 0s to 24h, default 5m.
    #[schemars(transform = duration_between("disruption.pauseBetween", "0s", "24h", "5m"))]
    pub pause_between: GoDuration,

    /// How long to leave a node alone after an incident. 0s to 168h, default 1h.
    #[schemars(transform = duration_between("disruption.cooldownPerNode", "0s", "168h", "1h"))]
    pub cooldown_per_node: GoDuration,

    /// How often one node may be rebooted within 24 hours, across incidents and
    /// policies. 1 to 24, default 2.
    #[serde(rename = "maxRebootsPerNodePer24h")]
    #[schemars(range(min = 1, max = 24))]
    pub max_reboots_per_node_per_24h: u8,
}

/// A limit for each group of nodes with the same value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologyBudget {
    /// The label of the Node that tells the groups apart, such as
    /// topology.kubernetes.io/zone. Nodes without it are one group.
    #[schemars(
        length(min = 1, max = 317),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub key: String,

    /// How many nodes of one group may be unavailable at once: a number from 1
    /// or a percentage of the group's covered nodes, which rounds down, but to at
    /// least 1.
    #[schemars(transform = IntOrPercent::bounds("disruption.perTopology.maxUnavailable"))]
    pub max_unavailable: IntOrPercent,
}

impl Default for Disruption {
    fn default() -> Self {
        Self {
            max_unavailable: IntOrPercent::Nodes(1),
            max_in_place: IntOrPercent::Share(Percent::TEN),
            per_topology: Vec::new(),
            stop_when_unhealthy: Percent::TWENTY,
            windows: Windows::default(),
            blocked_by: BlockedBy::default(),
            pause_between: GoDuration::from_secs(300),
            cooldown_per_node: GoDuration::from_secs(3600),
            max_reboots_per_node_per_24h: 2,
        }
    }
}
