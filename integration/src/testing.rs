//! What tests on real things share: clusters of their own, skipping that is
//! never silent, and saying what was real.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::cluster::{Cluster, ClusterOptions, KUBERNETES_VERSION, Kubectl, ensure, tail_logs};

/// Says that a test did not run, and why. Under CI that fails the test, and so
/// the run; elsewhere the reason shows in the totals of `make test`.
///
/// # Panics
/// Under CI (`$CI` set).
#[allow(clippy::panic)]
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    eprintln!("skipped: {name}: {why}");
    if std::env::var_os("CI").is_some() {
        panic!("{why}; under CI nothing may be skipped");
    }
    append("UNSTALL_SKIP_LOG", &format!("{name}: {why}"));
}

/// Whether virtual machines can be had here: root, for their disk, and QEMU.
/// Skips the test that asks where not.
#[must_use]
pub fn vm_can_run() -> bool {
    let qemu = Command::new("qemu-system-x86_64")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    let why = match qemu {
        Err(error) => format!("no qemu-system-x86_64 ({error}): install qemu-system-x86"),
        Ok(_) if !nix::unistd::Uid::effective().is_root() => {
            "virtual machines' disks are made by root".to_owned()
        }
        Ok(_) => return true,
    };
    skip(&why);
    false
}

/// Adds a line to what `make test` says was real.
pub fn real(fact: &str) {
    append("UNSTALL_FACTS_LOG", &format!("  {fact}"));
}

fn append(variable: &str, line: &str) {
    let Some(path) = std::env::var_os(variable) else {
        return;
    };
    let file = OpenOptions::new().create(true).append(true).open(path);
    // The log only feeds the summary; the test itself has been told already.
    let _ = file.and_then(|mut file| writeln!(file, "{line}"));
}

/// An API server for tests: that of `UNSTALL_TEST_KUBECONFIG` where it is set,
/// else a control plane of this test program's own, which ends with it.
///
/// # Errors
/// When no control plane can be started.
pub fn api(program: &Path) -> Result<Kubectl> {
    static OWN: OnceLock<std::result::Result<Cluster, String>> = OnceLock::new();
    if let Some(kubeconfig) = std::env::var_os("UNSTALL_TEST_KUBECONFIG") {
        let kubectl = ensure(false)?.program("kubectl");
        return Ok(Kubectl::new(&kubectl, &PathBuf::from(kubeconfig)));
    }
    let own = OWN.get_or_init(|| {
        real(&format!(
            "kube-apiserver and etcd of Kubernetes {KUBERNETES_VERSION}"
        ));
        start("api", program, false, Vec::new()).map_err(|error| format!("{error:#}"))
    });
    match own {
        Ok(cluster) => Ok(cluster.kubectl()),
        Err(error) => Err(anyhow::anyhow!("{error}")),
    }
}

/// Installs the definitions of our kinds, and waits until they are served.
///
/// # Errors
/// When the API server does not take them.
pub fn definitions(kubectl: &Kubectl) -> Result<()> {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/yaml");
    let crds = crds.to_string_lossy();
    kubectl.run(&["apply", "--server-side", "--force-conflicts", "-f", &crds])?;
    let established = "--for=condition=Established";
    kubectl.run(&["wait", established, "--timeout=60s", "-f", &crds])?;
    // Established, and still "storage is (re)initializing" for a second.
    let mut tries = 0..150;
    while kubectl.run(&["get", "nhp,nh,nr,dl"]).is_err() && tries.next().is_some() {
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// A client of the API server that a kubeconfig names.
///
/// # Errors
/// When it cannot be read.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(config, &options).await?;
    Ok(kube::Client::try_from(config)?)
}

/// A cluster with this machine as its node and `images` on it.
///
/// # Errors
/// When it does not come up; the message holds the last lines of its logs.
pub fn host_cluster(program: &Path, images: Vec<PathBuf>) -> Result<Cluster> {
    real(&format!(
        "kubelet {KUBERNETES_VERSION}, containerd and runc on this machine"
    ));
    start("host", program, true, images)
}

fn start(kind: &str, program: &Path, node: bool, images: Vec<PathBuf>) -> Result<Cluster> {
    let name = format!("{kind}-{}", std::process::id());
    let options = ClusterOptions {
        name: name.clone(),
        node,
        images,
        guests: Vec::new(),
        port: 0,
        program: program.to_owned(),
        cancel: Arc::default(),
    };
    Cluster::attached(&options).with_context(|| {
        crate::cluster::Layout::new(&name)
            .and_then(|layout| tail_logs(&layout, 15))
            .unwrap_or_default()
    })
}
