//! A control plane with a fleet that is played.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use unstall_controller::keys::Signer;
use unstall_integration::cluster::{Cluster, ClusterOptions, Kubectl};
use unstall_integration::fleet::{Fleet, FleetNode};
use unstall_integration::testing::{self, real, skip};
use unstall_integration::workspace::build_program;

/// How long anything may take; what is waited for takes seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// A control plane, a fleet, and a key.
pub struct Bed {
    pub kubectl: Kubectl,
    pub fleet: Fleet,
    pub runtime: Runtime,
    pub dir: TempDir,
    pub program: PathBuf,
    cluster: Cluster,
}

impl Bed {
    /// Starts all of it, with nodes `n1` to `n<count>` in zones a, b and c.
    pub fn start(name: &str, count: usize) -> Option<Self> {
        let cluster = match cluster(name) {
            Ok(cluster) => cluster,
            Err(why) => {
                skip(&why);
                return None;
            }
        };
        real("the controller's program, on a fleet that is played");
        let kubectl = cluster.kubectl();
        install(&kubectl);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let fleet = runtime.block_on(async {
            let client = testing::client(kubectl.kubeconfig()).await.unwrap();
            Fleet::start(client, nodes(count), true).await.unwrap()
        });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("signing.key"),
            Signer::generate_pem().unwrap(),
        )
        .unwrap();
        Some(Self {
            kubectl,
            fleet,
            runtime,
            dir,
            program: program(),
            cluster,
        })
    }

    /// Applies a document.
    pub fn apply(&self, document: &str) {
        let file = self.dir.path().join("applied.yaml");
        std::fs::write(&file, document).unwrap();
        let file = file.to_string_lossy();
        self.run(&["apply", "-f", &file]);
    }

    /// Runs kubectl.
    pub fn run(&self, args: &[&str]) -> String {
        let ran = self.kubectl.run(args);
        ran.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Objects of a kind, by its plural.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let read = self.cluster.reader().and_then(|it| it.list(&[kind]));
        read.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// One object, of the kind with this plural.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        let read = self.cluster.reader().and_then(|it| it.get(kind, name));
        read.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Changes what is true of a node.
    pub fn change(&self, node: &str, change: impl FnOnce(&mut unstall_integration::fleet::Facts)) {
        self.runtime
            .block_on(self.fleet.change(node, change))
            .unwrap();
    }

    /// Waits until `reached` gives something.
    pub fn until<T>(&self, what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(it) = reached() {
                return it;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: not in {LIMIT:?}\n{}\n{}",
                self.run(&["get", "nr,nh", "-o", "yaml"]),
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the incident is in one of `phases`, or has ended.
    pub fn until_phase(&self, incident: &str, phases: &[&str]) -> Value {
        let what = format!("{incident} in {phases:?}");
        self.until(&what, || self.in_phase(incident, phases))
    }

    /// The incident, if it is in one of `phases` or has ended.
    pub fn in_phase(&self, incident: &str, phases: &[&str]) -> Option<Value> {
        let all = self.list("noderemediations");
        let mut named = all.into_iter();
        let found = named.find(|it| it["metadata"]["name"] == incident)?;
        let phase = found["status"]["phase"].as_str().unwrap_or("Pending");
        (phases.contains(&phase) || phase == "Ended").then_some(found)
    }

    /// The last lines of every replica's log.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "log") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines[lines.len().saturating_sub(40)..].join("\n");
                all += &format!("--- {}\n{tail}\n", path.display());
            }
        }
        all
    }
}

/// The controller's program, built once.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let built = || {
        let beside = Path::new(env!("CARGO_BIN_EXE_cluster"));
        build_program("unstall-controller", beside).unwrap()
    };
    PROGRAM.get_or_init(built).clone()
}

fn cluster(name: &str) -> Result<Cluster, String> {
    let options = ClusterOptions {
        name: format!("{name}-{}", std::process::id()),
        node: false,
        images: Vec::new(),
        guests: Vec::new(),
        port: 0,
        program: PathBuf::from(env!("CARGO_BIN_EXE_cluster")),
        cancel: Arc::default(),
    };
    Cluster::attached(&options).map_err(|error| format!("no control plane: {error:#}"))
}

fn install(kubectl: &Kubectl) {
    testing::definitions(kubectl).unwrap();
    kubectl
        .run(&["create", "namespace", "unstall-system"])
        .unwrap();
}

fn nodes(count: usize) -> Vec<FleetNode> {
    let zones = ["a", "b", "c"];
    let node = |number: usize| FleetNode {
        name: format!("n{number}"),
        labels: BTreeMap::from([(
            "topology.kubernetes.io/zone".to_owned(),
            zones[number % zones.len()].to_owned(),
        )]),
    };
    (1..=count).map(node).collect()
}

/// A policy whose every time is short.
pub fn policy(ladder: &str) -> String {
    format!(
        r#"
apiVersion: unstall.dev/v1alpha1
kind: NodeHealthPolicy
metadata: {{name: played}}
spec:
  mode: Enforce
  nodeSelector: {{matchLabels: {{kubernetes.io/os: linux}}}}
  triggers:
  - name: slow
    signal: {{name: MemoryStatReadCPU, above: 100ms, clearBelow: 20ms, for: 5s}}
    remedies: [{ladder}]
  remedies:
  - {{name: drop, dropCaches: {{}}, settle: 1s}}
  - {{name: reboot, reboot: {{timeout: 2m}}, settle: 1s}}
  drain: {{excludeFromLoadBalancers: 1s, timeout: 2m}}
  disruption: {{stopWhenUnhealthy: 100%, pauseBetween: 0s, cooldownPerNode: 0s, maxRebootsPerNodePer24h: 24}}
  soak: {{for: 2s, timeout: 2m}}
"#
    )
}

/// A workload without a budget.
pub fn workload(replicas: u32) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers: [{{name: web, image: played/web}}]
"#
    )
}

/// The same with a budget that lets one pod go at a time.
pub fn guarded(replicas: u32) -> String {
    let workload = workload(replicas);
    format!(
        r#"{workload}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web, namespace: default}}
spec:
  maxUnavailable: 1
  selector: {{matchLabels: {{app: web}}}}
"#
    )
}
