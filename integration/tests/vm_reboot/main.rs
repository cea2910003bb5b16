//! Reboots for real: a virtual machine with systemd and logind, the release
//! binary in it as the chart runs it, commands signed by a key of the test's own.
#![allow(clippy::unwrap_used)]

mod guest;

mod crashes;
mod power;
mod reboot;
