//! Events: what people are told, on the object that it is about.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{self, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use unstall_crds::names::manager;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::{About, Event};

/// Events of one pass; what is more is left out, for statuses say it all.
const AT_ONCE: usize = 128;
/// Calls that are under way at once.
const IN_FLIGHT: usize = 4;
/// The longest that one call may take, and all calls of a pass: an API server that
/// does not take Events must not hold up what matters.
const CALL_LIMIT: Duration = Duration::from_secs(3);
const PASS_LIMIT: Duration = Duration::from_secs(10);
/// What the API server takes, in bytes.
const NOTE: usize = 1024;
/// The same of names and of words.
const NAME: usize = 128;

/// Writes Events. The same again within six minutes is counted on the first one.
#[derive(Clone)]
pub struct Herald {
    recorder: Recorder,
}

/// What became of the Events of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Written.
    pub written: u64,
    /// Refused, or without an answer in time. Not tried again.
    pub failed: u64,
    /// Not tried, for there were too many or no time was left.
    pub left_out: u64,
}

impl Herald {
    /// Writes in the name of `instance`, this replica.
    #[must_use]
    pub fn new(client: Client, instance: &str) -> Self {
        let reporter = Reporter {
            controller: manager::CONTROLLER.to_owned(),
            instance: Some(cut(instance, NAME)),
        };
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Writes these. What fails is logged and left: the next change is told anew.
    pub async fn tell(&self, events: &[Event]) -> Told {
        let mut told = Told::default();
        let mut calls = futures::stream::iter(events.iter().take(AT_ONCE))
            .map(|event| self.publish(event))
            .buffer_unordered(IN_FLIGHT);
        let all = async {
            while let Some(is_written) = calls.next().await {
                if is_written {
                    told.written += 1;
                } else {
                    told.failed += 1;
                }
            }
        };
        // What is under way by then may be written or not: it counts as left out.
        let in_time = tokio::time::timeout(PASS_LIMIT, all).await.is_ok();
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        told.left_out = count - told.written - told.failed;
        if told.left_out > 0 {
            let count = told.left_out;
            tracing::warn!(count, in_time, "Events left out");
        }
        told
    }

    async fn publish(&self, event: &Event) -> bool {
        let (about, related) = references(&event.about);
        let new = events::Event {
            type_: if event.is_warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: cut(&event.reason, NAME),
            note: Some(cut(&event.note, NOTE)),
            action: cut(&event.action, NAME),
            secondary: related,
        };
        let call = self.recorder.publish(&new, &about);
        let why = match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {CALL_LIMIT:?}"),
        };
        tracing::warn!(
            reason = event.reason,
            note = event.note,
            why,
            "Event not written"
        );
        false
    }
}

/// What an Event is about, and what else has to do with it.
fn references(about: &About) -> (ObjectReference, Option<ObjectReference>) {
    match about {
        About::Node {
            name,
            uid,
            incident,
        } => {
            let node = ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(name.clone()),
                uid: Some(uid.clone()).filter(|uid| !uid.is_empty()),
                ..ObjectReference::default()
            };
            let incident = incident.as_ref();
            (node, incident.map(|name| ours::<NodeRemediation>(name, "")))
        }
        About::Policy { name, uid } => (ours::<NodeHealthPolicy>(name, uid), None),
    }
}

fn ours<K: Resource<DynamicType = ()>>(name: &str, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: Some(name.to_owned()),
        uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
        ..ObjectReference::default()
    }
}

/// At most so many bytes, and no part of a letter.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}
