//! What of a policy cannot be carried out: nothing of such a policy is, for half
//! of it may be unsafe.

use std::collections::BTreeSet;

use unstall_crds::condition::ConditionReason;
use unstall_crds::policy::{NodeHealthPolicy, NodeHealthPolicySpec, Trigger};

use crate::snapshot::{Alerts, HandedOver};
use crate::{Snapshot, window};

/// Why a policy is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In one word.
    pub reason: ConditionReason,
    /// In a sentence that names the field, the value and what to write.
    pub text: String,
}

/// What is wrong with `policy`. The schema refuses most of it; a policy from
/// before an upgrade, or one that was written past the schema, may hold it all
/// the same.
#[must_use]
pub fn of(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> Option<Problem> {
    let spec = &policy.spec;
    let invalid = |text| Problem {
        reason: ConditionReason::InvalidSpec,
        text,
    };
    let text = triggers(spec).or_else(|| remedies(spec));
    if let Some(text) = text {
        return Some(invalid(text));
    }
    if let Some(bad) = window::problem(&spec.disruption.windows) {
        let reason = if bad.field.ends_with(".timeZone") {
            ConditionReason::InvalidTimeZone
        } else {
            ConditionReason::InvalidSpec
        };
        let text = bad.to_string();
        return Some(Problem { reason, text });
    }
    let rules = &spec.disruption.blocked_by.alerts.firing;
    if !rules.is_empty() && snapshot.alerts == Alerts::NotConfigured {
        let text = "spec.disruption.blockedBy.alerts names alerts, but the controller was given no Prometheus: set \
                    controller.prometheus.url in the chart, or remove the alerts";
        return Some(Problem {
            reason: ConditionReason::PrometheusNotConfigured,
            text: text.to_owned(),
        });
    }
    if let Some(text) = crate::alerts::problem(rules) {
        return Some(invalid(text));
    }
    template(snapshot, policy)
}

fn triggers(spec: &NodeHealthPolicySpec) -> Option<String> {
    let mut names = BTreeSet::new();
    for trigger in &spec.triggers {
        let name = &trigger.name;
        if !names.insert(name) {
            return Some(format!(
                "spec.triggers: {name} stands there twice; write other names"
            ));
        }
        let kinds = [
            trigger.signal.is_some(),
            trigger.condition.is_some(),
            trigger.kernel.is_some(),
            trigger.reboot_required.is_some(),
        ];
        if kinds.into_iter().filter(|is| *is).count() != 1 {
            return Some(format!(
                "spec.triggers[{name}]: write exactly one of signal, condition, kernel and rebootRequired"
            ));
        }
        if let Some(text) = units(trigger).or_else(|| ladder(spec, trigger)) {
            return Some(text);
        }
    }
    None
}

fn units(trigger: &Trigger) -> Option<String> {
    let signal = trigger.signal.as_ref()?;
    let unit = signal.name.unit();
    let bounds = [
        ("above", &signal.above),
        ("clearBelow", &signal.clear_below),
    ];
    let (field, bound) = bounds
        .into_iter()
        .find(|(_, bound)| bound.get().unit() != unit)?;
    Some(format!(
        "spec.triggers[{}].signal.{field}: {bound} has not the unit of {}; write one such as {}",
        trigger.name,
        signal.name,
        signal.name.elevated()
    ))
}

fn ladder(spec: &NodeHealthPolicySpec, trigger: &Trigger) -> Option<String> {
    let mut named = trigger.remedies.iter();
    let unknown = named.find(|name| spec.remedies.iter().all(|remedy| remedy.name != **name))?;
    Some(format!(
        "spec.triggers[{}].remedies: {unknown} is not in spec.remedies; write a name that is",
        trigger.name
    ))
}

fn remedies(spec: &NodeHealthPolicySpec) -> Option<String> {
    let mut names = BTreeSet::new();
    for remedy in &spec.remedies {
        let name = &remedy.name;
        if !names.insert(name) {
            return Some(format!(
                "spec.remedies: {name} stands there twice; write other names"
            ));
        }
        if remedy.kind().is_none() {
            return Some(format!(
                "spec.remedies[{name}]: write exactly one of dropCaches, reboot, cordon and handOver"
            ));
        }
    }
    None
}

/// A template of another remediator that is not there, as far as that is known.
fn template(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> Option<Problem> {
    let mut templates = policy
        .spec
        .remedies
        .iter()
        .filter_map(|remedy| Some((&remedy.name, &remedy.hand_over.as_ref()?.template)));
    templates.find_map(|(name, template)| {
        let (reason, text) = match snapshot.handed_over.get(&template_key(template))? {
            HandedOver::NoTemplate => (
                ConditionReason::UnknownTemplateKind,
                format!(
                    "there is no {} {} in the cluster; install the other remediator, or name a template that is there",
                    template.kind, template.name
                ),
            ),
            HandedOver::Forbidden => (ConditionReason::Forbidden, no_right(template)),
            HandedOver::Present | HandedOver::Absent | HandedOver::Foreign | HandedOver::Refused(_) => return None,
        };
        let text = format!("spec.remedies[{name}].handOver.template: {text}");
        Some(Problem { reason, text })
    })
}

/// That this controller was given no right to a kind of another remediator.
#[must_use]
pub fn no_right(template: &unstall_crds::policy::TemplateReference) -> String {
    let group = template
        .api_version
        .split_once('/')
        .map_or("", |(group, _)| group);
    let kind = template.kind.trim_end_matches("Template");
    format!(
        "this controller may not use {} and {kind} of {group}: add them to controller.handOver in the chart's values",
        template.kind
    )
}

/// The key of a template in [`Snapshot::handed_over`].
#[must_use]
pub fn template_key(template: &unstall_crds::policy::TemplateReference) -> String {
    let namespace = template.namespace.as_deref().unwrap_or_default();
    format!(
        "template:{}/{}/{namespace}/{}",
        template.api_version, template.kind, template.name
    )
}
