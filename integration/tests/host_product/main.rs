//! The product on the installed chart: a real node, real pods, real stalls.

#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

mod cure;

mod next_boot;
mod probe;
mod reboots;
mod refusals;
mod removed;
