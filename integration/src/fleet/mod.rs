//! Nodes without machines, for what no machine has room for: their kubelets,
//! probes and actuators are played on a real API server, as far as the controller
//! can see them. What they did is on record, with what must never have happened.
//! Controllers run beside them as processes, each on a wire that can be cut.

mod facts;

mod deeds;

mod objects;

mod kubelet;
mod probe;

mod actuator;

mod run;

mod replica;
mod wire;

pub use deeds::{Deed, Deeds};
pub use facts::{Facts, Reboot};
pub use replica::{Replica, ReplicaOptions};
pub use run::{Fleet, FleetNode};
pub use wire::Wire;
