//! A controller that runs as a process.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bed::Bed;

/// A controller; it is killed with this value.
pub struct Replica {
    pub name: String,
    child: Child,
    port: u16,
}

impl Replica {
    /// Starts one that reaches the API server by `kubeconfig`.
    pub fn with(bed: &Bed, name: &str, kubeconfig: &Path) -> Self {
        let port = free_port();
        let log = File::create(bed.dir.path().join(format!("{name}.log"))).unwrap();
        let child = Command::new(&bed.program)
            .arg("run")
            .arg("--signing-key")
            .arg(bed.dir.path().join("signing.key"))
            .args(["--identity", name, "--namespace", "unstall-system"])
            .args(["--lease-duration", "4s", "--lease-renew-deadline", "3s"])
            .args(["--lease-retry", "500ms"])
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"))
            .env("KUBECONFIG", kubeconfig)
            .env("UNSTALL_LOG", "info")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            name: name.to_owned(),
            child,
            port,
        }
    }

    /// Starts one.
    pub fn start(bed: &Bed, name: &str) -> Self {
        Self::with(bed, name, bed.kubectl.kubeconfig())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// A page of its own.
    pub fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// The sum of a metric's samples whose labels hold all of `labels`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.page("/metrics");
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        samples.filter_map(value).sum()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // A frozen process is killed all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Which of the replicas holds the lease.
pub fn leader(bed: &Bed, replicas: &[Replica]) -> Option<usize> {
    let leases = bed.list("leases.coordination.k8s.io");
    let mut own = leases
        .iter()
        .filter(|it| it["metadata"]["namespace"] == "unstall-system");
    let holder = own.next()?["spec"]["holderIdentity"].as_str()?.to_owned();
    replicas
        .iter()
        .position(|it| holder.starts_with(&format!("{}_", it.name)))
}
