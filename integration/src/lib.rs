//! The test bed: a real control plane and node, and real kernel stalls.

pub mod cluster;
pub mod incident;
pub mod vm;
pub mod vm_fleet;

pub mod fleet;
pub mod forward;

pub mod product;

pub mod demo;

#[cfg(feature = "mutate")]
pub mod mutate;

#[cfg(feature = "sim")]
pub mod plant;
#[cfg(feature = "sim")]
pub mod sim;

#[cfg(any(feature = "mutate", feature = "sim"))]
mod tree;

pub mod interrupt;
pub mod process_id;
pub mod released;
pub mod testing;
pub mod workspace;
