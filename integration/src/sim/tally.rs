//! What became of many worlds.

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::coverage::Coverage;

/// What became of many worlds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    pub worlds: u64,
    pub node_hours: f64,
    pub coverage: Coverage,
    pub failed: Vec<Failed>,
}

/// A world in which a law was broken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failed {
    pub seed: u64,
    pub rule: String,
    pub text: String,
    /// The last lines of what was done.
    pub trace: Vec<String>,
}

impl Tally {
    /// Adds a world.
    pub fn take(&mut self, outcome: Outcome) {
        self.worlds += 1;
        self.node_hours += outcome.node_hours;
        self.coverage.add(&outcome.coverage);
        if let Some(broken) = outcome.broken {
            self.failed.push(Failed {
                seed: outcome.seed,
                rule: broken.rule,
                text: format!("at {:?}: {}", broken.at, broken.text),
                trace: outcome.trace,
            });
        }
    }

    /// Adds those of another.
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.node_hours += other.node_hours;
        self.coverage.add(&other.coverage);
        self.failed.extend(other.failed);
        self.failed.sort_by_key(|it| it.seed);
    }

    /// Whether nothing was broken.
    pub const fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}
