//! What a node's programs write at fixed places of the host, whatever they are
//! told: each is covered by a private directory, so that nothing of it stays
//! and nothing that was there is touched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::layout::Layout;

/// The network namespaces of pods and runc's states (containerd), results and
/// locks of CNI plugins, device plugins' sockets and the links to logs (kubelet).
const FIXED: [&str; 6] = [
    "/run/netns",
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/pods",
    "/var/log/containers",
];

/// Covers them, in the mount namespace of the caller. A place that is not there
/// is made, and noted for [`uncover`].
///
/// # Errors
/// When a directory cannot be made or mounted.
pub fn cover(layout: &Layout) -> Result<()> {
    for place in FIXED {
        let private = private(layout, place);
        fs::create_dir_all(&private)
            .with_context(|| format!("cannot create {}", private.display()))?;
        if !Path::new(place).exists() {
            fs::create_dir_all(place).with_context(|| format!("cannot create {place}"))?;
            fs::write(private.with_extension("made"), "")?;
        }
        let none: Option<&str> = None;
        mount(Some(&private), place, none, MsFlags::MS_BIND, none)
            .with_context(|| format!("cannot cover {place}"))?;
    }
    Ok(())
}

/// Uncovers what this namespace sees covered, and removes the places that
/// [`cover`] made, unless somebody uses them by now.
///
/// # Errors
/// When a place cannot be uncovered.
pub fn uncover(layout: &Layout) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    for place in FIXED {
        let private = private(layout, place);
        if is_covered(&mounts, place, &private) {
            umount2(place, MntFlags::MNT_DETACH)
                .with_context(|| format!("cannot uncover {place}"))?;
        }
        if private.with_extension("made").exists() {
            // Not empty: in use by others, and theirs from now on.
            let _ = fs::remove_dir(place);
        }
    }
    Ok(())
}

/// `/var/lib/cni` of a cluster: `.../host/var-lib-cni` among its own files.
fn private(layout: &Layout, place: &str) -> PathBuf {
    let name = place.trim_start_matches('/').replace('/', "-");
    layout.data().join("host").join(name)
}

/// Whether the mount at `place` shows `private`. The kernel tells where it lies
/// from the root of its file system on, which may be mounted anywhere.
fn is_covered(mounts: &str, place: &str, private: &Path) -> bool {
    let mut ending = private.components().rev().take(3).collect::<Vec<_>>();
    ending.reverse();
    let ending: PathBuf = ending.into_iter().collect();
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next(), fields.next());
        point == Some(place) && root.is_some_and(|root| Path::new(root).ends_with(&ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_mount_counts() {
        let private = Path::new("/var/lib/unstall-cluster/demo/host/run-netns");
        let line = |root: &str, point: &str| {
            format!("36 35 98:0 {root} {point} rw,noatime master:1 - ext4 /dev/vda rw\n")
        };
        let ours = "/lib/unstall-cluster/demo/host/run-netns";
        assert!(is_covered(&line(ours, "/run/netns"), "/run/netns", private));
        assert!(!is_covered(&line("/", "/run/netns"), "/run/netns", private));
        assert!(!is_covered(&line(ours, "/mnt"), "/run/netns", private));
        let other = "/lib/unstall-cluster/test/host/run-netns";
        assert!(!is_covered(
            &line(other, "/run/netns"),
            "/run/netns",
            private
        ));
    }
}
