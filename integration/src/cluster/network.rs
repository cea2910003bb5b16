//! The cluster's network: a namespace without any way out.
//!
//! The API server listens on the first service address inside it, so pods
//! reach it by the same address and port as in production, without kube-proxy.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// `--service-cluster-ip-range`.
pub const SERVICE_RANGE: &str = "10.0.0.0/24";
/// The first address of that range: `kubernetes.default`.
pub const SERVICE_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Where pods expect the API server.
pub const SERVICE_PORT: u16 = 443;
/// The node's `InternalIP`.
pub const NODE_IP: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 1);
/// The pods' range on this node.
pub const POD_RANGE: &str = "10.244.0.0/24";
/// The host's loopback as QEMU's user network shows it to a guest.
pub const QEMU_HOST_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Moves this process, which must have one thread only, into network and
/// mount namespaces of its own and sets up their addresses. Everything it
/// starts from then on lives there; the kernel removes interfaces and mounts
/// when the last of it ends.
///
/// Without root, a user namespace makes the caller root inside: enough for a
/// control plane, not for a node.
///
/// # Errors
/// When the kernel refuses namespaces, or `ip` (iproute2) is missing.
pub fn enter() -> Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    if geteuid().is_root() {
        unshare(namespaces).context("cannot make network and mount namespaces (CAP_SYS_ADMIN)")?;
    } else {
        let (uid, gid) = (geteuid(), getegid());
        unshare(namespaces | CloneFlags::CLONE_NEWUSER)
            .context("not root, and this kernel gives users no namespaces: run as root")?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    // Mounts of the host still appear here; ours never appear there. Below us
    // they are shared again, as the kubelet expects of a node.
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none)?;
    ip(&["link", "set", "lo", "up"])?;
    for address in [SERVICE_IP, NODE_IP] {
        ip(&["address", "add", &format!("{address}/32"), "dev", "lo"])?;
    }
    Ok(())
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(args)
        .output()
        .context("cannot run `ip`: apt-get install iproute2")?;
    if !output.status.success() {
        bail!(
            "ip {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
