//! Signals in a policy: what is measured, and from which number on it is sick.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::schema::{duration_between, rule, rule_at};
use crate::signal::{SignalName, Statistic};
use crate::units::{GoDuration, KernelVersion, Threshold, Unit};

/// A measured signal that fires above one threshold and clears below another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = signal_rules)]
pub struct Signal {
    /// Which signal. Each has one unit, which `above` and `clearBelow` must
    /// have: a duration (100ms), a count (20000), a rate per hour (500/h) or a
    /// ratio (20%).
    pub name: SignalName,

    /// How the latest samples become the number that is compared. Default P50.
    #[serde(default)]
    pub statistic: Statistic,

    /// Of how many of the latest samples the statistic is taken; with fewer the
    /// trigger is Unknown. 1 to 100, default 10.
    #[serde(default = "default_samples")]
    #[schemars(range(min = 1, max = 100))]
    pub samples: u8,

    /// The trigger fires when the statistic is above this, in the unit of the
    /// signal: a duration up to 60s, a count or a rate of at least 1, a ratio
    /// up to 100%.
    pub above: Threshold,

    /// The trigger clears when the statistic is below this; in between it stays
    /// what it was, so that a value near the threshold does not flap. Must not
    /// be more than `above`.
    pub clear_below: Threshold,

    /// For how long the statistic must be above, without a break, before the
    /// trigger fires. 1s to 24h, default 5m.
    #[serde(default = "default_for")]
    #[schemars(transform = duration_between("signal.for", "1s", "24h", "5m"))]
    pub r#for: GoDuration,
}

/// Limits a trigger to nodes whose running kernel lies in a range. At least one
/// end must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.atLeast) || has(self.below)",
    "onlyOnKernel: write atLeast, below or both, such as atLeast: \"5.13\"",
))]
pub struct KernelGate {
    /// The oldest kernel that the trigger counts on, compared by its numbers
    /// from left to right, such as "5.13". Quote it: unquoted, YAML reads 5.10
    /// as 5.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = KernelVersion::numbers_only("onlyOnKernel.atLeast"))]
    pub at_least: Option<KernelVersion>,

    /// The first kernel that the trigger does not count on any more, such as
    /// "5.2".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = KernelVersion::numbers_only("onlyOnKernel.below"))]
    pub below: Option<KernelVersion>,
}

impl KernelGate {
    /// Whether the running kernel lies in the range.
    #[must_use]
    pub fn admits(&self, running: &KernelVersion) -> bool {
        self.at_least
            .as_ref()
            .is_none_or(|oldest| running >= oldest)
            && self
                .below
                .as_ref()
                .is_none_or(|first_not| running < first_not)
    }
}

fn default_samples() -> u8 {
    10
}

fn default_for() -> GoDuration {
    GoDuration::from_secs(300)
}

/// What CEL checks of a threshold `{t}` of one unit.
struct UnitRule {
    unit: Unit,
    /// Whether `{t}` has the unit and is in bounds.
    valid: &'static str,
    /// `{t}` as a number or duration.
    number: &'static str,
    advice: &'static str,
}

const UNIT_RULES: [UnitRule; 4] = [
    UnitRule {
        unit: Unit::Duration,
        valid: "type({t}) == string && {t}.matches('{duration}') \
                && duration({t}) > duration('0s') && duration({t}) <= duration('60s')",
        number: "duration(string({t}))",
        advice: "a duration of up to 60s (such as 100ms)",
    },
    UnitRule {
        unit: Unit::Count,
        valid: "type({t}) == int ? {t} >= 1 && {t} <= 999999999 : {t}.matches('^[1-9][0-9]{0,8}$')",
        number: "int({t})",
        advice: "a count of at least 1 (such as 20000)",
    },
    UnitRule {
        unit: Unit::PerHour,
        valid: "type({t}) == string && {t}.matches('^[1-9][0-9]{0,8}/h$')",
        number: "int(string({t}).replace('/h', ''))",
        advice: "a rate of at least 1 per hour (such as 500/h)",
    },
    UnitRule {
        unit: Unit::Ratio,
        valid: "type({t}) == string && {t}.matches('^([0-9]{1,2}([.][0-9]{1,2})?|100([.]0{1,2})?)%$') \
                && double({t}.replace('%', '')) > 0.0",
        number: "double(string({t}).replace('%', ''))",
        advice: "a ratio of up to 100% (such as 20%)",
    },
];

impl UnitRule {
    fn of_threshold(&self, threshold: &str) -> String {
        format!("({})", self.valid.replace("{t}", threshold))
    }

    /// The names of the signals with this unit.
    fn signals(&self) -> Vec<&'static str> {
        let with_unit = SignalName::ALL.iter().filter(|s| s.unit() == self.unit);
        with_unit.map(|s| s.as_str()).collect()
    }
}

/// The unit of both thresholds, and their order. The order is checked where
/// both units are right, so that a wrong unit is reported alone.
fn signal_rules(schema: &mut Schema) {
    for unit in &UNIT_RULES {
        let names = unit.signals();
        let other_signal = format!("!(self.name in ['{}'])", names.join("', '"));
        for (field, threshold) in [("above", "self.above"), ("clearBelow", "self.clearBelow")] {
            rule_at(
                &format!(".{field}"),
                &format!("{other_signal} || {}", unit.of_threshold(threshold)),
                &format!(
                    "signal.{field}: write {} for {}",
                    unit.advice,
                    names.join(", ")
                ),
            )(schema);
        }
        let [above, clear_below] = ["self.above", "self.clearBelow"];
        rule_at(
            ".clearBelow",
            &format!(
                "{other_signal} || !{} || !{} || {} <= {}",
                unit.of_threshold(above),
                unit.of_threshold(clear_below),
                unit.number.replace("{t}", clear_below),
                unit.number.replace("{t}", above),
            ),
            &format!(
                "signal.clearBelow: write no more than above; both are {}",
                unit.advice
            ),
        )(schema);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(at_least: Option<&str>, below: Option<&str>) -> KernelGate {
        let parse = |text: &str| text.parse().unwrap();
        KernelGate {
            at_least: at_least.map(parse),
            below: below.map(parse),
        }
    }

    #[test]
    fn a_kernel_gate_includes_its_lower_end_only() {
        let running: KernelVersion = "5.13.0-52-generic".parse().unwrap();
        assert!(gate(Some("5.13"), None).admits(&running));
        assert!(!gate(Some("5.13.1"), None).admits(&running));
        assert!(!gate(None, Some("5.13")).admits(&running));
        assert!(gate(Some("5.10"), Some("5.14")).admits(&running));
    }

    #[test]
    fn every_signal_has_rules_for_its_unit() {
        let schema = schemars::schema_for!(Signal);
        let rules = schema
            .get("x-kubernetes-validations")
            .unwrap()
            .as_array()
            .unwrap();
        assert_eq!(rules.len(), 3 * UNIT_RULES.len());
        for signal in SignalName::ALL {
            let quoted = format!("'{signal}'");
            let count = rules
                .iter()
                .filter(|r| r["rule"].as_str().unwrap().contains(&quoted))
                .count();
            assert_eq!(count, 3, "{signal}");
        }
    }
}
