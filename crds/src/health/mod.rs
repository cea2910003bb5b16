//! (map) `NodeHealth`: what one node's probe is to judge, and what it saw.

mod spec;

mod status;
mod status_command;
mod status_diagnosis;
mod status_signal;

pub use spec::{HealthTrigger, NodeHealth, NodeHealthSpec, Peer};
pub use status::{
    Evidence, EvidenceKind, Kernel, NodeHealthStatus, ProbeInfo, TriggerState, TriggerStatus,
    Verdict,
};
pub use status_command::{CommandMeasurement, CommandState, CommandStatus, RefusalReason};
pub use status_diagnosis::{Diagnosis, KernelClass, Nature, ProcessSystemTime};
pub use status_signal::{SignalState, SignalStatus};
