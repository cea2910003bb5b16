//! (map) A cluster that is played, with the controller itself in it.
//!
//! [`Sim`] is the world with its clock. Everything that happens is a [`Task`] of its
//! agenda; the controller's processes run beside it as tasks of the same runtime, whose
//! time is paused: it jumps to the next moment at which anything is due.

mod agenda;

mod played;

mod process;
pub use process::{Process, Settings};

mod wire;

mod request;
pub use request::Fate;

mod watcher;

mod faults;
pub use faults::Faults;

mod host;
pub use host::{Cure, Host, HostTask, Return};
mod actuator;
mod kubelet;
mod probe;

mod others;
pub use others::{Others, gate_key};

mod pods;
pub use pods::{DENIED, PodTask, Ties, Workload};

mod clocks;
mod trouble;
pub use trouble::{Forgery, Trouble};

mod nodes;
mod people;
pub use people::Deed;

mod task;
pub use task::Task;

mod cluster;
pub use cluster::World;

mod sim;
pub use sim::{EPOCH, Parts, Sim};
