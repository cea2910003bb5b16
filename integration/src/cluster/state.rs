//! What the supervisor tells everybody else: one small JSON file, replaced
//! whole.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process_id::ProcessId;

/// How far a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Components are being started.
    Starting,
    /// The API server answers and the node, if any, is Ready.
    Ready,
    /// It could not start; its logs are kept until the next `up` or `down`.
    Failed,
}

/// One component as the supervisor sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentState {
    /// For instance `kube-apiserver`.
    pub name: String,
    /// Its process on this machine.
    pub pid: u32,
    /// How often the supervisor started it again after it ended.
    pub restarts: u32,
}

/// The state of one cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The supervisor's process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// How far it is.
    pub phase: Phase,
    /// What it is doing, or what went wrong.
    pub message: String,
    /// The API server on this machine's loopback.
    pub server: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The Node's name, if there is a node.
    pub node: Option<String>,
    /// Seconds from the start of the supervisor until `Ready`.
    pub ready_after_seconds: Option<f32>,
    /// What runs.
    pub components: Vec<ComponentState>,
}

impl State {
    /// Reads the state of a cluster; `None` where there is none.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When its directory cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let next = path.with_extension("next");
        fs::write(&next, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&next, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
