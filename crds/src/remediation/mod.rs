//! (map) `NodeRemediation`: one incident, from its start to its end.

mod spec;

mod status;
mod status_drain;
mod status_proof;

pub use spec::{NodeRemediation, NodeRemediationSpec, Origin, PolicySnapshot};
pub use status::{
    Blocker, GatePoint, GateWait, NodeRemediationStatus, Outcome, Phase, PhaseRecord,
};
pub use status_drain::{DisplacedOwner, DrainProgress, LeftPod};
pub use status_proof::{BootProof, Measurement, Proof, Rung, RungResult, SignalComparison};
