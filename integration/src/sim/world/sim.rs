//! The world and its clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use node_probe::actuator::keys::KeySet;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Faults, Others, Process, Settings, Workload, World, process};
use crate::sim::chance::Chance;
use crate::sim::law::Law;

/// When every simulation begins: a Monday at noon.
pub const EPOCH: Timestamp = Timestamp::constant(1_772_452_800, 0);

/// The world and its clock.
pub struct Sim {
    pub began: Instant,
    world: Mutex<World>,
    wake: Notify,
}

/// What a world is made of.
pub struct Parts {
    pub chance: Chance,
    pub settings: Settings,
    pub faults: Faults,
    pub law: Law,
    pub others: Others,
    pub keys: KeySet,
    pub processes: Vec<Process>,
    pub workloads: Vec<Workload>,
}

impl Sim {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            wake: Notify::new(),
            world: Mutex::new(World::new(parts)),
        })
    }

    /// Does something to the world, now.
    pub fn with<T>(&self, deed: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = self.began.elapsed();
        let next = world.agenda.next();
        let done = deed(&mut world);
        if world.agenda.next() < next || next.is_none() {
            self.wake.notify_one();
        }
        done
    }

    /// Lets the world go on until `end`, or until a law is broken.
    pub async fn turn(self: &Arc<Self>, end: Duration) {
        loop {
            let (next, is_over) = self.with(|world| (world.agenda.next(), world.law.is_broken()));
            if is_over {
                return;
            }
            let next = next.unwrap_or(end).min(end);
            tokio::select! {
                biased;
                () = self.wake.notified() => continue,
                () = tokio::time::sleep_until(self.began + next) => {}
            }
            while let Some(start) = self.with(World::step) {
                if let Some(number) = start {
                    process::start(self, number);
                }
            }
            if self.began.elapsed() >= end {
                return;
            }
        }
    }
}
