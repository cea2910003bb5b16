//! A fleet for one test, with the chart installed as a user does.

#![allow(
    clippy::panic,
    reason = "what tests hold fails as a test does: with all that was seen"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fleet::{Fleet, FleetOptions};
use super::wait::{Until, node, remediation};
use crate::interrupt::Interrupt;
use crate::product::{apply, left_on, text};
use crate::testing::{real, vm_can_run};
use crate::vm::{Kernel, VmNode};

/// Every wait is for something that takes ten minutes at most on two idle CPUs, and
/// mostly one.
const LIMIT: Duration = Duration::from_secs(1_500);

/// What tests hold: whatever does not come in time panics with what was seen instead.
#[derive(Debug)]
pub struct Bed {
    fleet: Fleet,
    started: Instant,
}

impl Bed {
    /// Starts the fleet with the chart on it; nothing where machines cannot be had.
    /// `programs` are `cluster` and `incident`.
    #[must_use]
    pub fn start(name: &str, programs: [&str; 2], nodes: &[(&str, Kernel)]) -> Option<Self> {
        let bed = Self::bare(name, programs, nodes)?;
        bed.install();
        Some(bed)
    }

    /// The same without the chart.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn bare(name: &str, programs: [&str; 2], nodes: &[(&str, Kernel)]) -> Option<Self> {
        if !vm_can_run() {
            return None;
        }
        let options = FleetOptions {
            name: format!("{name}-{}", std::process::id()),
            nodes: (nodes
                .iter()
                .map(|(name, kernel)| ((*name).to_owned(), *kernel)))
            .collect(),
            program: Path::new(programs[0]).to_owned(),
            programs: vec![Path::new(programs[1]).to_owned()],
            cancel: std::sync::Arc::default(),
        };
        let started = Instant::now();
        let tell = |what: &str| println!("{:6.1} s  {what}", started.elapsed().as_secs_f32());
        let fleet = Fleet::start(&options, &tell).unwrap_or_else(|error| panic!("{error:#}"));
        for node in fleet.nodes() {
            real(&format!(
                "a virtual machine as node: Linux {}, kubelet, containerd",
                node.boots().concat()
            ));
        }
        Some(Self { fleet, started })
    }

    /// Installs the chart, everything quick and reboots allowed.
    ///
    /// # Panics
    /// When helm refuses or its pods are not ready in time.
    pub fn install(&self) {
        let settings = [
            "probe.interval=2s",
            "probe.hostState.enabled=true",
            "actuator.reboot.enabled=true",
            "actuator.minInterval=1s",
            "actuator.dailyCap=100",
        ];
        let installed = self.fleet.install(&Interrupt::default(), &settings);
        installed.unwrap_or_else(|error| panic!("{error:#}"));
        println!(
            "{:6.1} s  the chart is installed",
            self.started.elapsed().as_secs_f32()
        );
    }

    /// The fleet itself.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The machine called `name`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn node(&self, name: &str) -> &VmNode {
        let node = self.fleet.node(name);
        node.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Applies a document.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub fn apply(&self, document: &str) {
        apply(self.fleet.cluster(), document).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Runs kubectl, and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[allow(
        clippy::must_use_candidate,
        reason = "often it is the change that counts"
    )]
    pub fn kubectl(&self, args: &[&str]) -> String {
        let said = self.fleet.kubectl().run(args);
        said.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits for what the objects must show, and fails with all of them otherwise.
    ///
    /// # Panics
    /// When it does not come within 25 minutes.
    pub fn until(&self, what: &str, reached: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let seen = self.see(what, reached);
        let seconds = self.started.elapsed().as_secs_f32();
        println!("{seconds:6.1} s  seen: {what}");
        seen
    }

    fn see(&self, what: &str, reached: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let until = Until {
            fleet: &self.fleet,
            limit: LIMIT,
        };
        let seen = until.see(what, reached);
        seen.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits until no trigger fires on the node, by its own measurement.
    pub fn until_clear(&self, name: &str) {
        self.until(&format!("{name} to be judged well"), |objects| {
            health(objects, name).is_some_and(|it| {
                text(it, "/status/triggers/0/state") == Some("Clear")
                    && text(it, "/status/bootID") == boot_id(objects, name)
            })
        });
    }

    /// What the objects are now.
    #[must_use]
    pub fn now(&self) -> Vec<Value> {
        self.see("the objects", |_| true)
    }

    /// Waits until the newest incident of the node is blocked for this reason;
    /// gives the sentence.
    pub fn until_blocked(&self, name: &str, reason: &str) -> String {
        let of = |objects: &[Value]| {
            let blockers = remediation(objects, name)?
                .pointer("/status/blockers")?
                .clone();
            let all = blockers.as_array()?.clone();
            let found = all.iter().find(|it| text(it, "/reason") == Some(reason))?;
            Some(text(found, "/message")?.to_owned())
        };
        let what = format!("{name} to be blocked by {reason}");
        let objects = self.until(&what, |objects| of(objects).is_some());
        of(&objects).unwrap_or_default()
    }

    /// Waits for the phase of the newest incident of the node.
    pub fn until_phase(&self, name: &str, phase: &str) -> Value {
        let reached = |objects: &[Value]| {
            remediation(objects, name).is_some_and(|it| text(it, "/status/phase") == Some(phase))
        };
        let objects = self.until(&format!("{name} to be {phase}"), reached);
        remediation(&objects, name).cloned().unwrap_or_default()
    }

    /// Waits for the end of the node's incident number `count`.
    pub fn until_ended(&self, name: &str, count: usize) -> Value {
        let id = format!("{name}-{count}");
        let of = |objects: &[Value]| {
            let named = |it: &&Value| text(it, "/metadata/name") == Some(&id);
            let found = objects.iter().find(named)?.clone();
            text(&found, "/status/outcome").is_some().then_some(found)
        };
        let objects = self.until(&format!("{id} to end"), |objects| of(objects).is_some());
        of(&objects).unwrap_or_default()
    }

    /// Waits until nothing of the product is left on the node, and it is given back.
    pub fn until_given_back(&self, name: &str) {
        self.until(&format!("{name} to be given back"), |objects| {
            let node = node(objects, name);
            node.is_some_and(|node| left_on(node).is_empty())
                && (objects.iter())
                    .filter(|it| text(it, "/kind") == Some("DisruptionLedger"))
                    .all(|it| it.pointer("/status/slotsInUse") == Some(&Value::from(0)))
        });
    }
}

/// What the node's probe says.
pub fn health<'a>(objects: &'a [Value], name: &str) -> Option<&'a Value> {
    objects.iter().find(|it| {
        text(it, "/kind") == Some("NodeHealth") && text(it, "/metadata/name") == Some(name)
    })
}

/// The boot that the node's kubelet tells of.
pub fn boot_id<'a>(objects: &'a [Value], name: &str) -> Option<&'a str> {
    let node = node(objects, name)?;
    text(node, "/status/nodeInfo/bootID")
}

/// How an incident ended, for what `make test` says was real.
pub fn tell(case: &str, incident: &Value) {
    let part = |path| text(incident, path).unwrap_or("-");
    let line = format!(
        "{case}: {} by {}; {} -> {}; zombies {} -> {}",
        part("/status/outcome"),
        part("/status/remedy"),
        part("/status/proof/before/value"),
        part("/status/proof/after/value"),
        part("/status/proof/before/zombieMemcgs"),
        part("/status/proof/after/zombieMemcgs"),
    );
    println!("{line}");
    real(&line);
}
