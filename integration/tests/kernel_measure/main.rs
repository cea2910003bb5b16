//! What the probe measures on the running kernel, against the truth.
//!
//! Every test holds the machine's lock while its incident lasts.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod bracket;
mod nature;
mod reads;
mod zombies;

#[path = "../kernel_support/turn.rs"]
mod turn;

use std::path::Path;
use std::time::Duration;

use node_probe::sample::{Observer, Roots};
use turn::PROGRAM;
use unstall_integration::incident::{Backing, Incident, Options};

/// An incident of `zombies` whose pages are on ext4.
fn incident(zombies: u32) -> Incident {
    Incident::make(&Options {
        wait: Duration::from_secs(600),
        ..Options::new(zombies, Backing::Ext4, PROGRAM)
    })
    .unwrap()
}

/// The probe's measurements of this machine.
fn observer() -> Observer {
    Observer::open(Roots::under(Path::new("/")))
}
