//! The label sets. Each is bounded: by the code, or by the bound of a NodeHealth's
//! triggers (64).

use prometheus_client::encoding::EncodeLabelSet;

/// Whose `memory.stat` was read, and by which clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Read {
    /// `root` or `leaf`.
    pub cgroup: &'static str,
    /// `cpu`, or `latency`: wall time without the wait for a CPU.
    pub clock: &'static str,
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfSignal {
    /// Its name in the API.
    pub signal: &'static str,
}

/// A state of several, of which one is 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfVerdict {
    /// The verdict.
    pub verdict: &'static str,
}

/// A state of a trigger, of which one is 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfTrigger {
    /// The policy that defines it.
    pub policy: String,
    /// Its name in that policy.
    pub trigger: String,
    /// `Firing`, `Clear` or `Unknown`.
    pub state: &'static str,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfResult {
    /// `success` or `error`.
    pub result: &'static str,
}

/// A kernel beside the one that follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfKernel {
    /// The running one.
    pub running: String,
    /// The next boot's; empty, which is absent to Prometheus, where it is not known.
    pub staged: String,
}

/// The build.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// The released version.
    pub version: &'static str,
    /// The commit.
    pub commit: &'static str,
}

/// A value that stands alone, or is absent while it is not known.
pub type Alone = [(&'static str, &'static str); 0];
