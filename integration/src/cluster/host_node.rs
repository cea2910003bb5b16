//! `HostNode`: this machine as a node, by a real kubelet, containerd and runc
//! in the cluster's namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::control_plane::inside;
use super::image::{ImageSpec, write_image};
use super::kubeconfig;
use super::layout::Layout;
use super::network::{NODE_IP, POD_RANGE};
use super::pki::Authority;
use super::process::Spec;
use super::toolchain::Toolchain;

const PAUSE_IMAGE: &str = "unstall.dev/pause:1";

/// The files and programs of the node.
pub struct HostNode {
    name: String,
    dir: PathBuf,
    socket: PathBuf,
    toolchain: Toolchain,
}

impl HostNode {
    /// Writes the configuration of containerd, CNI and kubelet.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn prepare(
        layout: &Layout,
        toolchain: &Toolchain,
        authority: &Authority,
        name: &str,
    ) -> Result<Self> {
        let node = Self {
            name: name.to_owned(),
            dir: layout.data().join("node"),
            socket: layout.run().join("containerd.sock"),
            toolchain: toolchain.clone(),
        };
        for dir in ["cni", "containerd", "kubelet", "manifests"] {
            fs::create_dir_all(node.dir.join(dir))?;
        }
        fs::write(
            node.dir.join("containerd.toml"),
            node.containerd_config(layout),
        )?;
        fs::write(
            node.dir.join("cni/10-unstall.conflist"),
            node.cni_config().to_string(),
        )?;
        fs::write(node.dir.join("resolv.conf"), "")?;
        let client = authority.client(
            "kubelet-client",
            &format!("system:node:{name}"),
            &["system:nodes"],
        )?;
        kubeconfig::write(
            &node.dir.join("kubeconfig"),
            &inside(),
            &authority.ca(),
            &client,
        )?;
        let serving = authority.server("kubelet", &format!("system:node:{name}"), &[name])?;
        let kubelet = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_IP,
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": true},
                "x509": {"clientCAFile": authority.ca()},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", layout.cgroup()),
            "containerRuntimeEndpoint": format!("unix://{}", node.socket.display()),
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            // cgroup v1 is what many of the nodes run that this project is for.
            "failCgroupV1": false,
            "failSwapOn": false,
            // Off: on a disk that is nearly full it deletes the product's images before they run.
            "imageGCHighThresholdPercent": 100,
            "makeIPTablesUtilChains": false,
            "resolvConf": node.dir.join("resolv.conf"),
            "staticPodPath": node.dir.join("manifests"),
            "tlsCertFile": serving.cert,
            "tlsPrivateKeyFile": serving.key,
        });
        fs::write(
            node.dir.join("kubelet.json"),
            serde_json::to_vec_pretty(&kubelet)?,
        )?;
        Ok(node)
    }

    /// The Node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// containerd.
    #[must_use]
    pub fn containerd(&self) -> Spec {
        Spec {
            name: "containerd",
            program: self.toolchain.program("containerd"),
            args: vec![format!(
                "--config={}",
                self.dir.join("containerd.toml").display()
            )],
            // It finds its shim by PATH.
            path: Some(self.toolchain.node_dir().to_owned()),
        }
    }

    /// kubelet.
    #[must_use]
    pub fn kubelet(&self) -> Spec {
        Spec {
            name: "kubelet",
            program: self.toolchain.program("kubelet"),
            args: vec![
                format!("--config={}", self.dir.join("kubelet.json").display()),
                format!("--kubeconfig={}", self.dir.join("kubeconfig").display()),
                format!("--root-dir={}", self.dir.join("kubelet").display()),
                format!("--hostname-override={}", self.name),
                format!("--node-ip={NODE_IP}"),
            ],
            path: Some(self.toolchain.node_dir().to_owned()),
        }
    }

    /// Waits for containerd and imports the sandbox image and `images`
    /// (OCI archives).
    ///
    /// # Errors
    /// When containerd does not answer in 20 s or refuses an archive.
    pub fn import(&self, layout: &Layout, images: &[PathBuf]) -> Result<()> {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while let Err(error) = self.ctr(&["version".as_ref()]) {
            if std::time::Instant::now() > deadline {
                return Err(error).context(format!(
                    "containerd did not answer in 20 s: see {}",
                    layout.log("containerd").display()
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let pause = self.dir.join("pause.tar");
        let program = self.toolchain.program("pause");
        write_image(&pause, &ImageSpec::new(PAUSE_IMAGE, &program))?;
        for archive in std::iter::once(&pause).chain(images) {
            self.ctr(&[
                "images".as_ref(),
                "import".as_ref(),
                "--local".as_ref(),
                archive.as_ref(),
            ])
            .with_context(|| format!("cannot import {}", archive.display()))?;
        }
        Ok(())
    }

    fn ctr(&self, args: &[&Path]) -> Result<()> {
        let output = Command::new(self.toolchain.program("ctr"))
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", "k8s.io", "--connect-timeout", "2s"])
            .args(args)
            .output()
            .context("cannot run ctr")?;
        if !output.status.success() {
            bail!("ctr: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn containerd_config(&self, layout: &Layout) -> String {
        let (root, state) = (self.dir.join("containerd"), layout.run().join("containerd"));
        let programs = self.toolchain.node_dir();
        format!(
            "version = 3
root = {root:?}
state = {state:?}
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp']
[grpc]
  address = {socket:?}
[ttrpc]
  address = {ttrpc:?}
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  # Machines without CAP_SYS_RESOURCE cannot lower a score.
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [{programs:?}]
  conf_dir = {cni:?}
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = {runc:?}
  SystemdCgroup = false
",
            socket = self.socket,
            ttrpc = self.socket.with_extension("ttrpc"),
            cni = self.dir.join("cni"),
            runc = self.toolchain.program("runc"),
        )
    }

    fn cni_config(&self) -> serde_json::Value {
        json!({
            "cniVersion": "1.0.0",
            "name": "unstall",
            "plugins": [{
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.dir.join("cni-addresses"),
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }],
        })
    }
}
