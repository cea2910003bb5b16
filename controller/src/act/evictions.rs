//! Evictions on their way. One may take as long as an admission webhook does, so
//! that nothing else waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use kube::api::Api;
use tokio::sync::{Notify, Semaphore};
use unstall_crds::names::annotation;
use unstall_decide::{EvictionAnswer, PodOrder, Said};

use super::actor::Actor;
use super::{evict, slot};
use crate::machine;

/// How many are on their way at once, whatever the number of nodes.
const AT_ONCE: usize = 64;
/// How long an answer is remembered after it came.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// Evictions on their way, and the latest answers.
#[derive(Clone)]
pub struct Evictions {
    answers: Arc<Mutex<BTreeMap<String, EvictionAnswer>>>,
    room: Arc<Semaphore>,
    changed: Arc<Notify>,
}

impl Evictions {
    /// None yet; `changed` is told when an answer comes.
    #[must_use]
    pub fn new(changed: Arc<Notify>) -> Self {
        Self {
            answers: Arc::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            changed,
        }
    }

    /// The latest answers, by the pod's UID.
    #[must_use]
    pub fn answers(&self, now: Timestamp) -> BTreeMap<String, EvictionAnswer> {
        let mut answers = self.lock();
        answers.retain(|_, answer| now.duration_since(answer.at) < REMEMBERED);
        answers.clone()
    }

    /// Notes that a pod is asked for now. Until that is answered, the answer before is
    /// why it is still there.
    fn asked(&self, uid: &str) {
        let (mut answers, now) = (self.lock(), machine::now());
        let answer = answers.entry(uid.to_owned()).or_insert(EvictionAnswer {
            at: now,
            said: Said::Asked,
            message: String::new(),
            budget: None,
            asked_again: None,
        });
        answer.asked_again = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, EvictionAnswer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a pod away, after a live look at what that is based on. The answer comes
/// later.
pub async fn begin(actor: &Actor, order: PodOrder, is_eviction: bool) -> Result<()> {
    let evictions = &actor.evictions;
    let Ok(room) = Arc::clone(&evictions.room).try_acquire_owned() else {
        bail!("{AT_ONCE} evictions are on their way already");
    };
    slot::require(actor, &order.node, &order.remediation).await?;
    require_cordon(actor, &order.node, &order.remediation).await?;
    actor.check()?;
    evictions.asked(&order.pod.uid);
    let (client, evictions) = (actor.client.clone(), evictions.clone());
    let leadership = actor.leadership.clone();
    machine::spawn(async move {
        let PodOrder { pod, grace, .. } = &order;
        let call = async {
            if is_eviction {
                evict::evict(&client, pod, *grace).await
            } else {
                evict::delete(&client, pod, *grace).await
            }
        };
        let answer = tokio::select! {
            biased;
            // No call goes on beyond the time in which this process may act.
            lost = leadership.lost() => EvictionAnswer {
                at: machine::now(),
                said: Said::Unknown,
                message: lost.to_string(),
                budget: None,
                asked_again: None,
            },
            answer = call => answer,
        };
        evictions.lock().insert(pod.uid.clone(), answer);
        evictions.changed.notify_one();
        drop(room);
    });
    Ok(())
}

/// Pods leave a node only while it carries the incident's cordon.
async fn require_cordon(actor: &Actor, node: &str, remediation: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(actor.client.clone());
    let live = actor.call("cannot read the Node", nodes.get(node)).await?;
    let annotations = live.metadata.annotations.unwrap_or_default();
    let by = annotations.get(annotation::CORDONED_BY);
    let is_cordoned = live.spec.and_then(|spec| spec.unschedulable) == Some(true);
    if is_cordoned && by.map(String::as_str) == Some(remediation) {
        return Ok(());
    }
    bail!("node {node} does not carry the cordon of incident {remediation} any more")
}
