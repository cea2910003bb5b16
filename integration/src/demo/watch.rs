//! Tells what probe, controller and actuator say, as they say it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::run::Demo;
use super::tell::Who;
use crate::cluster::Cluster;
use crate::product::{NAMESPACE, Objects, list, text};

/// How often the API server is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Finding, treating and proving takes about a minute and a half; most of it
/// is the spacing that keeps the probe's duty below 1 %.
const END_LIMIT: Duration = Duration::from_secs(240);
const CALM_LIMIT: Duration = Duration::from_secs(60);

/// Waits until the probe has judged the policy's trigger and found it clear.
pub fn calm(demo: &Demo, cluster: &Cluster) -> Result<()> {
    let mut story = Story::default();
    poll(
        demo,
        cluster,
        CALM_LIMIT,
        "the probe to find the node well",
        |objects| {
            story.tell(demo, objects);
            objects.health().pointer("/status/triggers/0/state") == Some(&Value::from("Clear"))
        },
    )
}

/// Waits for the end of the incident, which must be `Fixed`.
pub fn until_ended(demo: &Demo, cluster: &Cluster) -> Result<()> {
    let mut story = Story::default();
    let mut ended = Value::Null;
    poll(demo, cluster, END_LIMIT, "the incident to end", |objects| {
        story.tell(demo, objects);
        ended = objects.remediation().clone();
        text(&ended, "/status/outcome").is_some()
    })?;
    let outcome = text(&ended, "/status/outcome").unwrap_or_default();
    let message = text(&ended, "/status/message").unwrap_or_default();
    demo.teller
        .line(Who::Controller, &format!("{outcome}: {message}"));
    if outcome != "Fixed" {
        bail!("the incident ended as {outcome}, not as Fixed: {message}");
    }
    Ok(())
}

/// Waits until slot and command are taken back.
pub fn until_released(demo: &Demo, cluster: &Cluster) -> Result<()> {
    poll(
        demo,
        cluster,
        Duration::from_secs(30),
        "slot and command to be taken back",
        |objects| {
            objects.health().pointer("/spec/command").is_none()
                && objects.ledger().pointer("/status/slotsInUse") == Some(&Value::from(0))
        },
    )
}

fn poll(
    demo: &Demo,
    cluster: &Cluster,
    limit: Duration,
    what: &str,
    mut reached: impl FnMut(&Objects) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut trouble = String::new();
    loop {
        match Objects::read(cluster) {
            Ok(objects) if reached(&objects) => return Ok(()),
            Ok(_) => trouble.clear(),
            // The cluster's supervisor starts a component that ended again.
            Err(error) if trouble.is_empty() => {
                trouble = format!("{error:#}");
                demo.teller.line(
                    Who::Demo,
                    &format!("the API server does not answer: {trouble}"),
                );
            }
            Err(_) => {}
        }
        if Instant::now() > deadline {
            let hint = "run it with KEEP=1, or read the logs below";
            bail!(
                "waited {} s for {what}: {hint}\n{}",
                limit.as_secs(),
                logs(cluster)
            );
        }
        demo.interrupt.sleep(LOOK_EVERY)?;
    }
}

fn logs(cluster: &Cluster) -> String {
    ["deployment/unstall-controller", "daemonset/unstall-probe"]
        .iter()
        .map(|what| {
            let args = [
                "logs",
                "--namespace",
                NAMESPACE,
                "--all-containers",
                "--tail=12",
                what,
            ];
            let said = cluster
                .kubectl()
                .run(&args)
                .unwrap_or_else(|error| format!("{error:#}"));
            format!("--- {what}\n{said}")
        })
        .collect()
}

/// What was told already.
#[derive(Default)]
struct Story {
    told: Vec<String>,
    phases: usize,
}

impl Story {
    fn tell(&mut self, demo: &Demo, objects: &Objects) {
        self.probe(demo, objects.health());
        self.controller(demo, objects.remediation());
        self.command(demo, objects.health());
    }

    fn once(&mut self, demo: &Demo, who: Who, key: &str, line: &str) {
        let key = format!("{who:?} {key}");
        if !self.told.contains(&key) {
            self.told.push(key);
            demo.teller.line(who, line);
        }
    }

    fn probe(&mut self, demo: &Demo, health: &Value) {
        if let (Some(verdict), Some(summary)) = (
            text(health, "/status/verdict"),
            text(health, "/status/summary"),
        ) {
            self.once(demo, Who::Probe, verdict, &format!("{verdict}: {summary}"));
        }
        for trigger in list(health, "/status/triggers") {
            let part = |path| text(trigger, path).unwrap_or("?");
            let (name, state) = (part("/name"), part("/state"));
            let value = text(trigger, "/value").map_or_else(String::new, |v| format!(" at {v}"));
            let why = text(trigger, "/message").map_or_else(String::new, |m| format!(" ({m})"));
            let line = format!("trigger {name}: {state}{value}{why}");
            self.once(demo, Who::Probe, &format!("{name} {state}"), &line);
        }
    }

    fn controller(&mut self, demo: &Demo, remediation: &Value) {
        let Some(name) = text(remediation, "/metadata/name") else {
            return;
        };
        let part = |path| text(remediation, path).unwrap_or("?");
        let opened = format!(
            "incident {name} is open: trigger {} of policy {}",
            part("/spec/trigger"),
            part("/spec/policyName")
        );
        self.once(demo, Who::Controller, name, &opened);
        for blocker in list(remediation, "/status/blockers") {
            let part = |path| text(blocker, path).unwrap_or("?");
            let line = format!("waits, {}: {}", part("/reason"), part("/message"));
            self.once(demo, Who::Controller, part("/reason"), &line);
        }
        let phases = list(remediation, "/status/phases");
        for phase in phases.iter().skip(self.phases) {
            let part = |path| text(phase, path).unwrap_or("?");
            let line = format!(
                "{}, {}: {}",
                part("/phase"),
                clock(part("/startedAt")),
                part("/message")
            );
            demo.teller.line(Who::Controller, &line);
        }
        self.phases = phases.len();
    }

    fn command(&mut self, demo: &Demo, health: &Value) {
        let payload = text(health, "/spec/command/payload")
            .and_then(|payload| serde_json::from_str::<Value>(payload).ok());
        if let Some(payload) = payload {
            let part = |path| text(&payload, path).unwrap_or("?");
            let epoch = payload.get("epoch").cloned().unwrap_or_default();
            let line = format!(
                "signed command {}: {} ({}) on {}, epoch {epoch}, only in boot {}, until {}",
                part("/id"),
                part("/action"),
                part("/level"),
                part("/nodeName"),
                part("/expectBootID"),
                clock(part("/expiresAt"))
            );
            self.once(
                demo,
                Who::Controller,
                &format!("command {}", part("/id")),
                &line,
            );
        }
        let Some(state) = text(health, "/status/command/state") else {
            return;
        };
        let part = |path| text(health, path).unwrap_or("?");
        let line = match state {
            "Accepted" => format!(
                "accepted: signature verified by key {}",
                part("/status/command/keyID")
            ),
            _ => format!("{state}: {}", part("/status/command/message")),
        };
        self.once(demo, Who::Actuator, state, &line);
    }
}

/// The time of day of an RFC 3339 time.
fn clock(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, clock)| clock)
}
