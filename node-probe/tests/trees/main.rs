//! The readers and `node-probe check` on trees of kernel files: one for each
//! kind of host, and broken copies of them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod tree;

mod formats;
mod readers;

mod check;

#[cfg(feature = "cluster")]
mod next_boot;
#[cfg(feature = "cluster")]
mod next_boot_grub;
#[cfg(feature = "cluster")]
mod next_boot_other;
