//! What a policy asks the probe to judge. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use super::signal::{Signal, Statistic};

/// One trigger of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The policy's name.
    pub policy: String,
    /// The trigger's name in it.
    pub name: String,
    /// Names the signal block, so that a verdict on another one is not taken
    /// for one on this.
    pub signal_hash: String,
    /// What is measured.
    pub signal: Signal,
    /// How samples become one value.
    pub statistic: Statistic,
    /// Over how many samples.
    pub samples: usize,
    /// It fires when the value is greater, in the signal's unit.
    pub above: u64,
    /// Once firing, it clears when the value is less, in the signal's unit.
    pub clear_below: u64,
    /// For how long the value must have been above before it fires (`for` in
    /// the API).
    pub hold: Duration,
    /// What must be elevated besides for it to fire: any one of these, or
    /// nothing if there are none.
    pub corroborated_by: Vec<Corroborator>,
    /// Why the rule does not count on this node, if it does not.
    pub not_here: Option<String>,
}

/// A signal that vouches for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corroborator {
    /// Its name in the API.
    pub name: String,
    /// The signal; `None` where this probe does not measure it.
    pub signal: Option<Signal>,
    /// It is elevated from here on, in the signal's unit.
    pub elevated: u64,
}

impl Rule {
    /// Whether `other` asks for the same judgement, so that its state holds for
    /// this one too.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.policy, &self.name, &self.signal_hash)
            == (&other.policy, &other.name, &other.signal_hash)
    }
}
