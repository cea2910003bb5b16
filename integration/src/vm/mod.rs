//! Virtual machines with kernels of their own: a count of zombies or a reboot
//! for real needs a kernel that is not this machine's.
//!
//! [`Vm`] is what tests hold: QEMU without KVM, a serial console in a log, and
//! commands over a second serial port, which works on every kernel without a
//! network. Its process ends with the value, and with this process.
//!
//! Reading order: what is got from Debian or built, what goes in, what runs, and
//! what runs as a node.

mod apt;
mod command;
mod kernel;
mod root_disk;
mod walk;

mod files;
mod initramfs;

mod agent;
mod machine;
mod monitor;
mod options;
mod place;
mod prepare;
mod process;
mod qemu;

mod node;

pub use agent::Ran;
pub use files::Files;
pub use kernel::{Kernel, KernelFiles};
pub use machine::Vm;
pub use node::{NODE_KERNELS, NodeOptions, VmNode, ensure_disk};
pub use options::{Cgroups, System, VmOptions};
pub use prepare::prepare;
