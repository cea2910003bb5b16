//! What the actuator asks of the host's logind over the system bus: may it, who forbids it, do it,
//! are you at it. Every conversation has one time limit and a connection of its own: the bus may
//! have been restarted since the last.
//!
//! Only `Reboot` is ever asked for. `kexec` and soft reboots keep parts of what is sick.

mod error;

mod socket;

mod manager;

pub mod inhibitor;

pub use error::LogindError;
pub use inhibitor::Inhibitor;
pub use manager::{Asked, Logind, Readiness};
