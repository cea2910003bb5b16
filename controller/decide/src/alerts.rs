//! Firing alerts against the rules of a policy.

use std::collections::BTreeMap;

use regex::Regex;
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{AlertMatcher, AlertRule, MatchOperator};

use crate::no::No;
use crate::snapshot::Alerts;

/// Why the first rule that is wrong cannot be understood.
#[must_use]
pub fn problem(rules: &[AlertRule]) -> Option<String> {
    let of_rule = |rule: &AlertRule| {
        let mut matchers = rule.matchers.iter();
        let bad = matchers.find_map(|matcher| Some((matcher, whole(matcher)?.err()?)))?;
        let (matcher, why) = bad;
        // The lines before the last one are a drawing.
        let why = why.to_string();
        let why = why.lines().last().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        Some(format!(
            "spec.disruption.blockedBy.alerts.firing[{}].matchers: {} is no regular expression ({why}); write one, or use \
             Equal",
            rule.name, matcher.value
        ))
    };
    rules.iter().find_map(of_rule)
}

/// What firing alerts forbid.
#[must_use]
pub fn forbids(rules: &[AlertRule], alerts: &Alerts) -> Option<No> {
    if rules.is_empty() {
        return None;
    }
    // A rule that cannot be understood may forbid anything.
    if let Some(text) = problem(rules) {
        return Some(No::new(BlockedReason::InvalidSpec, text));
    }
    let firing = match alerts {
        Alerts::Firing(firing) => firing,
        Alerts::Unknown { why } => {
            let text = format!("no alert can be ruled out: {why}");
            return Some(No::new(BlockedReason::AlertsUnknown, text));
        }
        Alerts::NotConfigured => {
            let text = "no alert can be ruled out: the controller was given no Prometheus";
            return Some(No::new(BlockedReason::AlertsUnknown, text));
        }
    };
    rules.iter().find_map(|rule| {
        let alert = firing.iter().find(|labels| matches(rule, labels))?;
        let reason = BlockedReason::BlockedByAlert;
        let rule = &rule.name;
        Some(match alert.get("alertname") {
            Some(name) => {
                let text = format!("alert {name} fires, which rule {rule} names");
                No::new(reason, text).on(format!("Alert/{name}"))
            }
            None => {
                let text = format!("an alert without a name fires, which rule {rule} names");
                No::new(reason, text)
            }
        })
    })
}

fn matches(rule: &AlertRule, labels: &BTreeMap<String, String>) -> bool {
    rule.matchers.iter().all(|matcher| holds(matcher, labels))
}

/// A label that is absent is empty, as in PromQL.
fn holds(matcher: &AlertMatcher, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&matcher.label).map_or("", String::as_str);
    let by_text = || whole(matcher).and_then(Result::ok);
    match matcher.operator {
        MatchOperator::Equal => value == matcher.value,
        MatchOperator::NotEqual => value != matcher.value,
        MatchOperator::Matches => by_text().is_some_and(|regex| regex.is_match(value)),
        MatchOperator::NotMatches => by_text().is_some_and(|regex| !regex.is_match(value)),
    }
}

/// The expression of a matcher that has one; it must match all of the label.
fn whole(matcher: &AlertMatcher) -> Option<Result<Regex, regex::Error>> {
    match matcher.operator {
        MatchOperator::Matches | MatchOperator::NotMatches => {
            Some(Regex::new(&format!("^(?:{})$", matcher.value)))
        }
        MatchOperator::Equal | MatchOperator::NotEqual => None,
    }
}
