//! A virtual machine that is a node of a real cluster: kernel, systemd, containerd
//! and kubelet of its own, reached by no network but the API server's.
//!
//! Reading order: what its disk holds, what makes it one node of one cluster, how
//! it boots, what tests hold of it.

mod disk;
mod settings;

mod boot_loader;
mod machine;

pub use disk::{NODE_KERNELS, ensure_disk};
pub use machine::VmNode;
pub use settings::NodeOptions;
