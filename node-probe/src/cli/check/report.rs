//! What a check reports, as data: printed as JSON, or as text by [`super::text`].

use std::path::Path;

use serde::Serialize;

use super::measure::Measured;
use super::next_boot::NextBoot;
use crate::cli::version;
use crate::judge::{KernelClass, Level, Series, Signal, Summary, Unit, User};

/// The name and version of the form below.
const SCHEMA: &str = "unstall.dev/node-probe/check/v1";

/// The whole report. `schema.json` describes each field.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub schema: &'static str,
    pub verdict: &'static str,
    pub exit_code: u8,
    pub summary: String,
    pub sentence: String,
    pub signals: Vec<SignalReport>,
    pub control: Option<Control>,
    pub root_to_leaf: Option<u64>,
    pub zombie_memcgs: Option<u64>,
    pub diagnosis: Diagnosis,
    pub host: HostReport,
    pub left_out: Vec<LeftOut>,
    pub not_read: Vec<NotRead>,
    pub probe: Probe,
}

/// One signal's statistics; absent ones could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct SignalReport {
    pub name: &'static str,
    pub unit: &'static str,
    #[serde(flatten)]
    pub statistics: Statistics,
}

/// Statistics of several samples in the unit of their signal.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Statistics {
    pub samples: usize,
    pub min: Option<u64>,
    pub p50: Option<u64>,
    pub p90: Option<u64>,
    pub max: Option<u64>,
}

/// The control reads of a leaf cgroup.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    pub path: String,
    pub unit: &'static str,
    #[serde(flatten)]
    pub statistics: Statistics,
}

/// What kind of stall it is, and what shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub nature: Option<&'static str>,
    pub repeated_read: Option<u64>,
    pub kernel_class: Option<&'static str>,
    pub system_time: Vec<SystemTime>,
}

/// A process whose system time rose with the reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemTime {
    pub name: String,
    pub pid: u32,
    pub slow: u64,
    pub fast: Option<u64>,
    #[serde(skip)]
    pub sentence: String,
}

/// What kind of host this is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    pub kernel_release: Option<String>,
    #[serde(rename = "bootID")]
    pub boot_id: Option<String>,
    pub cgroup_version: Option<String>,
    pub memory_hierarchy: Option<String>,
    pub memory_root: Option<String>,
    pub staged_kernel: Option<String>,
    pub staged_by: Option<&'static str>,
    pub reboot_required: Option<bool>,
}

/// Samples that something disturbed.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    pub signal: &'static str,
    pub samples: u64,
    pub why: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct NotRead {
    pub what: String,
    pub why: String,
}

/// Which build reports.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    pub version: &'static str,
    pub commit: &'static str,
}

impl Report {
    /// Reports what was `measured`, and what the host says of its next boot.
    pub fn of(measured: &Measured, next_boot: NextBoot) -> Self {
        let verdict = &measured.verdict;
        Self {
            schema: SCHEMA,
            verdict: verdict.level.name(),
            exit_code: exit_code(verdict.level),
            summary: verdict.summary.clone(),
            sentence: verdict.sentence.clone(),
            signals: Signal::ALL
                .map(|signal| signal_report(signal, measured))
                .to_vec(),
            control: control(measured),
            root_to_leaf: verdict.evidence.root_to_leaf(),
            zombie_memcgs: verdict.evidence.zombies,
            diagnosis: diagnosis(measured),
            left_out: left_out(measured),
            not_read: not_read(measured, &next_boot),
            host: host(measured, next_boot),
            probe: Probe {
                version: version::VERSION,
                commit: version::COMMIT,
            },
        }
    }
}

/// The exit codes of a node-problem-detector plugin: 0 OK, 1 NonOK, 2 Unknown.
pub fn exit_code(level: Level) -> u8 {
    match level {
        Level::Healthy | Level::Watch => 0,
        Level::Degraded | Level::Stalled => 1,
        Level::Unknown => 2,
    }
}

