//! What the judge knows, as the status of a `NodeHealth`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::{
    CommandStatus, Diagnosis, Evidence, EvidenceKind, Kernel, NodeHealthStatus, ProbeInfo,
    SignalState, SignalStatus, TriggerState, TriggerStatus, Verdict as ApiVerdict,
};
use unstall_crds::signal::SignalName;
use unstall_crds::units::KernelVersion;

use super::conditions::{conditions, not_given};
use super::diagnosis::{diagnosis, sentences};
use super::resume::{ACTUATOR_STARTS, WARMING, stands_in};
use super::rules::{Asked, reading};
use super::text::{MAX_EVIDENCE, MAX_MESSAGE, MAX_SUMMARY, cut};
use crate::judge::{Judge, Level, Proof, READS, Rule, Signal, State, UnknownReason, Verdict};
use crate::text;
use crate::time::MonotonicTime;

/// The API's bound on pieces of evidence.
const MAX_PIECES: usize = 16;

/// What does not change while this probe runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The boot ID, if it can be read.
    pub boot_id: Option<String>,
    /// The running kernel, as `uname -r` prints it.
    pub kernel_release: Option<String>,
    /// 1 or 2; `None` where no memory hierarchy is mounted.
    pub cgroup_version: Option<u8>,
}

/// The same moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic: what durations are taken from.
    pub monotonic: MonotonicTime,
    /// Wall clock: what people and the API read.
    pub wall: Timestamp,
}

impl Now {
    /// When `at` was, by the wall clock of now.
    #[must_use]
    pub fn wall_of(&self, at: MonotonicTime) -> Time {
        let ago = SignedDuration::try_from(self.monotonic.since(at)).unwrap_or_default();
        Time(self.wall.saturating_sub(ago).unwrap_or(self.wall))
    }
}

/// What the host's files say of its next boot; nothing stands for what they do not
/// tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct NextBoot<'a> {
    /// The kernel that it would run.
    pub staged: Option<&'a KernelVersion>,
    /// Whether the distribution asks for it.
    pub reboot_required: Option<bool>,
}

/// What the status is made of, beside the judge.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// The constants.
    pub facts: &'a Facts,
    /// What may change with every look at the host's files.
    pub next_boot: NextBoot<'a>,
    /// When this run of the probe began.
    pub started: MonotonicTime,
    /// The triggers of the spec.
    pub asked: &'a [Asked],
    /// The generation of that spec.
    pub generation: Option<i64>,
    /// For how long the measurement in hand has lasted, if there is one.
    pub in_flight: Option<Duration>,
    /// Why no actuator answers, if none does.
    pub silence: Option<&'a str>,
    /// Whether it would reboot the node, or why not; nothing until it said so.
    pub reboots: Option<Result<(), &'a str>>,
    /// Whether there is one to ask at all.
    pub has_actuator: bool,
    /// What became of the latest command.
    pub command: Option<&'a CommandStatus>,
    /// When this probe knew that the command had ended.
    pub command_ended: Option<MonotonicTime>,
    /// The status as it stands, whose times hold for what did not change.
    pub before: &'a NodeHealthStatus,
}

/// The status at `now`.
#[must_use]
pub fn status(judge: &Judge, inputs: &Inputs<'_>, now: Now) -> NodeHealthStatus {
    let verdict = judge
        .verdict(now.monotonic)
        .while_in_flight(inputs.in_flight);
    let before = inputs.before;
    let release = inputs.facts.kernel_release.as_deref();
    let mut said = Said {
        level: level(verdict.level),
        summary: cut(&verdict.sentence, MAX_SUMMARY),
        evidence: evidence(&verdict, release),
        diagnosis: diagnosis(&verdict, release),
    };
    if is_warming(judge, &verdict, inputs, now) {
        said.hold(before);
    }
    let level = said.level;
    let triggers: Vec<TriggerStatus> = inputs
        .asked
        .iter()
        .map(|asked| trigger(judge, asked, inputs, now))
        .collect();
    NodeHealthStatus {
        observed_generation: inputs.generation,
        boot_id: inputs.facts.boot_id.clone(),
        kernel: kernel(inputs),
        probe: Some(probe(inputs, now)),
        heartbeat: Some(Time(now.wall)),
        verdict: Some(level),
        verdict_since: match &before.verdict_since {
            Some(since) if before.verdict == Some(level) => Some(since.clone()),
            _ => Some(Time(now.wall)),
        },
        summary: Some(said.summary),
        evidence: said.evidence,
        diagnosis: Some(said.diagnosis),
        firing: firing(&triggers),
        triggers,
        signals: Signal::ALL
            .into_iter()
            .map(|signal| signal_status(judge, signal, now))
            .collect(),
        command: inputs.command.cloned(),
        conditions: conditions(judge, inputs, now),
    }
}

