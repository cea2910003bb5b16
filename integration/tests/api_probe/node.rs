//! A probe of this machine that runs as a process, with a `NodeHealth` of its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use unstall_integration::cluster::Kubectl;
use unstall_integration::testing::{self, real, skip};
use unstall_integration::workspace::build_program;

use crate::http::call;
use crate::proxy::proxy;
use unstall_integration::forward::Forward;

const LIMIT: Duration = Duration::from_secs(60);
const OBJECTS: &str = "/apis/unstall.dev/v1alpha1/nodehealths";

/// What all tests share.
pub struct Bed {
    pub kubectl: Kubectl,
    /// `kubectl proxy`: the API server without TLS.
    plain: String,
    program: PathBuf,
}

/// The API server and the probe's program; None, and the test counts as skipped, without them.
pub fn bed() -> Option<&'static Bed> {
    static BED: OnceLock<Result<Bed, String>> = OnceLock::new();
    match BED.get_or_init(make) {
        Ok(bed) => Some(bed),
        Err(why) => {
            skip(why);
            None
        }
    }
}

fn make() -> Result<Bed, String> {
    let cluster = Path::new(env!("CARGO_BIN_EXE_cluster"));
    let kubectl = testing::api(cluster).map_err(|error| format!("no API server: {error:#}"))?;
    testing::definitions(&kubectl).map_err(|error| format!("{error:#}"))?;
    real("the probe as a process, against kube-apiserver through connections at fault");
    Ok(Bed {
        plain: proxy(&kubectl),
        program: build_program("node-probe", cluster).map_err(|error| format!("{error:#}"))?,
        kubectl,
    })
}

/// The probe of a node of this name.
pub struct Node {
    pub name: String,
    pub bed: &'static Bed,
    pub forward: Forward,
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Node {
    /// Starts one behind a forwarder, and waits until it has written.
    pub fn start(name: &str, interval: &str) -> Option<Self> {
        Self::start_with(name, &["--interval", interval])
    }

    /// The same with any arguments.
    pub fn start_with(name: &str, arguments: &[&str]) -> Option<Self> {
        let bed = bed()?;
        let forward = Forward::to(&bed.plain).unwrap();
        let server = format!("http://127.0.0.1:{}", forward.port);
        let cluster = json!({"server": server});
        Some(Self::with(
            bed,
            name,
            arguments,
            forward,
            &cluster,
            &json!({}),
        ))
    }

    /// Starts one that reaches `cluster` as `user`, in the words of a kubeconfig.
    pub fn with(
        bed: &'static Bed,
        name: &str,
        arguments: &[&str],
        forward: Forward,
        cluster: &Value,
        user: &Value,
    ) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let dir = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        let kubeconfig = dir.path().join("kubeconfig");
        fs::write(&kubeconfig, config.to_string()).unwrap();
        create(bed, &name);
        let port = free_port();
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new(&bed.program)
            .args(["probe", "--node-name", &name])
            .args(arguments)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .env("KUBECONFIG", &kubeconfig)
            .stderr(log)
            .spawn()
            .unwrap();
        let node = Self {
            name,
            bed,
            forward,
            child,
            port,
            dir,
        };
        node.until_observed(1, LIMIT);
        node
    }

    /// The object as the API server has it.
    pub fn object(&self) -> Value {
        let (_, body) = call(&self.bed.plain, "GET", &self.path(), "");
        serde_json::from_str(&body).unwrap()
    }

    fn path(&self) -> String {
        format!("{OBJECTS}/{}", self.name)
    }

    /// Changes the spec, which the probe answers with a write, and returns the generation.
    pub fn change(&self) -> i64 {
        let before = &self.object()["spec"]["reportInterval"];
        let next = if before == "5m" { "6m" } else { "5m" };
        self.report_each(next)
    }

    /// Sets the interval of its reports, and returns the generation.
    pub fn report_each(&self, interval: &str) -> i64 {
        let patch = json!({"spec": {"reportInterval": interval}}).to_string();
        let (status, body) = call(&self.bed.plain, "PATCH", &self.path(), &patch);
        assert_eq!(status, 200, "{body}");
        let object: Value = serde_json::from_str(&body).unwrap();
        object["metadata"]["generation"].as_i64().unwrap()
    }

    /// Waits until the status speaks of this generation.
    pub fn until_observed(&self, generation: i64, limit: Duration) {
        let what = format!("generation {generation} to be spoken of");
        self.until(&what, limit, || {
            self.object()["status"]["observedGeneration"] == generation
        });
    }

    /// Waits until `holds`.
    pub fn until(&self, what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + limit;
        while !holds() {
            let late = Instant::now() > deadline;
            assert!(
                !late,
                "{}: waited {limit:?} for {what}:\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until what a start brings has been said: 10 s without a write.
    pub fn settle(&self) {
        let written = || self.forward.written().len();
        let (mut count, mut since) = (written(), Instant::now());
        self.until("writes to cease", LIMIT * 2, || {
            if written() != count {
                (count, since) = (written(), Instant::now());
            }
            since.elapsed() > Duration::from_secs(10)
        });
    }

    /// CPU time of all measuring so far, in seconds; the probe must be alive for it.
    pub fn measured(&self) -> f64 {
        let page = self.page();
        let name = "unstall_probe_cycle_cpu_seconds_total ";
        let value = page.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap().parse().unwrap()
    }

    /// Its metrics.
    pub fn page(&self) -> String {
        let address = format!("127.0.0.1:{}", self.port);
        let (status, page) = call(&address, "GET", "/metrics", "");
        assert_eq!(status, 200, "{page}");
        page
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Deletes its object and makes it again.
    pub fn recreate(&self) {
        let (status, body) = call(&self.bed.plain, "DELETE", &self.path(), "");
        assert_eq!(status, 200, "{body}");
        create(self.bed, &self.name);
    }

    /// Asserts that the probe that was started still runs.
    pub fn assert_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "{} ended:\n{}", self.name, self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It is ours, and nothing is left of it but its entry.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            call(&self.bed.plain, "DELETE", &self.path(), "");
        }
    }
}

/// A port that no outgoing connection takes meanwhile: below those that the kernel gives out.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn create(bed: &Bed, name: &str) {
    let document = json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealth", "metadata": {"name": name},
        "spec": {"nodeUID": format!("uid-of-{name}")},
    });
    let (status, body) = call(&bed.plain, "POST", OBJECTS, &document.to_string());
    assert_eq!(status, 201, "{body}");
}
