//! What must be so before anything is started, each with the way out.

use std::fs::File;

use anyhow::{Result, bail};

use super::run::CLUSTER;
use crate::cluster::{Cluster, Layout, try_lock};
use crate::incident;

/// Checks this machine and takes the demo's lock, which the kernel releases
/// with this process.
///
/// # Errors
/// One sentence that says what is missing and what to do.
pub fn check() -> Result<File> {
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "the demo runs a kubelet and makes a kernel stall on this machine, which needs root: run `sudo make demo`. \
             What works without root is above (`make check`)"
        );
    }
    incident::check()?;
    if !on_path("ip") {
        bail!("`ip` is not on PATH: apt-get install iproute2");
    }
    let layout = Layout::new(CLUSTER)?;
    let lock_path = layout.lock().with_file_name("demo-run.lock");
    let Some(lock) = try_lock(&lock_path)? else {
        bail!("another demo is running on this machine: wait for its end, or stop it with Ctrl-C");
    };
    if layout.is_held() && Cluster::find(CLUSTER)?.is_some() {
        bail!(
            "the cluster of an earlier `KEEP=1 make demo` is still up: look around in it (`export KUBECONFIG={}`), or \
             take it down with `make demo-down` and run this again",
            layout.kubeconfig().display()
        );
    }
    Ok(lock)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
