//! A workload with a PodDisruptionBudget, and what of it is available, watched
//! each second by somebody who asks nobody's leave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::fleet::Fleet;
use crate::cluster::Reader;
use crate::product::apply;

const EVERY: Duration = Duration::from_secs(1);
const READY_WITHIN: Duration = Duration::from_secs(240);

/// A Deployment of pods that do nothing, and its budget.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name, and its budget's.
    pub name: &'static str,
    /// Its pods, spread over the nodes.
    pub replicas: u32,
    /// The only node that they may run on; all where there is none.
    pub node: Option<&'static str>,
    /// `minAvailable` of its budget.
    pub min_available: u32,
}

impl Workload {
    /// Makes it, and waits until all its pods are available.
    ///
    /// # Errors
    /// When they are not, in time.
    pub fn deploy(self, fleet: &Fleet) -> Result<()> {
        for document in [self.deployment(), self.budget()] {
            apply(fleet.cluster(), &document.to_string())?;
        }
        let until = Instant::now() + READY_WITHIN;
        while self.available(fleet.cluster().reader()?)? < self.replicas {
            if Instant::now() > until {
                let pods = fleet.kubectl().run(&["get", "pods", "-A", "-o", "wide"])?;
                bail!("the workload's pods are not available:\n{pods}");
            }
            std::thread::sleep(EVERY);
        }
        Ok(())
    }

    /// Changes its budget.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn allow(self, fleet: &Fleet, min_available: u32) -> Result<()> {
        let patch = json!({"spec": {"minAvailable": min_available}}).to_string();
        let args = ["patch", "pdb", self.name, "--type=merge", "--patch", &patch];
        fleet.kubectl().run(&args).map(drop)
    }

    /// How many of its pods are available.
    ///
    /// # Errors
    /// When the API server does not tell.
    pub fn available(self, reader: &Reader) -> Result<u32> {
        let deployment = reader.get("deployments", self.name)?;
        let available = deployment.pointer("/status/availableReplicas");
        // It is absent while there are none.
        let available = available.and_then(Value::as_u64).unwrap_or(0);
        Ok(u32::try_from(available)?)
    }

    /// Removes it and its budget.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn remove(self, fleet: &Fleet) -> Result<()> {
        let both = [
            format!("deployment/{}", self.name),
            format!("pdb/{}", self.name),
        ];
        fleet
            .kubectl()
            .run(&["delete", &both[0], &both[1]])
            .map(drop)
    }

    fn deployment(self) -> Value {
        let labels = json!({"app": self.name});
        let selector = self
            .node
            .map(|node| json!({"kubernetes.io/hostname": node}));
        let spread = json!([{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }]);
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "nodeSelector": selector,
                        "topologySpreadConstraints": spread,
                        "terminationGracePeriodSeconds": 5,
                        "containers": [{
                            "name": "pause",
                            "image": "unstall.dev/pause:1",
                            "imagePullPolicy": "IfNotPresent",
                        }],
                    },
                },
            },
        })
    }

    fn budget(self) -> Value {
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": self.name},
            "spec": {
                "minAvailable": self.min_available,
                "selector": {"matchLabels": {"app": self.name}},
            },
        })
    }
}

/// Looks at the workload each second until it is asked.
#[derive(Debug)]
pub struct Availability {
    ends: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<(Instant, u32)>>>,
    watcher: Option<JoinHandle<()>>,
}

impl Availability {
    /// Begins.
    ///
    /// # Errors
    /// When no thread can be started, or the cluster's kubeconfig is not valid.
    pub fn watch(workload: Workload, fleet: &Fleet) -> Result<Self> {
        let (ends, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (stop, rows) = (Arc::clone(&ends), Arc::clone(&seen));
        let reader = fleet.cluster().reader()?.clone();
        let watcher = std::thread::Builder::new()
            .name("availability".into())
            .spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    // An API server that is down tells nothing; a gap shows in the count.
                    if let Ok(now) = workload.available(&reader) {
                        push(&rows, now);
                    }
                    std::thread::sleep(EVERY);
                }
            })?;
        Ok(Self {
            ends,
            seen,
            watcher: Some(watcher),
        })
    }

    /// How many were available at the last look.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.last().map(|(_, count)| *count)
    }

    /// The fewest pods that were available at any look so far, and how many looks
    /// there were.
    #[must_use]
    pub fn least(&self) -> Option<(u32, usize)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let least = seen.iter().map(|(_, count)| *count).min()?;
        Some((least, seen.len()))
    }

    /// The longest time between two looks.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let gaps = seen.windows(2).map(|it| it[1].0.duration_since(it[0].0));
        gaps.max().unwrap_or_default()
    }
}

fn push(rows: &Mutex<Vec<(Instant, u32)>>, now: u32) {
    rows.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((Instant::now(), now));
}

impl Drop for Availability {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(watcher) = self.watcher.take() {
            // It has nothing to say.
            let _ = watcher.join();
        }
    }
}