/// The unit's name in the JSON.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => "nanoseconds",
        Unit::Count => "count",
        Unit::PerHour => "perHour",
        Unit::Ratio => "hundredthsOfPercent",
    }
}

fn signal_report(signal: Signal, measured: &Measured) -> SignalReport {
    SignalReport {
        name: signal.name(),
        unit: unit(signal.unit()),
        statistics: statistics(measured.judge.series(signal)),
    }
}

fn statistics(series: &Series) -> Statistics {
    let history = series.history();
    history
        .summary(history.len())
        .map_or_else(Statistics::default, |summary: Summary| Statistics {
            samples: summary.samples,
            min: Some(summary.min),
            p50: Some(summary.p50),
            p90: Some(summary.p90),
            max: Some(summary.max),
        })
}

fn control(measured: &Measured) -> Option<Control> {
    let path = measured.observer.leaf().ok()?;
    Some(Control {
        path: show(path),
        unit: unit(Unit::Nanoseconds),
        statistics: statistics(measured.judge.leaf()),
    })
}

fn diagnosis(measured: &Measured) -> Diagnosis {
    let verdict = &measured.verdict;
    let evidence = &verdict.evidence;
    let release = measured.observer.host().kernel_release.as_ref().ok();
    let class = release.and_then(|release| KernelClass::of(release));
    Diagnosis {
        nature: (verdict.level >= Level::Watch).then(|| evidence.nature().name()),
        repeated_read: evidence.repeated.map(|(nanos, _)| nanos),
        kernel_class: class.map(KernelClass::name),
        system_time: evidence.users.iter().map(system_time).collect(),
    }
}

fn system_time(user: &User) -> SystemTime {
    SystemTime {
        name: user.name.clone(),
        pid: user.pid,
        slow: user.slow,
        fast: user.fast,
        sentence: user.to_string(),
    }
}

fn host(measured: &Measured, next_boot: NextBoot) -> HostReport {
    let host = measured.observer.host();
    let memory = host.memory.as_ref().ok();
    HostReport {
        kernel_release: host.kernel_release.as_ref().ok().cloned(),
        boot_id: host.boot_id.as_ref().ok().cloned(),
        cgroup_version: memory.map(|memory| memory.version.to_string()),
        memory_hierarchy: memory.map(|memory| memory.hierarchy.to_string()),
        memory_root: memory.map(|memory| show(&memory.dir)),
        staged_kernel: next_boot.staged,
        staged_by: next_boot.staged_by,
        reboot_required: next_boot.reboot_required,
    }
}

fn left_out(measured: &Measured) -> Vec<LeftOut> {
    let of = |signal: Signal| {
        let untrusted = measured.judge.series(signal).untrusted();
        untrusted.iter().map(move |(why, samples)| LeftOut {
            signal: signal.name(),
            samples: *samples,
            why: why.to_string(),
        })
    };
    Signal::ALL.into_iter().flat_map(of).collect()
}

fn not_read(measured: &Measured, next_boot: &NextBoot) -> Vec<NotRead> {
    let host = measured.observer.host();
    let facts = [
        ("kernel release", &host.kernel_release),
        ("boot ID", &host.boot_id),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(what, fact)| Some((what, fact.as_ref().err()?)));
    let leaf = measured
        .observer
        .leaf()
        .err()
        .map(|error| ("control", error));
    let inputs = measured.observer.unread_inputs();
    let other = facts.chain(leaf).chain(inputs);
    let signals = measured.verdict.evidence.unreadable.iter();
    let signals = signals.map(|(signal, why)| NotRead {
        what: signal.name().to_owned(),
        why: why.clone(),
    });
    let other = other.map(|(what, why)| NotRead {
        what: what.to_owned(),
        why: why.to_string(),
    });
    let next_boot = next_boot.not_read.iter().cloned();
    signals.chain(other).chain(next_boot).collect()
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
