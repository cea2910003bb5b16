//! (pure) What an answer of the API server to an eviction means.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use kube::core::response::{Status, StatusCause};
use unstall_decide::Said;

/// Causes that the API server gives beside its status code.
const DISRUPTION_BUDGET: &str = "DisruptionBudget";
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";
/// How much of an answer's words is kept.
const MESSAGE: usize = 512;

/// An answer, without its time.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub said: Said,
    pub message: String,
    pub budget: Option<String>,
}

impl Answer {
    /// One that is not about a budget.
    pub fn plain(said: Said, message: &str) -> Self {
        Self {
            said,
            message: message.trim().chars().take(MESSAGE).collect(),
            budget: None,
        }
    }
}

/// What status `code` with this `body` says. A proxy between us and the API
/// server may say anything: what does not speak of a pod says nothing of it.
pub fn answer(code: u16, body: &[u8]) -> Answer {
    let status = serde_json::from_slice(body).unwrap_or_else(|_| Status {
        message: String::from_utf8_lossy(body).into_owned(),
        ..Status::default()
    });
    let message = status.message.as_str();
    if let Some(cause) = cause(&status, DISRUPTION_BUDGET)
        && matches!(code, 403 | 429)
    {
        return budget(&cause.message);
    }
    let said = match code {
        200..=299 => Said::Accepted,
        404 if is_about_pod(&status) => Said::Gone,
        409 if is_other_uid(message) => Said::Gone,
        // Some webhooks say "later" with it: that is about the one pod.
        429 if message.starts_with("admission webhook ") => Said::Refused,
        429 => Said::Throttled,
        403 if cause(&status, NAMESPACE_TERMINATING).is_some() => Said::NamespaceTerminating,
        500 if message.contains("more than one PodDisruptionBudget") => Said::ManyBudgets,
        _ if is_undecided(code, &status) => Said::Unknown,
        400..=599 => Said::Refused,
        _ => Said::Unknown,
    };
    match said {
        Said::Accepted | Said::Gone => Answer::plain(said, ""),
        _ if message.trim().is_empty() => Answer::plain(said, &format!("status {code}")),
        _ => Answer::plain(said, message),
    }
}

/// The budget's words begin with its name: "The disruption budget web needs 2
/// healthy pods and has 1 currently".
fn budget(words: &str) -> Answer {
    let is_stale = words.contains("still being processed");
    let said = if is_stale {
        Said::StaleBudget
    } else {
        Said::Budget
    };
    let name = words
        .strip_prefix("The disruption budget ")
        .and_then(|rest| rest.split(' ').next())
        .filter(|name| !name.is_empty());
    Answer {
        budget: name.map(str::to_owned),
        ..Answer::plain(said, words)
    }
}

fn cause<'a>(status: &'a Status, reason: &str) -> Option<&'a StatusCause> {
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    causes.find(|cause| cause.reason == reason)
}

/// A missing pod or namespace, and not a missing page.
fn is_about_pod(status: &Status) -> bool {
    let kind = status
        .details
        .as_ref()
        .map(|details| details.kind.to_lowercase());
    kind.is_some_and(|kind| matches!(kind.as_str(), "pods" | "pod" | "namespaces"))
}

/// A conflict may also be one about the budget's status, or the pod's version.
fn is_other_uid(message: &str) -> bool {
    message.contains("UID in the precondition") || message.contains("UID in precondition")
}

