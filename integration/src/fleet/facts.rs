//! What is true of a node that is played.

use std::time::Duration;

/// What is true of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether every signal trigger of it fires.
    pub fires: bool,
    /// Whether dropping caches cures it.
    pub is_curable: bool,
    /// Whether its kubelet reports it Ready.
    pub is_ready: bool,
    /// Whether its probe reports.
    pub is_heard: bool,
    /// Whether an actuator answers beside it.
    pub has_actuator: bool,
    /// Whether the actuator takes commands; one that does not takes the one that
    /// is there then, once it does again.
    pub is_taking: bool,
    /// How long dropping caches takes.
    pub dropping: Duration,
    /// The P50 of NetworkStall.
    pub network_stall: String,
    /// The kernel that runs.
    pub kernel: String,
    /// The kernel that the next boot runs.
    pub next_kernel: String,
    /// The number of the boot, of which its ID is made.
    pub boot: u32,
    /// What an order to reboot does.
    pub reboot: Reboot,
    /// Whether the next boot is well.
    pub is_cured_by_reboot: bool,
}

/// What an order to reboot does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reboot {
    /// The node goes down, and comes back after this.
    Back(Duration),
    /// It goes down for good.
    Never,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            fires: false,
            is_curable: true,
            is_ready: true,
            is_heard: true,
            has_actuator: true,
            is_taking: true,
            dropping: Duration::from_millis(300),
            network_stall: "2ms".to_owned(),
            kernel: "6.1.0-40-played".to_owned(),
            next_kernel: "6.1.0-40-played".to_owned(),
            boot: 1,
            reboot: Reboot::Back(Duration::from_secs(2)),
            is_cured_by_reboot: true,
        }
    }
}

impl Facts {
    /// The boot ID of the node of this name.
    #[must_use]
    pub fn boot_id(&self, name: &str) -> String {
        format!("{name}-boot-{}", self.boot)
    }
}
