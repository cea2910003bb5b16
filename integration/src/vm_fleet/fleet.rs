//! The control plane, its machines and the chart.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cluster::{Cluster, ClusterOptions, Kubectl, build_workspace_images};
use crate::interrupt::Interrupt;
use crate::product::install;
use crate::vm::{Kernel, NodeOptions, VmNode, ensure_disk};

/// Enough for systemd, containerd, kubelet, the product and zombies.
const MEMORY: u32 = 1_024;
/// A node is Ready half a minute after its power is on, alone on an idle CPU.
const READY_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a fleet shall be.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// Its name on this machine.
    pub name: String,
    /// Its nodes and the kernels that they begin with.
    pub nodes: Vec<(String, Kernel)>,
    /// The `cluster` program.
    pub program: PathBuf,
    /// Programs put into every node.
    pub programs: Vec<PathBuf>,
    /// Gives up the start once it is set.
    pub cancel: Arc<AtomicBool>,
}

/// A running fleet. Dropped, it is gone.
#[derive(Debug)]
pub struct Fleet {
    // First: machines end before their cluster.
    nodes: Vec<VmNode>,
    cluster: Cluster,
}

impl Fleet {
    /// Starts control plane and machines, and waits until every node is Ready.
    /// `tell` hears what it is doing.
    ///
    /// # Errors
    /// When something for it cannot be had, or a node does not become Ready.
    pub fn start(options: &FleetOptions, tell: &(dyn Fn(&str) + Sync)) -> Result<Self> {
        let images = build_workspace_images()?.archives;
        ensure_disk()?;
        let cluster = Cluster::attached(&ClusterOptions {
            name: options.name.clone(),
            node: false,
            images: Vec::new(),
            guests: options.nodes.iter().map(|(name, _)| name.clone()).collect(),
            port: 0,
            program: options.program.clone(),
            cancel: Arc::clone(&options.cancel),
        })?;
        tell("etcd, kube-apiserver, controller-manager and scheduler run");
        let started: Vec<Result<VmNode>> = std::thread::scope(|scope| {
            let starts: Vec<_> = options
                .nodes
                .iter()
                .map(|(name, kernel)| {
                    let options = node_options(&cluster, options, &images, name, *kernel);
                    scope.spawn(move || {
                        let node = VmNode::start(&options?)?;
                        tell(&format!(
                            "{} is up: {}",
                            node.name(),
                            node.check("uname -r")?
                        ));
                        Ok(node)
                    })
                })
                .collect();
            let joined = starts.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .map(|node| node.unwrap_or_else(|_| bail!("a node's start panicked")))
                .collect()
        });
        let nodes = started.into_iter().collect::<Result<_>>()?;
        let fleet = Self { nodes, cluster };
        for node in &fleet.nodes {
            fleet.wait_ready(node.name(), &options.cancel)?;
            tell(&format!("{} is Ready", node.name()));
        }
        Ok(fleet)
    }

    /// Installs the chart, or upgrades it, with these settings beside those that
    /// a fleet needs.
    ///
    /// # Errors
    /// When helm refuses or pods are not ready in time.
    pub fn install(&self, interrupt: &Interrupt, settings: &[&str]) -> Result<()> {
        install(&self.cluster, interrupt, settings)
    }

    /// Its control plane.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// `kubectl` for it.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        self.cluster.kubectl()
    }

    /// Its machines.
    #[must_use]
    pub fn nodes(&self) -> &[VmNode] {
        &self.nodes
    }

    /// The machine called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn node(&self, name: &str) -> Result<&VmNode> {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.with_context(|| format!("no node {name}"))
    }

    fn wait_ready(&self, name: &str, cancel: &AtomicBool) -> Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}{.spec.taints}";
        loop {
            let said = self.kubectl().run(&["get", "node", name, "-o", path]);
            if said.as_ref().is_ok_and(|said| said == "True") {
                return Ok(());
            }
            if cancel.load(std::sync::atomic::Ordering::SeqCst) {
                bail!("interrupted while {name} was starting");
            }
            if Instant::now() > until {
                let log = self
                    .node(name)?
                    .check("journalctl -n 30 --no-pager -u kubelet");
                bail!("{name} is not Ready after {READY_WITHIN:?}: {said:?}; {log:?}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn node_options(
    cluster: &Cluster,
    options: &FleetOptions,
    images: &[PathBuf],
    name: &str,
    kernel: Kernel,
) -> Result<NodeOptions> {
    Ok(NodeOptions {
        name: name.to_owned(),
        kernel,
        access: cluster.guest(name)?,
        images: images.to_vec(),
        programs: options.programs.clone(),
        memory: MEMORY,
    })
}