/// What is said of the node, for people and programs.
struct Said {
    level: ApiVerdict,
    summary: String,
    evidence: Vec<Evidence>,
    diagnosis: Diagnosis,
}

impl Said {
    /// Says again what was said `before`, if that was a verdict.
    fn hold(&mut self, before: &NodeHealthStatus) {
        let verdict = before.verdict.filter(|it| *it != ApiVerdict::Unknown);
        let (Some(level), Some(summary)) = (verdict, &before.summary) else {
            return;
        };
        self.level = level;
        self.summary.clone_from(summary);
        self.evidence.clone_from(&before.evidence);
        if let Some(diagnosis) = &before.diagnosis {
            self.diagnosis.clone_from(diagnosis);
        }
    }
}

/// Of an actuator that was not asked yet.
const REBOOTS_NOT_TOLD: &str = "the actuator did not say yet whether it would";

/// Whether there is no verdict only because the probe has just started.
fn is_warming(judge: &Judge, verdict: &Verdict, inputs: &Inputs<'_>, now: Now) -> bool {
    let read = Signal::MemoryStatReadCpu;
    verdict.level == Level::Unknown
        && judge.series(read).unreadable().is_none()
        && stands_in(inputs.before, inputs.facts, inputs.started, WARMING, now)
}

fn probe(inputs: &Inputs<'_>, now: Now) -> ProbeInfo {
    let before = inputs.before.probe.as_ref();
    let stands = inputs.has_actuator
        && stands_in(
            inputs.before,
            inputs.facts,
            inputs.started,
            ACTUATOR_STARTS,
            now,
        );
    let stood = before.filter(|before| stands && before.actuator);
    let silence = inputs.silence.filter(|_| stood.is_none());
    let reboots = match inputs.reboots {
        Some(said) => said,
        None if stood.is_some_and(|before| before.reboots) => Ok(()),
        None => Err(REBOOTS_NOT_TOLD),
    };
    ProbeInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cgroup_version: inputs.facts.cgroup_version,
        actuator: silence.is_none(),
        actuator_message: silence.map(|why| cut(why, MAX_MESSAGE)),
        reboots: reboots.is_ok(),
        // An actuator that is not there says nothing more of reboots.
        reboots_message: reboots
            .err()
            .filter(|_| silence.is_none())
            .map(|why| cut(why, MAX_MESSAGE)),
    }
}

fn kernel(inputs: &Inputs<'_>) -> Option<Kernel> {
    let running = inputs.facts.kernel_release.as_ref()?.parse().ok()?;
    Some(Kernel {
        running,
        staged: inputs.next_boot.staged.cloned(),
        reboot_required: inputs.next_boot.reboot_required,
    })
}

fn level(level: Level) -> ApiVerdict {
    match level {
        Level::Unknown => ApiVerdict::Unknown,
        Level::Healthy => ApiVerdict::Healthy,
        Level::Watch => ApiVerdict::Watch,
        Level::Degraded => ApiVerdict::Degraded,
        Level::Stalled => ApiVerdict::Stalled,
    }
}

fn trigger(judge: &Judge, asked: &Asked, inputs: &Inputs<'_>, now: Now) -> TriggerStatus {
    match asked {
        Asked::NotJudged(trigger, why) => {
            let mut status = unknown(
                &trigger.policy,
                &trigger.name,
                &trigger.signal_hash,
                why,
                now,
            );
            keep_since(&mut status, inputs.before);
            status
        }
        Asked::Rule(rule) => judged(judge, rule, inputs, now),
    }
}

fn judged(judge: &Judge, rule: &Rule, inputs: &Inputs<'_>, now: Now) -> TriggerStatus {
    let name = (&rule.policy, &rule.name, &rule.signal_hash);
    let Some(trigger) = judge
        .triggers()
        .iter()
        .find(|trigger| trigger.rule().is_same_as(rule))
    else {
        return unknown(name.0, name.1, name.2, "not judged yet", now);
    };
    let since_command = inputs
        .command_ended
        .and_then(|ended| match judge.proof(rule, ended) {
            Proof::Good { value } | Proof::Bad { value } => Some(reading(rule.signal, value)),
            Proof::Waiting { .. } | Proof::Unreadable(_) => None,
        });
    let mut status = TriggerStatus {
        policy: rule.policy.clone(),
        name: rule.name.clone(),
        signal_hash: rule.signal_hash.clone(),
        state: match trigger.state() {
            State::Firing => TriggerState::Firing,
            State::Clear => TriggerState::Clear,
            State::Unknown => TriggerState::Unknown,
        },
        since: now.wall_of(trigger.since()),
        value: trigger.value().map(|value| reading(rule.signal, value)),
        value_since_command: since_command,
        message: trigger
            .unknown()
            .map(|why| match why {
                UnknownReason::Unreadable(why) => not_given(rule.signal.name(), why),
                other => other.to_string(),
            })
            .or_else(|| trigger.note().map(str::to_owned))
            .map(|why| cut(&why, MAX_MESSAGE)),
    };
    keep_since(&mut status, inputs.before);
    status
}

