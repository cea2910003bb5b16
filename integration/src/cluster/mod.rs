//! A real Kubernetes cluster on this machine: etcd, kube-apiserver,
//! controller-manager and scheduler, and, where asked for, a real kubelet with
//! containerd and runc.
//!
//! [`Cluster`] is what tests and commands hold. It runs one supervisor process
//! (`cluster serve`), which lives in network and mount namespaces of its own,
//! starts everything else there, and takes it all down again. The kernel
//! removes bridges and mounts with the namespaces; `sweep` removes the rest,
//! also after a `kill -9` of the supervisor.
//!
//! Reading order: what is built, what runs, who holds it.

mod versions;

mod cache;
mod progress;
mod toolchain;

mod image;
mod workspace_images;

mod kubeconfig;
mod layout;
mod network;
mod pki;

mod cgroup;
mod control_plane;
mod guest;
mod host_node;
mod host_paths;
mod process;

mod forward;
mod serve;
mod state;
mod sweep;
mod turn;

mod handle;
mod reader;

pub use cache::{cache_root, entry as cache_entry};
pub use guest::GuestAccess;
pub use handle::{Cluster, ClusterOptions, Kubectl, tail_logs, take_down};
pub use image::{ImageSpec, write_image};
pub use layout::Layout;
pub use progress::{Count, Progress};
pub use reader::Reader;
pub use serve::{ServeOptions, serve};
pub use state::{ComponentState, Phase, State};
pub use sweep::{sweep, try_lock};
pub use toolchain::{Toolchain, ensure};
pub use versions::KUBERNETES_VERSION;
pub use workspace_images::{WorkspaceImages, build_workspace_images};
