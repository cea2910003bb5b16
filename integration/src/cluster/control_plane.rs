//! The flags of etcd, kube-apiserver, controller-manager and scheduler, as
//! kubeadm would set them for one machine.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::kubeconfig;
use super::layout::Layout;
use super::network::{NODE_IP, SERVICE_IP, SERVICE_PORT, SERVICE_RANGE};
use super::pki::{Authority, Identity};
use super::process::Spec;
use super::toolchain::Toolchain;

const ISSUER: &str = "https://kubernetes.default.svc";
const ETCD: &str = "http://127.0.0.1:2379";
const SERVER_NAMES: [&str; 4] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
];

/// Everything that the control plane needs on disk.
pub struct ControlPlane {
    ca: PathBuf,
    service_account: Identity,
    serving: Identity,
    kubelet_client: Identity,
    front_proxy: Identity,
}

impl ControlPlane {
    /// Makes the certificates and the kubeconfigs of its clients.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn prepare(layout: &Layout, authority: &Authority) -> Result<Self> {
        let plane = Self {
            ca: authority.ca(),
            service_account: authority.service_account_key()?,
            serving: authority.server("apiserver", "kube-apiserver", &SERVER_NAMES)?,
            kubelet_client: authority.client(
                "apiserver-kubelet-client",
                "kube-apiserver-kubelet-client",
                &["system:masters"],
            )?,
            front_proxy: authority.client("front-proxy-client", "front-proxy-client", &[])?,
        };
        for component in ["kube-controller-manager", "kube-scheduler"] {
            let client = authority.client(component, &format!("system:{component}"), &[])?;
            kubeconfig::write(
                &client_config(layout, component),
                &inside(),
                &plane.ca,
                &client,
            )?;
        }
        Ok(plane)
    }

    /// etcd. Its data is thrown away with the cluster, so it need not survive
    /// a power cut.
    #[must_use]
    pub fn etcd(&self, layout: &Layout, toolchain: &Toolchain) -> Spec {
        let data = layout.data().join("etcd");
        spec(
            toolchain,
            "etcd",
            [
                format!("--data-dir={}", data.display()),
                "--unsafe-no-fsync".into(),
                format!("--listen-client-urls={ETCD}"),
                format!("--advertise-client-urls={ETCD}"),
                "--listen-peer-urls=http://127.0.0.1:0".into(),
                "--log-level=warn".into(),
            ],
        )
    }

    /// kube-apiserver, on the service address and port.
    #[must_use]
    pub fn apiserver(&self, layout: &Layout, toolchain: &Toolchain) -> Spec {
        let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        spec(
            toolchain,
            "kube-apiserver",
            [
                format!("--etcd-servers={ETCD}"),
                "--bind-address=0.0.0.0".into(),
                format!("--advertise-address={NODE_IP}"),
                format!("--secure-port={SERVICE_PORT}"),
                format!("--service-cluster-ip-range={SERVICE_RANGE}"),
                file("cert-dir", &layout.pki()),
                file("tls-cert-file", &self.serving.cert),
                file("tls-private-key-file", &self.serving.key),
                file("client-ca-file", &self.ca),
                file("service-account-key-file", &self.service_account.cert),
                file(
                    "service-account-signing-key-file",
                    &self.service_account.key,
                ),
                format!("--service-account-issuer={ISSUER}"),
                "--authorization-mode=Node,RBAC".into(),
                "--enable-admission-plugins=NodeRestriction".into(),
                // The node's own agents (CNI and the like) are privileged pods in
                // production as well; pod security still applies per namespace.
                "--allow-privileged=true".into(),
                file("kubelet-certificate-authority", &self.ca),
                file("kubelet-client-certificate", &self.kubelet_client.cert),
                file("kubelet-client-key", &self.kubelet_client.key),
                "--kubelet-preferred-address-types=InternalIP".into(),
                file("requestheader-client-ca-file", &self.ca),
                "--requestheader-allowed-names=front-proxy-client".into(),
                "--requestheader-username-headers=X-Remote-User".into(),
                "--requestheader-group-headers=X-Remote-Group".into(),
                "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
                file("proxy-client-cert-file", &self.front_proxy.cert),
                file("proxy-client-key-file", &self.front_proxy.key),
            ],
        )
    }

    /// kube-controller-manager.
    #[must_use]
    pub fn controller_manager(&self, layout: &Layout, toolchain: &Toolchain) -> Spec {
        let config = client_config(layout, "kube-controller-manager");
        spec(
            toolchain,
            "kube-controller-manager",
            [
                format!("--kubeconfig={}", config.display()),
                format!("--authentication-kubeconfig={}", config.display()),
                format!("--authorization-kubeconfig={}", config.display()),
                "--bind-address=127.0.0.1".into(),
                "--use-service-account-credentials=true".into(),
                format!(
                    "--service-account-private-key-file={}",
                    self.service_account.key.display()
                ),
                format!("--root-ca-file={}", self.ca.display()),
            ],
        )
    }

    /// kube-scheduler.
    #[must_use]
    pub fn scheduler(&self, layout: &Layout, toolchain: &Toolchain) -> Spec {
        let config = client_config(layout, "kube-scheduler");
        spec(
            toolchain,
            "kube-scheduler",
            [
                format!("--kubeconfig={}", config.display()),
                format!("--authentication-kubeconfig={}", config.display()),
                format!("--authorization-kubeconfig={}", config.display()),
                "--bind-address=127.0.0.1".into(),
            ],
        )
    }
}

/// The API server's address for processes of the cluster.
#[must_use]
pub fn inside() -> String {
    format!("https://{SERVICE_IP}:{SERVICE_PORT}")
}

fn client_config(layout: &Layout, component: &str) -> PathBuf {
    layout.pki().join(format!("{component}.kubeconfig"))
}

fn spec(toolchain: &Toolchain, name: &'static str, args: impl IntoIterator<Item = String>) -> Spec {
    Spec {
        name,
        program: toolchain.program(name),
        args: args.into_iter().collect(),
        path: None,
    }
}
