//! A kernel's roll-out through a fleet, for a person to watch.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::fleet::Fleet;
use super::table::{Shown, render};
use super::wait::{node, objects};
use super::workload::{Availability, Workload};
use crate::interrupt::Interrupt;
use crate::product::{apply, text};
use crate::vm::Kernel;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Three reboots with their proofs take some five minutes on two CPUs.
const LIMIT: Duration = Duration::from_secs(1_800);
const WORKLOAD: Workload = Workload {
    name: "workload",
    replicas: 3,
    node: None,
    min_available: 2,
};

/// A policy that rolls out one kernel, everything quick but the bake.
#[must_use]
pub fn rollout_policy(at_least: &str, bake: &str, windows: &str) -> String {
    format!(
        "apiVersion: unstall.dev/v1alpha1
kind: NodeHealthPolicy
metadata: {{name: kernel}}
spec:
  mode: Enforce
  nodeSelector: {{matchLabels: {{kubernetes.io/os: linux}}}}
  triggers:
  - {{name: kernel, kernel: {{atLeast: \"{at_least}\"}}, remedies: [reboot]}}
  remedies:
  - {{name: reboot, reboot: {{timeout: 10m}}, settle: 5s, maxPerNodePer24h: 10}}
  drain: {{timeout: 20m, excludeFromLoadBalancers: 5s}}
  disruption: {{maxUnavailable: 1, cooldownPerNode: 0s, pauseBetween: 5s, maxRebootsPerNodePer24h: 10, windows: {windows}}}
  rollout:
    canaries: 1
    bake: {bake}
    haltOnWorse: {{signals: [MemoryStatReadCPU], tolerancePercent: 20}}
  soak: {{for: 20s, timeout: 10m}}
"
    )
}

/// Puts Linux 6.12 where the next boot takes it from. The probe looks there at its
/// start, and then at each report: this comes before the chart.
///
/// # Errors
/// When a node does not take it.
pub fn stage(fleet: &Fleet) -> Result<()> {
    fleet
        .nodes()
        .iter()
        .try_for_each(|node| node.stage(Kernel::Linux6_12))
}

/// Rolls it out, and shows that until it is done.
///
/// # Errors
/// When it is not done in half an hour, the workload's budget was not kept, or
/// `interrupt` came.
pub fn show(fleet: &Fleet, interrupt: &Interrupt) -> Result<()> {
    WORKLOAD.deploy(fleet)?;
    let policy = rollout_policy("6.12.0", "30s", "{}");
    println!("\nThe policy:\n\n{policy}");
    apply(fleet.cluster(), &policy)?;
    let watch = Availability::watch(WORKLOAD, fleet)?;
    let names: Vec<&str> = fleet.nodes().iter().map(crate::vm::VmNode::name).collect();
    let mut screen = Screen::default();
    let until = Instant::now() + LIMIT;
    loop {
        interrupt.check()?;
        if let Ok(objects) = objects(fleet) {
            let shown = Shown {
                available: watch.last(),
                least: watch.least().map(|(least, _)| least),
                replicas: WORKLOAD.replicas,
                min_available: WORKLOAD.min_available,
            };
            screen.show(&render(&objects, &names, &shown, Timestamp::now()))?;
            if is_complete(&objects, &names) {
                break;
            }
        }
        if Instant::now() > until {
            bail!("not done within {LIMIT:?}: see the table above");
        }
        interrupt.sleep(LOOK_EVERY)?;
    }
    match watch.least() {
        Some((least, looks)) if least >= WORKLOAD.min_available => {
            println!(
                "\nDone: {looks} looks at the workload, one a second, and never fewer than {least} pods available."
            );
            Ok(())
        }
        least => bail!("the workload's budget was not kept: {least:?}"),
    }
}

/// Every node was given back, and the policy says so.
fn is_complete(objects: &[Value], names: &[&str]) -> bool {
    let policy = objects
        .iter()
        .find(|it| text(it, "/kind") == Some("NodeHealthPolicy"));
    let stage = policy.and_then(|it| text(it, "/status/rollouts/0/stage"));
    let is_back = |name: &&str| {
        node(objects, name).is_some_and(|it| it.pointer("/spec/unschedulable").is_none())
    };
    stage == Some("Complete") && names.iter().all(is_back)
}

/// Draws over what it drew last on a terminal; elsewhere prints what changed.
#[derive(Debug, Default)]
struct Screen {
    last: String,
}

impl Screen {
    fn show(&mut self, table: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            let lines = self.last.lines().count();
            if lines > 0 {
                write!(out, "\x1b[{lines}A")?;
            }
            for line in table.lines() {
                writeln!(out, "\x1b[2K{line}")?;
            }
            table.clone_into(&mut self.last);
        } else if timeless(table) != timeless(&self.last) {
            writeln!(out, "{}\n{table}", Timestamp::now().strftime("%H:%M:%S"))?;
            table.clone_into(&mut self.last);
        }
        Ok(out.flush()?)
    }
}

/// The table without what changes each second.
fn timeless(table: &str) -> String {
    let is_time = |words: &[&str]| words.get(1) == Some(&"s");
    let lines = table.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let kept = words.iter().enumerate().filter(|(at, word)| {
            !(is_time(words.get(*at..).unwrap_or_default())
                && word.chars().all(|c| c.is_ascii_digit()))
        });
        kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_pass_are_no_change() {
        assert_eq!(
            timeless("a  Draining  7 s  -"),
            timeless("a  Draining 12 s  -")
        );
        assert_ne!(timeless("a  Draining  7 s"), timeless("a  Rebooting  7 s"));
    }
}
