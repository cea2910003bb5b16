//! Two replicas of which one leads, started again whenever one ends, as a kubelet does:
//! on a busy machine a lease this short is lost without a fault.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bed::Bed;
use crate::replica::{Lease, Replica, leader};

/// What happens to the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`.
    Killed,
    /// `SIGSTOP` for longer than its lease, then `SIGCONT`.
    Frozen,
    /// Nothing passes between it and the API server for longer than its lease;
    /// then what was on its way arrives.
    CutOff,
    /// `SIGTERM`: it ends the pass that is under way, and gives its lease up.
    Told,
}

/// Both replicas.
pub struct Pair<'a> {
    bed: &'a Bed,
    replicas: Vec<Replica>,
}

impl<'a> Pair<'a> {
    /// Starts two.
    pub fn start(bed: &'a Bed) -> Self {
        let start = |name| Replica::start(bed, name, Lease::Short);
        Self {
            bed,
            replicas: vec![start("a"), start("b")],
        }
    }

    /// Waits until `reached` gives something.
    pub fn until<T>(&mut self, what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
        let bed = self.bed;
        bed.until(what, || {
            self.revive();
            reached()
        })
    }

    /// Waits until the incident is in one of `phases`, or has ended.
    pub fn until_phase(&mut self, incident: &str, phases: &[&str]) -> Value {
        let bed = self.bed;
        self.until(&format!("{incident} in {phases:?}"), || {
            bed.in_phase(incident, phases)
        })
    }

    /// The leader suffers `fault`; another leads, and a new replica stands by.
    pub fn strike(&mut self, fault: Fault) {
        let at = self.until_one_leads();
        let mut victim = self.replicas.remove(at);
        match fault {
            Fault::Killed => victim.signal(Signal::SIGKILL),
            Fault::Frozen => victim.signal(Signal::SIGSTOP),
            Fault::CutOff => victim.wire.cut(),
            Fault::Told => victim.signal(Signal::SIGTERM),
        }
        self.until_one_leads();
        if fault == Fault::Frozen {
            victim.signal(Signal::SIGCONT);
        }
        if fault != Fault::Killed {
            let code = self.exit_code(&mut victim);
            assert_eq!(code == Some(0), fault == Fault::Told, "exit code {code:?}");
        }
        victim.wire.mend();
        let name = format!("{}+", victim.name);
        drop(victim);
        self.replicas
            .push(Replica::start(self.bed, &name, Lease::Short));
    }

    fn until_one_leads(&mut self) -> usize {
        let bed = self.bed;
        bed.until("one to lead", || {
            self.revive();
            leader(bed, &self.replicas)
        })
    }

    /// What an old leader ends with, within a minute.
    fn exit_code(&self, victim: &mut Replica) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(code) = victim.ended() {
                return code;
            }
            assert!(
                Instant::now() < deadline,
                "the old leader goes on\n{}",
                self.bed.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn revive(&mut self) {
        for replica in &mut self.replicas {
            if let Some(code) = replica.ended() {
                println!("{} ended with {code:?}", replica.name);
                let name = format!("{}+", replica.name);
                *replica = Replica::start(self.bed, &name, Lease::Short);
            }
        }
    }
}
