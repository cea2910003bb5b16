//! Clocks that are wrong.

use std::time::Duration;

use super::{Task, Trouble, World};

/// A clock that drifts is set this often,
const DRIFT_STEP: Duration = Duration::from_mins(5);
/// and one that stands still.
const STOP_STEP: Duration = Duration::from_secs(10);
/// No clock is wrong by more milliseconds than this.
const WORST: i64 = 600_000;

impl World {
    pub(super) fn set_clock(&mut self, process: usize, ahead: i64) {
        self.clocks_changed = self.now;
        let process = &mut self.processes[process];
        process.skew = ahead;
        if let Some(machine) = &process.machine {
            machine.set_clock(ahead);
        }
    }

    pub(super) fn drifts(&mut self, process: usize, by: i64) {
        let again = Trouble::Drift { process, by };
        self.moves(process, by, DRIFT_STEP, again);
    }

    pub(super) fn clock_stops(&mut self, process: usize) {
        let by = i64::try_from(STOP_STEP.as_millis()).unwrap_or_default();
        self.moves(process, -by, STOP_STEP, Trouble::ClockStops { process });
    }

    fn moves(&mut self, process: usize, by: i64, step: Duration, again: Trouble) {
        if self.faults.are_over() {
            return;
        }
        let ahead = (self.processes[process].skew + by).clamp(-WORST, WORST);
        self.goes_on(ahead, step, again);
        self.set_clock(process, ahead);
    }

    pub(super) fn host_drifts(&mut self, name: String, by: i64) {
        if self.faults.are_over() {
            return;
        }
        let mut ahead = by;
        self.host(&name, |host| {
            host.skew = (host.skew + by).clamp(-WORST, WORST);
            ahead = host.skew;
        });
        let again = Trouble::HostDrift { host: name, by };
        self.goes_on(ahead, DRIFT_STEP, again);
    }

    /// Until it is as wrong as clocks get here.
    fn goes_on(&mut self, ahead: i64, step: Duration, again: Trouble) {
        if ahead.abs() < WORST {
            self.after(step, Task::Trouble(again));
        }
    }
}
