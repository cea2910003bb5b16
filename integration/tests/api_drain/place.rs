//! A namespace and a node of a test's own. There is no kubelet: the test says what pods are like, and
//! takes away those that have terminated.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_controller::client;
use unstall_decide::PodRef;
use unstall_integration::cluster::Kubectl;
use unstall_integration::testing::{self, real, skip};

pub const LIMIT: Duration = Duration::from_secs(60);

/// The API server; None, and the test counts as skipped, without one.
fn api() -> Option<&'static Kubectl> {
    static API: OnceLock<Result<Kubectl, String>> = OnceLock::new();
    let found = API.get_or_init(|| {
        let api = testing::api(Path::new(env!("CARGO_BIN_EXE_cluster")));
        let api = api.map_err(|error| format!("no API server: {error:#}"))?;
        real("evictions by the controller's own functions, on kube-apiserver");
        Ok(api)
    });
    match found {
        Ok(api) => Some(api),
        Err(why) => {
            skip(why);
            None
        }
    }
}

/// What one test has on the API server.
pub struct Place {
    pub kubectl: &'static Kubectl,
    /// The product's own client, as the administrator.
    pub client: Client,
    pub namespace: String,
    pub node: String,
}

impl Place {
    /// Makes one. None, and the test counts as skipped, without an API server.
    pub async fn new(name: &str) -> Option<Self> {
        let kubectl = api()?;
        let name = format!("drain-{name}-{}", std::process::id());
        let place = Self {
            kubectl,
            client: client::with(config(kubectl).await).unwrap(),
            namespace: name.clone(),
            node: name.clone(),
        };
        let all: Api<Namespace> = Api::all(place.client.clone());
        create(&all, json!({"metadata": {"name": name}})).await;
        let nodes: Api<Node> = Api::all(place.client.clone());
        create(&nodes, json!({"metadata": {"name": name}})).await;
        let now = Timestamp::now();
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Test", "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        });
        let status = json!({"status": {"conditions": [ready]}});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&status));
        nodes.patch_status(&name, &params, &patch).await.unwrap();
        let accounts: Api<ServiceAccount> = place.api();
        place
            .until("a service account", async || {
                accounts.get_opt("default").await.unwrap().is_some()
            })
            .await;
        Some(place)
    }

    /// The objects of a kind in the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A pod that runs on the node and is ready, with `metadata` and `spec` beside what it needs.
    pub async fn pod(&self, name: &str, metadata: Value, spec: Value) -> PodRef {
        let pod = self.pending(name, metadata, spec).await;
        self.is(name, "Running", true).await;
        pod
    }

    /// A pod that is bound to the node and does not run yet.
    pub async fn pending(&self, name: &str, metadata: Value, spec: Value) -> PodRef {
        let mut pod = json!({
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {
                "nodeName": self.node,
                "terminationGracePeriodSeconds": 30,
                "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "none"}],
            },
        });
        merge(&mut pod["metadata"], metadata);
        merge(&mut pod["spec"], spec);
        let pod = create(&self.api::<Pod>(), pod).await;
        PodRef {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
            uid: pod.uid().unwrap(),
        }
    }

    /// Says of a pod what a kubelet would.
    pub async fn is(&self, name: &str, phase: &str, ready: bool) {
        let ready = if ready { "True" } else { "False" };
        let status = json!({"status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": ready}],
        }});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&status));
        let pods = self.api::<Pod>();
        pods.patch_status(name, &params, &patch).await.unwrap();
    }

    /// The pod as the API server has it.
    pub async fn live(&self, name: &str) -> Option<Pod> {
        self.api::<Pod>().get_opt(name).await.unwrap()
    }

    /// All pods of the namespace.
    pub async fn pods(&self) -> Vec<Pod> {
        let pods = self.api::<Pod>().list(&ListParams::default()).await;
        pods.unwrap().items
    }

    /// As a kubelet does when the containers have ended.
    pub async fn is_gone(&self, name: &str) {
        let params = DeleteParams::default().grace_period(0);
        self.api::<Pod>().delete(name, &params).await.unwrap();
    }

    /// Asserts that nothing was done to `pod`.
    pub async fn unharmed(&self, pod: &PodRef) {
        let live = self.live(&pod.name).await.unwrap();
        assert_eq!(live.uid().unwrap(), pod.uid);
        assert_eq!(live.metadata.deletion_timestamp, None, "{}", pod.name);
        let conditions = live.status.unwrap().conditions.unwrap_or_default();
        let target = conditions.iter().find(|it| it.type_ == "DisruptionTarget");
        assert_eq!(target, None, "{}", pod.name);
    }

    /// Asserts that `pod` was told to terminate, with its grace period.
    pub async fn terminates(&self, pod: &PodRef, grace: i64) {
        let live = self.live(&pod.name).await.unwrap();
        assert_eq!(live.uid().unwrap(), pod.uid);
        assert!(live.metadata.deletion_timestamp.is_some(), "{}", pod.name);
        let seconds = live.metadata.deletion_grace_period_seconds;
        assert_eq!(seconds, Some(grace), "{}", pod.name);
    }

    /// A budget of the pods with label app=web, once the controller manager has judged it.
    pub async fn budget(&self, name: &str, spec: Value) -> PodDisruptionBudget {
        let mut budget = json!({
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
        });
        merge(&mut budget["spec"], spec);
        let budgets: Api<PodDisruptionBudget> = self.api();
        create(&budgets, budget).await;
        let what = format!("the status of budget {name}");
        self.until(&what, async || {
            let live = budgets.get(name).await.unwrap();
            live.status
                .is_some_and(|it| it.observed_generation == Some(1))
        })
        .await;
        budgets.get(name).await.unwrap()
    }

    /// Waits until the budget allows so many.
    pub async fn until_allowed(&self, name: &str, allowed: i32) {
        let budgets: Api<PodDisruptionBudget> = self.api();
        let what = format!("budget {name} to allow {allowed}");
        self.until(&what, async || {
            let status = budgets.get(name).await.unwrap().status;
            status.is_some_and(|it| it.disruptions_allowed == allowed)
        })
        .await;
    }

    /// Waits until `holds`.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !holds().await {
            let late = Instant::now() > deadline;
            assert!(!late, "{}: waited {LIMIT:?} for {what}", self.namespace);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Deletes what a test made beside namespace and node when it ends.
    pub fn delete(&self, kind: &str, name: &str) {
        let arguments = ["delete", kind, name, "--ignore-not-found", "--wait=false"];
        if let Err(error) = self.kubectl.run(&arguments) {
            eprintln!("{kind} {name} is left: {error:#}");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The node first: pods of no node are taken away by the controller manager.
        self.delete("node", &self.node);
        self.delete("namespace", &self.namespace);
    }
}

/// How the administrator reaches the API server.
pub async fn config(kubectl: &Kubectl) -> Config {
    let file = Kubeconfig::read_from(kubectl.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(file, &options)
        .await
        .unwrap()
}

/// Creates an object.
pub async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let text = object.to_string();
    let object: K = serde_json::from_value(object).unwrap();
    let created = api.create(&PostParams::default(), &object).await;
    created.unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Adds the fields of `more`.
fn merge(object: &mut Value, more: Value) {
    let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) else {
        return;
    };
    object.extend(more);
}
