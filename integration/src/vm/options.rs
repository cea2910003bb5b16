//! What a virtual machine shall be.

use std::path::PathBuf;

use super::files::Files;
use super::kernel::Kernel;

/// What runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Busybox alone, with an empty ext4 disk at `/data`: up in seconds.
    Busybox,
    /// Debian with systemd and logind, from a disk that keeps what is written.
    Systemd,
}

/// Where the memory controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroups {
    /// On a hierarchy of version 1.
    V1,
    /// On the unified hierarchy.
    V2,
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// Its kernel.
    pub kernel: Kernel,
    /// Where its memory controller is.
    pub cgroups: Cgroups,
    /// What runs in it.
    pub system: System,
    /// Files put into it before its first boot.
    pub files: Files,
    /// What is copied as its disk in place of its system's own.
    pub disk: Option<PathBuf>,
    /// Whether it has a network card, `eth0`, whose only way leads to this
    /// machine's loopback, at 10.0.2.2.
    pub network: bool,
    /// Its memory in MiB.
    pub memory: u32,
    /// Its CPUs.
    pub cpus: u32,
}

impl VmOptions {
    /// One with two CPUs and 768 MiB.
    #[must_use]
    pub fn new(kernel: Kernel, cgroups: Cgroups, system: System) -> Self {
        Self {
            kernel,
            cgroups,
            system,
            files: Files::default(),
            disk: None,
            network: false,
            memory: 768,
            cpus: 2,
        }
    }
}
