//! A control plane with a fleet that is played.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use unstall_controller::keys::Signer;
use unstall_integration::cluster::{Cluster, ClusterOptions, Kubectl};
use unstall_integration::fleet::{Fleet, FleetNode, Replica, ReplicaOptions};
use unstall_integration::released::static_binary;
use unstall_integration::testing;

use crate::log::Log;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(900);

pub struct Bed {
    kubectl: Kubectl,
    client: Client,
    fleet: Fleet,
    runtime: Runtime,
    dir: TempDir,
    program: PathBuf,
    _cluster: Cluster,
}

impl Bed {
    /// Starts all of it, and writes a policy that cordons.
    pub fn start(nodes: usize) -> Self {
        let program = static_binary("unstall-controller").unwrap();
        let cluster = Cluster::attached(&ClusterOptions {
            name: "fleet".to_owned(),
            node: false,
            images: Vec::new(),
            guests: Vec::new(),
            port: 0,
            program: PathBuf::from(env!("CARGO_BIN_EXE_cluster")),
            cancel: Arc::default(),
        })
        .unwrap();
        let kubectl = cluster.kubectl();
        install(&kubectl);
        let runtime = Runtime::new().unwrap();
        let (client, fleet) = runtime.block_on(async {
            let client = testing::client(kubectl.kubeconfig()).await.unwrap();
            let node = |number| FleetNode {
                name: format!("n{number}"),
                labels: BTreeMap::new(),
            };
            let nodes = (1..=nodes).map(node).collect();
            let fleet = Fleet::start(client.clone(), nodes, true).await.unwrap();
            (client, fleet)
        });
        let dir = tempfile::tempdir().unwrap();
        let key = Signer::generate_pem().unwrap();
        std::fs::write(dir.path().join("signing.key"), key).unwrap();
        let bed = Self {
            kubectl,
            client,
            fleet,
            runtime,
            dir,
            program,
            _cluster: cluster,
        };
        let policy = bed.dir.path().join("policy.yaml");
        std::fs::write(&policy, POLICY).unwrap();
        let policy = policy.to_string_lossy();
        bed.kubectl.run(&["apply", "-f", &policy]).unwrap();
        bed
    }

    /// A controller as the chart starts it.
    pub fn replica(&self, name: &str) -> Replica {
        let dir = self.dir.path();
        let logs = "--log=info,unstall_controller::run=debug --log-format=json";
        Replica::start(&ReplicaOptions {
            name: name.to_owned(),
            program: self.program.clone(),
            kubeconfig: self.kubectl.kubeconfig().to_owned(),
            key: dir.join("signing.key"),
            log: dir.join(format!("{name}.log")),
            args: logs.split(' ').map(str::to_owned).collect(),
        })
        .unwrap()
    }

    /// The log of a controller.
    pub fn log(&self, name: &str) -> Log {
        let log = self.dir.path().join(format!("{name}.log"));
        Log::read(&std::fs::read_to_string(log).unwrap())
    }

    /// Whether the policy counts all nodes as healthy.
    pub fn is_judged(&self, nodes: usize) -> Option<()> {
        let json = self.kubectl.run(&["get", "nhp", "cordons", "-o", "json"]);
        let policy: Value = serde_json::from_str(&json.unwrap()).unwrap();
        (policy["status"]["nodes"]["healthy"] == nodes).then_some(())
    }

    /// Waits until `reached` gives something.
    pub fn until<T>(&self, what: &str, reached: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(it) = reached() {
                return it;
            }
            assert!(Instant::now() < deadline, "{what}: not in {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets a node's probe report a stall; how long it takes until the node is
    /// cordoned.
    pub fn cordon_after(&self, name: &str) -> Duration {
        let nodes: Api<Node> = Api::all(self.client.clone());
        self.runtime.block_on(async {
            let fires = self.fleet.change(name, |facts| facts.fires = true);
            fires.await.unwrap();
            let reported = Instant::now();
            loop {
                let node = nodes.get(name).await.unwrap();
                if node.spec.and_then(|it| it.unschedulable) == Some(true) {
                    return reported.elapsed();
                }
                assert!(reported.elapsed() < LIMIT, "{name} is not cordoned");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    }
}

fn install(kubectl: &Kubectl) {
    testing::definitions(kubectl).unwrap();
    kubectl
        .run(&["create", "namespace", "unstall-system"])
        .unwrap();
}

/// Each node may be cordoned, so that none waits for another.
const POLICY: &str = r"
apiVersion: unstall.dev/v1alpha1
kind: NodeHealthPolicy
metadata: {name: cordons}
spec:
  mode: Enforce
  nodeSelector: {matchLabels: {kubernetes.io/os: linux}}
  triggers:
  - name: slow
    signal: {name: MemoryStatReadCPU, above: 100ms, clearBelow: 20ms, for: 5s}
    remedies: [cordon]
  remedies: [{name: cordon, cordon: {}}]
  disruption: {maxUnavailable: 100, pauseBetween: 0s, cooldownPerNode: 0s}
";