fn unknown(policy: &str, name: &str, hash: &str, why: &str, now: Now) -> TriggerStatus {
    TriggerStatus {
        policy: policy.to_owned(),
        name: name.to_owned(),
        signal_hash: hash.to_owned(),
        state: TriggerState::Unknown,
        since: Time(now.wall),
        value: None,
        value_since_command: None,
        message: Some(cut(why, MAX_MESSAGE)),
    }
}

/// A state that stands keeps its time: the two clocks drift apart by a little.
fn keep_since(status: &mut TriggerStatus, before: &NodeHealthStatus) {
    let same = before.triggers.iter().find(|old| {
        (&old.policy, &old.name, &old.signal_hash, old.state)
            == (
                &status.policy,
                &status.name,
                &status.signal_hash,
                status.state,
            )
    });
    if let Some(old) = same {
        status.since = old.since.clone();
    }
}

fn firing(triggers: &[TriggerStatus]) -> Option<String> {
    let names: Vec<String> = triggers
        .iter()
        .filter(|trigger| trigger.state == TriggerState::Firing)
        .map(|trigger| format!("{}/{}", trigger.policy, trigger.name))
        .collect();
    (!names.is_empty()).then(|| cut(&names.join(","), MAX_SUMMARY))
}

fn signal_status(judge: &Judge, signal: Signal, now: Now) -> SignalStatus {
    let series = judge.series(signal);
    let summary = series.history().summary(READS);
    let last = series.history().last();
    let show = |value: u64| Some(reading(signal, value));
    let message = series.unreadable().map(str::to_owned).or_else(|| {
        let left_out = series
            .untrusted()
            .iter()
            .map(|(why, times)| format!("{times} left out: {why}"));
        let text = left_out.collect::<Vec<_>>().join("; ");
        (!text.is_empty()).then_some(text)
    });
    SignalStatus {
        name: api_name(signal),
        state: match (series.unreadable(), &summary) {
            (Some(_), _) => SignalState::Unknown,
            (None, None) => SignalState::Warming,
            (None, Some(_)) => SignalState::Known,
        },
        last: last.and_then(|(_, value)| show(value)),
        min: summary.as_ref().and_then(|s| show(s.min)),
        p50: summary.as_ref().and_then(|s| show(s.p50)),
        p90: summary.as_ref().and_then(|s| show(s.p90)),
        max: summary.as_ref().and_then(|s| show(s.max)),
        samples: summary.map_or(0, |s| u32::try_from(s.samples).unwrap_or(u32::MAX)),
        sampled_at: last.map(|(at, _)| now.wall_of(at)),
        message: message.map(|text| cut(&text, MAX_MESSAGE)),
    }
}

const fn api_name(signal: Signal) -> SignalName {
    match signal {
        Signal::MemoryStatReadCpu => SignalName::MemoryStatReadCPU,
        Signal::MemoryStatReadWall => SignalName::MemoryStatReadWall,
        Signal::ZombieMemcgs => SignalName::ZombieMemcgs,
        Signal::ZombieMemcgGrowth => SignalName::ZombieMemcgGrowth,
        Signal::SoftirqDelay => SignalName::SoftirqDelay,
        Signal::SoftnetSqueeze => SignalName::SoftnetSqueeze,
        Signal::SoftnetDrop => SignalName::SoftnetDrop,
        Signal::MemoryPressure => SignalName::MemoryPressure,
        Signal::IrqPressure => SignalName::IRQPressure,
        Signal::CpuSteal => SignalName::CPUSteal,
    }
}

fn evidence(verdict: &Verdict, release: Option<&str>) -> Vec<Evidence> {
    let mut evidence = vec![Evidence {
        kind: EvidenceKind::Measurement,
        message: cut(&verdict.sentence, MAX_EVIDENCE),
    }];
    if let (Some(root), Some(leaf)) = (&verdict.evidence.cpu, &verdict.evidence.leaf) {
        let nanos = |value| text::duration(Duration::from_nanos(value));
        let text = format!(
            "the same read of a leaf cgroup takes {} (median of {}), of the root {}",
            nanos(leaf.p50),
            leaf.samples,
            nanos(root.p50)
        );
        evidence.push(Evidence {
            kind: EvidenceKind::Control,
            message: cut(&text, MAX_EVIDENCE),
        });
    }
    evidence.extend(sentences(verdict, release));
    for (signal, why) in &verdict.evidence.unreadable {
        let text = format!("{signal} cannot be read: {why}");
        evidence.push(Evidence {
            kind: EvidenceKind::Distrust,
            message: cut(&text, MAX_EVIDENCE),
        });
    }
    evidence.truncate(MAX_PIECES);
    evidence
}
