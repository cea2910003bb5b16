//! A whole drain: what is planned is carried out, by a controller that remembers and by one that dies
//! after every call. The test is the kubelet of the node, and finds a place for what is evicted.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet};
use k8s_openapi::api::core::v1::{Binding, Node, Pod as KubePod};
use kube::api::{Api, ListParams, PatchParams, PostParams};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use unstall_controller::{client, evict, pod};
use unstall_crds::policy::{Drain, DrainAction, DrainRule, DrainStep};
use unstall_crds::remediation::DrainProgress;
use unstall_crds::selector::LabelSelector;
use unstall_decide::drain::{Input, Outlook, State, plan};
use unstall_decide::{EvictionAnswer, Pod, PodRef};

use crate::place::{Place, create};
use crate::proxy::proxy;
use unstall_integration::forward::{Forward, Kind};

const PARALLEL: usize = 3;
const PASSES: usize = 400;

#[tokio::test]
async fn a_node_is_emptied_and_no_budget_broken() {
    drain("whole", false).await;
}

#[tokio::test]
async fn a_controller_that_dies_after_every_call_does_no_harm_twice() {
    drain("whole-dies", true).await;
}

async fn drain(name: &str, dies: bool) {
    let Some(place) = Place::new(name).await else {
        return;
    };
    let scene = Scene::set(place).await;
    let mut run = Run::new(&scene, dies);
    let mut last = None;
    for _ in 0..PASSES {
        let outlook = run.pass().await;
        scene.kubelet().await;
        scene.check_budget().await;
        let left = outlook.progress.left.len();
        last = Some(outlook);
        match left {
            1 => break,
            // The critical pod waits until the stuck one is given up.
            2 => run.ahead = SignedDuration::from_mins(3),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let left = last.unwrap().progress.left;
    assert_eq!(left.len(), 1, "after {PASSES} passes: {left:#?}");
    run.check().await;
}

/// The node with its pods.
struct Scene {
    place: Place,
    spare: String,
    drain: Drain,
    stays: Vec<PodRef>,
}

impl Scene {
    async fn set(place: Place) -> Self {
        let spare = format!("{}-spare", place.namespace);
        let nodes: Api<Node> = Api::all(place.client.clone());
        create(&nodes, json!({"metadata": {"name": spare}})).await;
        let mut scene = Self {
            place,
            spare,
            drain: drain_of_jobs(),
            stays: Vec::new(),
        };
        scene.make_replicas().await;
        scene.make_agent().await;
        let place = &scene.place;
        let labels = |app: &str| json!({"labels": {"app": app}});
        let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "x"}, "labels": {"app": "static"}});
        scene
            .stays
            .push(place.pod("static", mirror, Value::Null).await);
        let stuck = json!({"finalizers": ["example.org/keep"], "labels": {"app": "stuck"}});
        let soon = json!({"terminationGracePeriodSeconds": 1});
        place.pod("stuck", stuck, soon).await;
        let volumes = json!({"volumes": [{"name": "scratch", "emptyDir": {}}]});
        place.pod("scratch", labels("scratch"), volumes).await;
        place.pod("job", labels("job"), Value::Null).await;
        place.pod("ended", labels("ended"), Value::Null).await;
        place.is("ended", "Succeeded", false).await;
        let critical = json!({"priorityClassName": "system-cluster-critical"});
        place.pod("dns", labels("dns"), critical).await;
        place.budget("web", json!({"minAvailable": 2})).await;
        place.until_allowed("web", 1).await;
        scene
    }

    /// Three replicas on the node; their controller makes new ones.
    async fn make_replicas(&self) {
        let template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "none"}]},
        });
        let spec = json!({
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template,
        });
        let sets: Api<ReplicaSet> = self.place.api();
        create(&sets, json!({"metadata": {"name": "web"}, "spec": spec})).await;
        self.place_all("web", 3, &self.place.node).await;
    }

    /// A `DaemonSet`'s pod on the node.
    async fn make_agent(&mut self) {
        let nodes: Api<Node> = Api::all(self.place.client.clone());
        let label = json!({"metadata": {"labels": {"test": self.place.node}}});
        let patch = kube::api::Patch::Merge(&label);
        let (node, params) = (&self.place.node, PatchParams::default());
        nodes.patch(node, &params, &patch).await.unwrap();
        let template = json!({
            "metadata": {"labels": {"app": "agent"}},
            "spec": {
                "nodeSelector": {"test": self.place.node},
                "containers": [{"name": "main", "image": "none"}],
            },
        });
        let spec = json!({"selector": {"matchLabels": {"app": "agent"}}, "template": template});
        let sets: Api<DaemonSet> = self.place.api();
        create(&sets, json!({"metadata": {"name": "agent"}, "spec": spec})).await;
        self.place_all("agent", 1, &self.place.node).await;
        let agents = self.of("agent").await;
        let plain = pod::from_kube(&agents[0]);
        self.stays.push(plain.to_ref());
    }

    /// Waits for `count` pods of the app without a node, and lets them run on `node`.
    async fn place_all(&self, app: &str, count: usize, node: &str) {
        let what = format!("{count} pods of {app}");
        self.place
            .until(&what, async || self.of(app).await.len() == count)
            .await;
        for pod in self.of(app).await {
            self.run(&pod, node).await;
        }
    }

    async fn of(&self, app: &str) -> Vec<KubePod> {
        let mut pods = self.place.pods().await;
        pods.retain(|pod| pod.labels().get("app").is_some_and(|it| it == app));
        pods
    }

    async fn run(&self, pod: &KubePod, node: &str) {
        let name = pod.name_any();
        let binding: Binding = serde_json::from_value(json!({
            "metadata": {"name": name}, "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }))
        .unwrap();
        let pods: Api<KubePod> = self.place.api();
        let bound: Value = pods
            .create_subresource("binding", &name, &PostParams::default(), &binding)
            .await
            .unwrap();
        assert_eq!(bound["status"], "Success", "{bound:#}");
        self.place.is(&name, "Running", true).await;
    }

    /// All pods of the node, as the controller sees them.
    async fn on_node(&self) -> Vec<Pod> {
        let pods: Api<KubePod> = Api::all(self.place.client.clone());
        let here = ListParams::default().fields(&format!("spec.nodeName={}", self.place.node));
        let list = pods.list(&here).await.unwrap();
        list.items.iter().map(pod::from_kube).collect()
    }

    /// Takes away what has been told to terminate, and lets new replicas run elsewhere.
    async fn kubelet(&self) {
        let pods = self.on_node().await;
        let terminating = pods.iter().filter(|pod| pod.deleting.is_some());
        for pod in terminating.filter(|pod| pod.name != "stuck") {
            self.place.is_gone(&pod.name).await;
        }
        for pod in self.of("web").await {
            if pod.spec.as_ref().unwrap().node_name.is_none() {
                self.run(&pod, &self.spare).await;
            }
        }
    }

    async fn check_budget(&self) {
        let web = self.of("web").await;
        let available = web.iter().map(pod::from_kube);
        let available = available.filter(|pod| pod.ready && pod.deleting.is_none());
        assert!(available.count() >= 2, "{web:#?}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.place.delete("node", &self.spare);
    }
}

/// Jobs are waited for, for a short time.
fn drain_of_jobs() -> Drain {
    let step = |action, lasts: Option<&str>| DrainStep {
        action,
        r#for: lasts.map(|it| it.parse().unwrap()),
    };
    Drain {
        force: true,
        delete_empty_dir_data: true,
        skip_wait_for_delete_timeout: Some("1m".parse().unwrap()),
        rules: vec![DrainRule {
            name: "jobs".into(),
            pod_selector: Some(LabelSelector {
                match_labels: [("app".to_owned(), "job".to_owned())].into(),
                ..LabelSelector::default()
            }),
            namespaces: None,
            steps: vec![
                step(DrainAction::Wait, Some("3s")),
                step(DrainAction::Evict, None),
            ],
        }],
        ..Drain::default()
    }
}

/// A controller at work.
struct Run<'a> {
    scene: &'a Scene,
    forward: Forward,
    client: Client,
    started: Timestamp,
    answers: BTreeMap<String, EvictionAnswer>,
    before: Option<DrainProgress>,
    /// How far its clock has been put forward.
    ahead: SignedDuration,
    /// Whether it dies after every call.
    dies: bool,
}

impl<'a> Run<'a> {
    fn new(scene: &'a Scene, dies: bool) -> Self {
        static PLAIN: OnceLock<String> = OnceLock::new();
        let forward = Forward::to(PLAIN.get_or_init(|| proxy(scene.place.kubectl))).unwrap();
        let address = format!("http://127.0.0.1:{}", forward.port);
        Self {
            scene,
            client: client::with(Config::new(address.parse().unwrap())).unwrap(),
            forward,
            started: Timestamp::now(),
            answers: BTreeMap::new(),
            before: None,
            ahead: SignedDuration::ZERO,
            dies,
        }
    }

    fn look(&self, pods: &[Pod]) -> Outlook {
        plan(&Input {
            drain: &self.scene.drain,
            pods,
            answers: &self.answers,
            started: self.started,
            now: Timestamp::now() + self.ahead,
            parallel: PARALLEL,
            before: self.before.as_ref(),
        })
    }

    async fn pass(&mut self) -> Outlook {
        let pods = self.scene.on_node().await;
        let outlook = self.look(&pods);
        let was = self.before.take().unwrap_or_default();
        let is = &outlook.progress;
        assert!(
            is.total >= was.total && is.gone >= was.gone,
            "{is:?} after {was:?}"
        );
        // What is said is said before anything is done.
        self.before = Some(outlook.progress.clone());
        for call in &outlook.actions {
            let answer = evict::carry_out(&self.client, call).await;
            if self.dies {
                break;
            }
            self.answers.insert(call.pod().uid.clone(), answer);
        }
        let terminating = self.scene.on_node().await.into_iter();
        let terminating = terminating.filter(|pod| pod.deleting.is_some());
        assert!(terminating.count() <= PARALLEL);
        outlook
    }

    async fn check(&self) {
        for pod in &self.scene.stays {
            self.scene.place.unharmed(pod).await;
        }
        let pods = self.scene.on_node().await;
        let end = self.look(&pods);
        let path = format!("{}/stuck", self.scene.place.namespace);
        let sentence = format!("every pod that had to leave is gone; not waited for: pod {path}");
        assert_eq!(end.state, State::Done { left: 1, sentence });
        // Three replicas, scratch, job, ended, dns, and the one that is left.
        assert_eq!((end.progress.total, end.progress.gone), (8, 7));
        let owners: Vec<_> = end
            .progress
            .displaced
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(
            owners,
            [format!("ReplicaSet/{}/web", self.scene.place.namespace)]
        );
        self.check_calls();
        self.scene.let_go().await;
    }

    /// No pod was evicted twice, and the critical one last.
    fn check_calls(&self) {
        let seen = self.forward.seen().into_iter();
        let calls: Vec<_> = seen.filter(|it| it.kind == Kind::Write).collect();
        let accepted: Vec<_> = calls.iter().filter(|it| it.status == Some(201)).collect();
        let mut uids: Vec<_> = accepted
            .iter()
            .map(|it| {
                it.body["deleteOptions"]["preconditions"]["uid"]
                    .as_str()
                    .unwrap()
            })
            .collect();
        let last = &accepted.last().unwrap().body["metadata"]["name"];
        assert_eq!(last, "dns");
        let count = uids.len();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!(uids.len(), count, "a pod was evicted twice");
        assert_eq!(count, 8);
        let refused = calls.len() - count;
        println!("{count} calls accepted, {refused} refused");
        // Two replicas are asked for in one pass; their budget lets one go.
        assert!(self.dies || refused > 0);
        assert!(refused <= 4, "{refused} calls for nothing");
    }
}

impl Scene {
    /// Takes the finalizer away that nobody here removes.
    async fn let_go(&self) {
        let patch = json!({"metadata": {"finalizers": null}});
        let patch = kube::api::Patch::Merge(&patch);
        let pods: Api<KubePod> = self.place.api();
        pods.patch("stuck", &Default::default(), &patch)
            .await
            .unwrap();
    }
}
