//! The test cluster itself, with this machine as its node: it is real, it
//! mends itself, and nothing of it stays behind.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use unstall_integration::cluster::{Cluster, ClusterOptions, Layout, State, sweep};
use unstall_integration::testing::{host_cluster, skip};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");
const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper"}, "spec": {
  "containers": [{"name": "c", "image": "unstall.dev/pause:1", "imagePullPolicy": "IfNotPresent"}]}}"#;

fn root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("a real node needs root");
    }
    root
}

fn eventually(what: &str, limit: Duration, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !reached() {
        assert!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            limit.as_secs()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All that lies where a node's programs write whatever they are told, and what
/// lies beside it.
fn around() -> Vec<PathBuf> {
    let parents = ["/run", "/var/lib", "/var/log"];
    let places = [
        "/run/netns",
        "/run/containerd",
        "/var/lib/cni",
        "/var/lib/kubelet",
    ];
    let mut found: Vec<PathBuf> = (parents.iter().chain(&places))
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| !path.ends_with("unstall-cluster"))
        .collect();
    found.sort();
    found
}

fn apply(cluster: &Cluster, document: &str) {
    let file = cluster.layout().data().join("test.json");
    std::fs::write(&file, document).unwrap();
    cluster
        .kubectl()
        .run(&[Path::new("apply"), Path::new("-f"), &file])
        .unwrap();
}

#[test]
fn a_pod_runs_and_its_node_reports_this_machine() {
    if !root() {
        return;
    }
    let cluster = host_cluster(Path::new(PROGRAM), Vec::new()).unwrap();
    let kubectl = cluster.kubectl();
    let info = |field: &str| {
        kubectl
            .run(&[
                "get",
                "nodes",
                "-o",
                &format!("jsonpath={{.items[0].status.nodeInfo.{field}}}"),
            ])
            .unwrap()
    };
    let file = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(info("bootID"), file("/proc/sys/kernel/random/boot_id"));
    assert_eq!(info("kernelVersion"), file("/proc/sys/kernel/osrelease"));

    apply(&cluster, POD);
    kubectl
        .run(&[
            "wait",
            "--for=condition=Ready",
            "pod/sleeper",
            "--timeout=60s",
        ])
        .unwrap();
    kubectl.run(&["logs", "sleeper"]).unwrap();
    let exec = kubectl
        .try_run(&["exec", "sleeper", "--", "/absent"])
        .unwrap();
    let said = String::from_utf8_lossy(&exec.stderr).into_owned();
    assert!(
        said.contains("no such file"),
        "exec did not reach the container: {said}"
    );

    let other = ClusterOptions {
        name: "second".into(),
        node: true,
        images: Vec::new(),
        guests: Vec::new(),
        port: 0,
        program: PathBuf::from(PROGRAM),
        cancel: Arc::default(),
    };
    let error = format!("{:#}", Cluster::attached(&other).unwrap_err());
    assert!(
        error.contains("another cluster uses this machine as its node"),
        "{error}"
    );
    let state = cluster.layout().state();
    cluster.down().unwrap();
    assert!(!state.exists());
}

#[test]
fn a_killed_api_server_comes_back_with_its_data() {
    if !root() {
        return;
    }
    let cluster = host_cluster(Path::new(PROGRAM), Vec::new()).unwrap();
    let kubectl = cluster.kubectl();
    kubectl.run(&["create", "configmap", "kept"]).unwrap();
    let component = || {
        let state = State::read(&cluster.layout().state()).unwrap();
        state
            .components
            .into_iter()
            .find(|c| c.name == "kube-apiserver")
            .unwrap()
    };
    let before = component();
    kill(
        Pid::from_raw(before.pid.try_into().unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    eventually(
        "the API server started again",
        Duration::from_secs(30),
        || {
            component().restarts == before.restarts + 1
                && kubectl.run(&["get", "configmap", "kept"]).is_ok()
        },
    );
}

#[test]
fn a_killed_supervisor_leaves_nothing_after_the_next_sweep() {
    if !root() {
        return;
    }
    let before = around();
    let cluster = host_cluster(Path::new(PROGRAM), Vec::new()).unwrap();
    apply(&cluster, POD);
    cluster
        .kubectl()
        .run(&[
            "wait",
            "--for=condition=Ready",
            "pod/sleeper",
            "--timeout=60s",
        ])
        .unwrap();
    let layout: Layout = cluster.layout().clone();
    let pid = State::read(&layout.state()).unwrap().process.pid;
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    eventually(
        "the supervisor's lock is free",
        Duration::from_secs(10),
        || !layout.is_held(),
    );
    sweep(&layout).unwrap();
    assert!(!layout.run().exists() && !layout.data().exists());
    let groups: Vec<_> = std::fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .flatten()
        .map(|hierarchy| hierarchy.path().join(layout.cgroup()))
        .filter(|group| group.exists())
        .collect();
    assert!(groups.is_empty(), "{groups:?}");
    assert!(
        !std::fs::read_to_string("/proc/net/dev")
            .unwrap()
            .contains("cni0")
    );
    assert!(
        !std::fs::read_to_string("/proc/self/mounts")
            .unwrap()
            .contains(layout.cgroup().as_str())
    );
    assert_eq!(around(), before);
    // Dropping the handle of a cluster that is gone does no harm.
    drop(cluster);
}

#[test]
fn the_end_of_its_starter_ends_a_cluster_with_pods_whole() {
    if !root() {
        return;
    }
    let before = around();
    let cluster = host_cluster(Path::new(PROGRAM), Vec::new()).unwrap();
    apply(&cluster, POD);
    cluster
        .kubectl()
        .run(&[
            "wait",
            "--for=condition=Ready",
            "pod/sleeper",
            "--timeout=60s",
        ])
        .unwrap();
    let layout = cluster.layout().clone();
    // As when this process had been killed: nobody calls `down`, the
    // supervisor sees the end of its standard input.
    cluster.abandon();
    eventually("the supervisor ended", Duration::from_secs(30), || {
        !layout.is_held()
    });
    assert!(
        !layout.run().exists() && !layout.data().exists(),
        "left: {}",
        layout.data().display()
    );
    assert_eq!(around(), before);
}
