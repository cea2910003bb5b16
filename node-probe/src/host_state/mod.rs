//! (map) What the host's own files say of its next boot: the kernel that it would
//! run, and whether the distribution asks for it.
//!
//! Reading order: files below a root that no link leads out of ([`Tree`]); the
//! formats, each pure; which of them tells what GRUB or systemd-boot boots; the
//! sentinel; one [`look`] at all of it, at the start and at each report. Nothing
//! of it is in the path of a sample.

mod error;
mod tree;

mod entry;
mod grub_file;
mod kernels;
mod os_release;
mod pattern;

mod bls;
mod grub;
mod grub_default;
mod systemd_boot;

mod sentinel;
mod staged;

mod look;

pub use error::Untold;
pub use look::{HostFiles, HostState, look};
pub use sentinel::SentinelPath;
pub use staged::Staged;
pub use tree::{Kind, Tree};
