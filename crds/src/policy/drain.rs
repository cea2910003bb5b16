//! How a node is emptied before a reboot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{atomic, duration_between, map_by_name, rule, rule_at, set};
use crate::selector::LabelSelector;
use crate::string_enum::string_enum;
use crate::units::GoDuration;

/// How a node is emptied. Names and defaults are those of `kubectl drain`;
/// DaemonSet and static pods always stay, PodDisruptionBudgets are always
/// respected by Evict, and a pod is never deleted without its grace period.
/// Pods of lower priority leave first, critical ones when all others are gone.
/// Pods that tolerate the cordon would come straight back: they are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    transform = rule_at(
        ".rules",
        "!has(self.rules) || !has(self.timeout) || !self.timeout.matches('{duration}') || self.rules.all(r, \
         !r.steps.all(s, !has(s.__for__) || s.__for__.matches('{duration}')) || r.steps.map(s, has(s.__for__) ? duration(s.__for__) : duration('0s')).sum() <= duration(self.timeout))",
        "drain.rules: the steps of a rule take longer than drain.timeout; write a longer timeout or shorter steps",
    ),
    transform = rule_at(
        ".rules",
        "!has(self.rules) || [self.rules.filter(r, !has(r.podSelector) && !has(r.namespaces))].all(open, \
         open.size() == 0 || (open.size() == 1 && open[0].name == self.rules[self.rules.size() - 1].name))",
        "drain.rules: write the rule without podSelector and namespaces last; it matches every pod, so that later rules never would",
    ),
)]
pub struct Drain {
    /// How long the whole drain may take, once load balancers had their time. At
    /// least as long as the steps of any rule together. 1m to 24h, default 45m.
    #[schemars(transform = duration_between("drain.timeout", "1m", "24h", "45m"))]
    pub timeout: GoDuration,

    /// What happens when the drain takes longer. Default Abort.
    pub on_timeout: DrainTimeoutAction,

    /// The grace period of every pod, in place of its own
    /// terminationGracePeriodSeconds. 1s to 1h, default none: each pod's own, 1s
    /// where that is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = duration_between("drain.gracePeriod", "1s", "1h", "30s"))]
    pub grace_period: Option<GoDuration>,

    /// Evict pods with emptyDir volumes, whose data is lost. Default false: such
    /// a pod blocks the drain and is named in the status, also where a rule says
    /// Evict or Delete; Wait and Skip lose no data.
    pub delete_empty_dir_data: bool,

    /// Evict pods that no controller will replace. Default false: such a pod
    /// blocks the drain and is named in the status, also where a rule says Evict
    /// or Delete; Wait and Skip leave it alone.
    pub force: bool,

    /// Do not wait for pods that are still there so long after the end of their
    /// grace period, as with a stuck finalizer. 1m to 24h, default none: wait for
    /// all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = duration_between("drain.skipWaitForDeleteTimeout", "1m", "24h", "10m"))]
    pub skip_wait_for_delete_timeout: Option<GoDuration>,

    /// Before the first eviction the node is labelled
    /// node.kubernetes.io/exclude-from-external-load-balancers, and this long is
    /// waited for load balancers to notice; the drain's own times begin then. 0s to
    /// 15m, default 30s; 0s does not label the node.
    #[schemars(transform = duration_between("drain.excludeFromLoadBalancers", "0s", "15m", "30s"))]
    pub exclude_from_load_balancers: GoDuration,

    /// Pods that need something else than plain eviction. The first rule that
    /// matches a pod counts for it; a pod without a rule is evicted. One that
    /// asks by annotation not to be disrupted blocks the drain unless a rule with
    /// podSelector or namespaces matches it. Pods that have ended are evicted
    /// whatever their rule waits for. At most 16.
    #[schemars(length(max = 16), transform = map_by_name)]
    pub rules: Vec<DrainRule>,
}

/// What is done about some pods, in steps over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainRule {
    /// The rule's name: a lower-case DNS label, unique in the drain.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Which pods, by their labels. Left out: pods with any labels. Must not be
    /// an empty selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = LabelSelector::not_empty("drain.rules.podSelector"))]
    pub pod_selector: Option<LabelSelector>,

    /// Only pods in these namespaces. Left out: in all of them. 1 to 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 63)), transform = set)]
    pub namespaces: Option<Vec<String>>,

    /// The steps, one after the other, counted from the beginning of the drain
    /// (after excludeFromLoadBalancers), also for a pod that comes later. A pod that is gone needs no further step,
    /// nor one that is terminating and in time. 1 to 8.
    #[schemars(
        length(min = 1, max = 8),
        transform = atomic,
        transform = rule(
            "[self.filter(s, s.action in ['Skip', 'Abort'])].all(last, last.size() == 0 \
             || (last.size() == 1 && self[self.size() - 1].action in ['Skip', 'Abort']))",
            "drain.rules.steps: write Skip or Abort as the last step only; nothing follows it",
        ),
        transform = rule(
            "[self.filter(s, !has(s.__for__) && !(s.action in ['Skip', 'Abort']))].all(open, open.size() == 0 \
             || (open.size() == 1 && !has(self[self.size() - 1].__for__) \
             && !(self[self.size() - 1].action in ['Skip', 'Abort'])))",
            "drain.rules.steps.for: write how long each step lasts; only the last one may go on until drain.timeout",
        ),
    )]
    pub steps: Vec<DrainStep>,
}

/// One step of a drain rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule_at(
    ".for",
    "!has(self.__for__) || !(self.action in ['Skip', 'Abort'])",
    "drain.rules.steps.for: remove it from Skip and Abort, which take no time",
))]
pub struct DrainStep {
    /// What is done about the pod.
    pub action: DrainAction,

    /// How long the step lasts before the next one begins. 1s to 24h. Not with
    /// Skip and Abort; the last step may leave it out and lasts until
    /// drain.timeout in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = duration_between("drain.rules.steps.for", "1s", "24h", "15m"))]
    pub r#for: Option<GoDuration>,
}

string_enum! {
    /// What a step does about a pod.
    pub enum DrainAction {
        /// Leave the pod alone and wait for it to end by itself, as a job does.
        Wait,
        /// Evict it, again and again while a PodDisruptionBudget forbids it.
        Evict,
        /// Delete it with its grace period, past its PodDisruptionBudget.
        Delete,
        /// Leave it on the node: the reboot ends it.
        Skip,
        /// Give the drain up: the node is uncordoned and the incident is Aborted.
        Abort,
    }
}

string_enum! {
    /// What happens when a drain takes too long.
    pub enum DrainTimeoutAction = Abort {
        /// The node is uncordoned and the incident is Aborted.
        Abort,
        /// The node is rebooted with the pods that are left, and the record says which.
        Proceed,
    }
}

impl DrainAction {
    /// Whether nothing follows this step.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Skip | Self::Abort)
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            timeout: GoDuration::from_secs(45 * 60),
            on_timeout: DrainTimeoutAction::default(),
            grace_period: None,
            delete_empty_dir_data: false,
            force: false,
            skip_wait_for_delete_timeout: None,
            exclude_from_load_balancers: GoDuration::from_secs(30),
            rules: Vec::new(),
        }
    }
}
