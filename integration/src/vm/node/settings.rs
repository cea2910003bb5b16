//! What makes a machine with the node's disk one node of one cluster.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::files::Files;
use super::super::kernel::Kernel;
use crate::cluster::GuestAccess;

const NETWORK: &str = include_str!("../../../data/vm/node/network.sh");
const NETWORK_UNIT: &str = include_str!("../../../data/vm/node/network.service");
const API_SOCKET: &str = include_str!("../../../data/vm/node/apiserver.socket");
const API_SERVICE: &str = include_str!("../../../data/vm/node/apiserver.service");
const CONTAINERD_UNIT: &str = include_str!("../../../data/vm/node/containerd.service");
const RUNC: &str = include_str!("../../../data/vm/node/runc.sh");
const CONTAINERD: &str = include_str!("../../../data/vm/node/containerd.toml");
const KUBELET_UNIT: &str = include_str!("../../../data/vm/node/kubelet.service");
const IMAGES: &str = include_str!("../../../data/vm/node/images.sh");

/// One node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its name in the cluster.
    pub name: String,
    /// The kernel of its first boot.
    pub kernel: Kernel,
    /// How it reaches its cluster.
    pub access: GuestAccess,
    /// Archives of images that its containerd gets.
    pub images: Vec<PathBuf>,
    /// Programs put into `/usr/local/bin`, by their file names.
    pub programs: Vec<PathBuf>,
    /// Its memory in MiB.
    pub memory: u32,
}

/// What is put on its disk before its first boot. `release` is what its kernel
/// calls itself.
pub fn files(options: &NodeOptions, image: &std::path::Path, release: &str) -> Files {
    let NodeOptions { name, access, .. } = options;
    let of_service = |text: &str| text.replace("SERVICE_IP", &access.service_ip);
    let mut files = Files::default();
    files
        .bytes("/etc/hostname", format!("{name}\n"), 0o644)
        .bytes("/etc/resolv.conf", "", 0o644)
        .bytes("/usr/local/lib/unstall-network", NETWORK, 0o755)
        .unit("unstall-network.service", &of_service(NETWORK_UNIT))
        .bytes(
            "/etc/systemd/system/apiserver.service",
            API_SERVICE.replace("SERVER", &access.server),
            0o644,
        )
        .unit("apiserver.socket", &of_service(API_SOCKET))
        .bytes("/etc/containerd/config.toml", CONTAINERD, 0o644)
        .bytes("/usr/local/lib/unstall-runc", RUNC, 0o755)
        .bytes("/etc/cni/net.d/10-pods.conflist", cni().to_string(), 0o644)
        .unit("containerd.service", CONTAINERD_UNIT)
        .bytes("/etc/kubernetes/ca.crt", access.ca.clone(), 0o644)
        .bytes("/etc/kubernetes/client.crt", access.cert.clone(), 0o644)
        .bytes("/etc/kubernetes/client.key", access.key.clone(), 0o600)
        .bytes(
            "/etc/kubernetes/kubeconfig",
            kubeconfig(&access.server).to_string(),
            0o600,
        )
        .bytes("/etc/kubernetes/kubelet.json", kubelet().to_string(), 0o644)
        .bytes("/usr/local/lib/unstall-images", IMAGES, 0o755)
        .unit("kubelet.service", &KUBELET_UNIT.replace("NODE", name));
    boot(&mut files, image, release);
    for archive in &options.images {
        let file = archive.file_name().unwrap_or_default().to_string_lossy();
        files.copy(&format!("/var/lib/unstall-images/{file}"), archive, 0o644);
    }
    for program in &options.programs {
        let file = program.file_name().unwrap_or_default().to_string_lossy();
        files.program(&format!("/usr/local/bin/{file}"), program);
    }
    files
}

/// `/boot` as Debian leaves it.
fn boot(files: &mut Files, image: &std::path::Path, release: &str) {
    let environment = format!("# GRUB Environment Block\n{}", "#".repeat(999));
    files
        .copy(&format!("/boot/vmlinuz-{release}"), image, 0o644)
        .bytes(&format!("/boot/initrd.img-{release}"), "", 0o644)
        .bytes("/boot/grub/grubenv", environment, 0o644)
        .bytes("/boot/grub/grub.cfg", menu(release), 0o600);
}

/// GRUB's menu, as far as anything here reads it.
fn menu(release: &str) -> String {
    format!("set default=\"0\"\nlinux /boot/vmlinuz-{release}\n")
}

/// The script that stages a kernel as installing its package does.
pub fn staging(release: &str) -> String {
    format!(
        "set -e
cp {kernels}/vmlinuz-{release} /boot/.new
mv /boot/.new /boot/vmlinuz-{release}
touch /boot/initrd.img-{release}
cat >/boot/grub/grub.cfg <<'EOF'
{menu}EOF
sync",
        kernels = super::disk::KERNELS,
        menu = menu(release)
    )
}

fn kubeconfig(server: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "node",
        "clusters": [{"name": "node", "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority": "/etc/kubernetes/ca.crt",
        }}],
        "users": [{"name": "node", "user": {
            "client-certificate": "/etc/kubernetes/client.crt",
            "client-key": "/etc/kubernetes/client.key",
        }}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": "node"}}],
    })
}

fn kubelet() -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": "/etc/kubernetes/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "systemd",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        // The walk is that of cgroup v1.
        "failCgroupV1": false,
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "resolvConf": "/etc/resolv.conf",
        // As on most clusters: logind waits until the kubelet has ended its pods.
        "shutdownGracePeriod": "10s",
        "shutdownGracePeriodCriticalPods": "4s",
    })
}

/// One node's pods reach that node, and through it the API server; no others.
fn cni() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": true,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                // Gone with a reboot, as the pods' networks are.
                "dataDir": "/run/cni-addresses",
                "ranges": [[{"subnet": "10.244.0.0/24"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_leaves_what_debian_leaves() {
        let script = staging("6.12.9-amd64");
        for part in [
            "cp /usr/lib/unstall-kernels/vmlinuz-6.12.9-amd64 ",
            "/boot/initrd.img-6.12.9-amd64\n",
            "linux /boot/vmlinuz-6.12.9-amd64\nEOF",
        ] {
            assert!(script.contains(part), "{part} in {script}");
        }
    }
}
