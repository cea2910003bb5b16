//! The incident maker: zombie memory cgroups and pulses on the running kernel.
//!
//! Zombies alone do not slow a root `memory.stat` read on kernels from 5.13 on: their statistics
//! are flushed only when they change. So an incident is two things: many dead memory cgroups, each
//! pinned by one page of one shared file, and a process that maps and unmaps that file again and
//! again, which changes the statistics of all of them. The next root read then flushes them in one
//! go, on its CPU, with interrupts off.
//!
//! The program `incident` is the same for people, and is also what this library starts as its child
//! processes.

mod backing;
mod capacity;
mod clean;
mod error;
mod hierarchy;
mod lock;
mod maker;
mod options;
mod process;
pub mod pulse;
pub mod read;
mod state;
pub mod status;
pub mod worker;
pub mod zombies;

pub use backing::Backing;
pub use clean::{Cleaned, clean};
pub use error::IncidentError;
pub use hierarchy::{Hierarchy, Version};
pub use maker::{Incident, Made, Stopped, check};
pub use options::{Cancel, DEFAULT_STATE_DIR, Options, parse_duration};
