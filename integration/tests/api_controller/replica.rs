//! A controller that runs as a process, on a wire that can be cut.

use nix::sys::signal::Signal;
use unstall_integration::fleet::{self, ReplicaOptions, Wire};

use crate::bed::Bed;

/// A controller; it is killed with this value.
pub struct Replica {
    pub name: String,
    /// Between it and the API server.
    pub wire: Wire,
    process: fleet::Replica,
}

/// How long a replica leads without being heard.
#[derive(Debug, Clone, Copy)]
pub enum Lease {
    /// As short as may be: another follows within seconds.
    Short,
    /// What it is by default: who is alone has nobody to make way for.
    Alone,
}

impl Replica {
    /// Starts one.
    pub fn start(bed: &Bed, name: &str, lease: Lease) -> Self {
        Self::with(bed, name, lease, &[])
    }

    /// Starts one that is told more.
    pub fn with(bed: &Bed, name: &str, lease: Lease, args: &[String]) -> Self {
        let dir = bed.dir.path();
        let wire = Wire::to(bed.kubectl.kubeconfig(), dir, name).unwrap();
        let lease = match lease {
            Lease::Short => "--lease-duration=4s --lease-renew-deadline=3s --lease-retry=500ms",
            Lease::Alone => "",
        };
        let options = ReplicaOptions {
            name: name.to_owned(),
            program: bed.program.clone(),
            kubeconfig: wire.kubeconfig().to_owned(),
            key: dir.join("signing.key"),
            log: dir.join(format!("{name}.log")),
            args: lease
                .split_whitespace()
                .map(str::to_owned)
                .chain(args.iter().cloned())
                .collect(),
        };
        Self {
            name: name.to_owned(),
            wire,
            process: fleet::Replica::start(&options).unwrap(),
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// Its exit code, once it has ended by itself.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.process.ended().unwrap()
    }

    /// A page of its own.
    pub fn page(&self, path: &str) -> String {
        self.process.page(path).unwrap()
    }

    /// The sum of a metric's samples whose labels hold all of `labels`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.process.metric(name, labels).unwrap()
    }
}

/// Which of the replicas holds the lease.
pub fn leader(bed: &Bed, replicas: &[Replica]) -> Option<usize> {
    let leases = bed.list("leases");
    let mut own = leases
        .iter()
        .filter(|it| it["metadata"]["namespace"] == "unstall-system");
    let holder = own.next()?["spec"]["holderIdentity"].as_str()?.to_owned();
    replicas
        .iter()
        .position(|it| holder.starts_with(&format!("{}_", it.name)))
}