/// Whether the call may have been carried out all the same.
fn is_undecided(code: u16, status: &Status) -> bool {
    matches!(code, 404 | 408 | 409 | 502..=504)
        || matches!(status.reason.as_str(), "Timeout" | "ServerTimeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: u16, rest: &str) -> Answer {
        let body = format!(
            r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure",{rest},"code":{code}}}"#
        );
        answer(code, body.as_bytes())
    }

    #[track_caller]
    fn expect(got: Answer, said: Said, message: &str) {
        assert_eq!(got, Answer::plain(said, message));
    }

    const TOO_MANY: &str = r#""message":"Cannot evict pod as it would violate the pod's disruption budget.","reason":"TooManyRequests""#;

    #[test]
    fn yes_is_yes_whatever_comes_with_it() {
        for body in [
            r#"{"kind":"Status","status":"Success","code":201}"#,
            "",
            "<",
        ] {
            expect(answer(201, body.as_bytes()), Said::Accepted, "");
        }
        expect(answer(200, b"{\"kind\":\"Pod\"}"), Said::Accepted, "");
        expect(answer(202, b""), Said::Accepted, "");
    }

    #[test]
    fn a_missing_pod_is_gone_and_a_missing_page_is_not() {
        let pods = r#""message":"pods \"web-1\" not found","reason":"NotFound","details":{"name":"web-1","kind":"pods"}"#;
        expect(failure(404, pods), Said::Gone, "");
        let namespaces = r#""message":"namespaces \"web\" not found","reason":"NotFound","details":{"name":"web","kind":"namespaces"}"#;
        expect(failure(404, namespaces), Said::Gone, "");
        let resource = "the server could not find the requested resource";
        let other = format!(r#""message":"{resource}","reason":"NotFound","details":{{}}"#);
        expect(failure(404, &other), Said::Unknown, resource);
        expect(
            answer(404, b"404 page not found\n"),
            Said::Unknown,
            "404 page not found",
        );
    }

    #[test]
    fn another_uid_is_gone_and_another_conflict_is_not() {
        let evicted = r#""message":"Operation cannot be fulfilled on Pod \"web-1\": the UID in the precondition (a) does not match the UID in record (b). The object might have been deleted and then recreated","reason":"Conflict","details":{"name":"web-1","kind":"Pod"}"#;
        expect(failure(409, evicted), Said::Gone, "");
        let stored = r#""message":"Operation cannot be fulfilled on pods \"web-1\": StorageError: invalid object, Code: 4, Key: /registry/pods/default/web-1, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: a, UID in object meta: ","reason":"Conflict","details":{"name":"web-1","kind":"pods"}"#;
        expect(failure(409, stored), Said::Gone, "");
        let text = "Operation cannot be fulfilled on poddisruptionbudgets.policy web: the object has been modified; please apply your changes to the latest version and try again";
        let other = format!(
            r#""message":"{text}","reason":"Conflict","details":{{"name":"web","group":"policy","kind":"poddisruptionbudgets"}}"#
        );
        expect(failure(409, &other), Said::Unknown, text);
    }

    #[test]
    fn a_budget_is_told_by_name() {
        for (words, said) in [
            (
                "The disruption budget web needs 2 healthy pods and has 2 currently",
                Said::Budget,
            ),
            (
                "The disruption budget web does not allow evicting pods currently",
                Said::Budget,
            ),
            (
                "The disruption budget web is still being processed by the server.",
                Said::StaleBudget,
            ),
        ] {
            let details = format!(
                r#"{TOO_MANY},"details":{{"retryAfterSeconds":10,"causes":[{{"reason":"DisruptionBudget","message":"{words}"}}]}}"#
            );
            let expected = Answer {
                said,
                message: words.into(),
                budget: Some("web".into()),
            };
            assert_eq!(failure(429, &details), expected);
        }
        let unnamed = format!(
            r#"{TOO_MANY},"details":{{"causes":[{{"reason":"DisruptionBudget","message":"in other words"}}]}}"#
        );
        expect(failure(429, &unnamed), Said::Budget, "in other words");
    }

    #[test]
    fn a_budget_that_is_beyond_counting_forbids_as_well() {
        let words = "The disruption budget web does not allow evicting pods currently: pdb disruptions allowed is negative";
        let details = format!(
            r#""message":"no","reason":"Forbidden","details":{{"name":"web","kind":"poddisruptionbudget","causes":[{{"reason":"DisruptionBudget","message":"{words}"}}]}}"#
        );
        let got = failure(403, &details);
        assert_eq!(
            (got.said, got.budget.as_deref()),
            (Said::Budget, Some("web"))
        );
    }

    #[test]
    fn too_many_requests_without_a_cause_is_throttling() {
        let text = "Too many requests, please try again later.";
        expect(
            answer(429, format!("{text}\n").as_bytes()),
            Said::Throttled,
            text,
        );
        let rate =
            r#""message":"slow down","reason":"TooManyRequests","details":{"retryAfterSeconds":1}"#;
        expect(failure(429, rate), Said::Throttled, "slow down");
        expect(answer(429, b""), Said::Throttled, "status 429");
        let text = "admission webhook \"guard\" denied the request: later";
        let webhook = r#""message":"admission webhook \"guard\" denied the request: later""#;
        expect(failure(429, webhook), Said::Refused, text);
    }

    #[test]
    fn two_budgets_need_a_human() {
        let text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let rest = format!(r#""message":"{text}""#);
        expect(failure(500, &rest), Said::ManyBudgets, text);
    }

    #[test]
    fn a_terminating_namespace_is_told_by_its_cause() {
        let text = "evictions \\\"web-1\\\" is forbidden: unable to create new content in namespace web because it is being terminated";
        let details = r#""details":{"name":"web-1","kind":"evictions","causes":[{"reason":"NamespaceTerminating","message":"namespace web is being terminated","field":"metadata.namespace"}]}"#;
        let rest = format!(r#""message":"{text}","reason":"Forbidden",{details}"#);
        let got = failure(403, &rest);
        assert_eq!(got.said, Said::NamespaceTerminating);
        let denied = r#""message":"admission webhook \"guard\" denied the request: no","reason":"Forbidden""#;
        let text = "admission webhook \"guard\" denied the request: no";
        expect(failure(403, denied), Said::Refused, text);
    }

    #[test]
    fn other_errors_refuse_and_time_outs_say_nothing() {
        let failed = r#""message":"Internal error occurred: failed calling webhook \"guard\"","reason":"InternalError""#;
        let text = "Internal error occurred: failed calling webhook \"guard\"";
        expect(failure(500, failed), Said::Refused, text);
        for code in [400, 401, 403, 405, 422, 500, 501] {
            expect(answer(code, b""), Said::Refused, &format!("status {code}"));
        }
        for code in [100, 302, 404, 408, 409, 502, 503, 504] {
            expect(answer(code, b""), Said::Unknown, &format!("status {code}"));
        }
        for reason in ["Timeout", "ServerTimeout"] {
            let rest = format!(r#""message":"try again","reason":"{reason}""#);
            expect(failure(500, &rest), Said::Unknown, "try again");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let got = answer(403, "é".repeat(5000).as_bytes());
        assert_eq!(got.message.chars().count(), 512);
    }
}
