//! A running probe, seen from outside.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// Names the cluster to publish to. Without it, one that does not answer.
const KUBECONFIG: &str = "UNSTALL_BENCH_KUBECONFIG";
/// The NodeHealth in it.
const NODE: &str = "UNSTALL_BENCH_NODE";
/// The root reads that were trusted and those that were not.
const CYCLES: [&str; 2] = [
    "unstall_memory_stat_read_seconds_count{cgroup=\"root\",clock=\"cpu\"}",
    "unstall_samples_untrusted_total{signal=\"MemoryStatReadCPU\"}",
];

/// A probe of our own; dropping it ends it.
pub struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts `command` with the arguments of `node-probe probe` added.
    pub fn start(mut command: Command, dir: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let kubeconfig =
            std::env::var_os(KUBECONFIG).map_or_else(|| unreachable_server(dir), Into::into);
        let log = fs::File::create(dir.join("log")).unwrap();
        let node = std::env::var(NODE).unwrap_or_else(|_| "bench".to_owned());
        println!(
            "API server: {}",
            if std::env::var_os(KUBECONFIG).is_some() {
                "answers"
            } else {
                "out of reach"
            }
        );
        let child = command
            .args(["--node-name", &node, "--listen", &address])
            .env("KUBECONFIG", kubeconfig)
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// How many root reads it has taken; nothing while it does not answer.
    pub fn cycles(&self) -> Option<u64> {
        let page = self.page("/metrics")?;
        let counts = CYCLES.iter().flat_map(|row| {
            let value = page.lines().find_map(|line| line.strip_prefix(row))?;
            value.trim().parse::<u64>().ok()
        });
        Some(counts.sum())
    }

    fn page(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        Some(page)
    }

    /// `VmRSS` or another row of its status, in KiB.
    pub fn memory(&self, row: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(row)?.strip_prefix(':'));
        value
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap()
    }

    /// The CPU time of all its threads. The kernel brings it up to date whenever a thread sleeps.
    pub fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanos = threads.flatten().map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap();
            let ran = text.split_whitespace().next().unwrap();
            ran.parse::<u64>().unwrap()
        });
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is ours, and nothing is left of it but its entry.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Port 1 refuses every connection.
fn unreachable_server(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]\n\
                contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n";
    fs::write(&path, text).unwrap();
    path
}
