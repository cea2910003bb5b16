//! A report for people.

use std::fmt::Write;

use super::report::{LeftOut, Report, SignalReport, Statistics};
use crate::cli::color;
use crate::cli::label::label;
use crate::judge::{Level, Signal, Unit};

/// The summary, of at most 80 characters but for colours.
pub fn first_line(report: &Report, level: Level, has_color: bool) -> String {
    match report.summary.strip_prefix(report.verdict) {
        Some(rest) if has_color => format!("{}{rest}", color::paint(level, report.verdict)),
        _ => report.summary.clone(),
    }
}

/// The whole text; the first line is the summary.
pub fn render(report: &Report, level: Level, has_color: bool) -> String {
    let mut text = String::new();
    let summary = first_line(report, level, has_color);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{summary}\n{}.\n", capitalised(&report.sentence));
    table(&mut text, report);
    host(&mut text, report);
    if !report.diagnosis.system_time.is_empty() {
        text.push_str("\nSystem time rose with the reads:\n");
    }
    for process in &report.diagnosis.system_time {
        let _ = writeln!(text, "  {}", process.sentence);
    }
    let left_out = report
        .left_out
        .iter()
        .map(|left| (left.signal, left_out(left)));
    reasons(&mut text, "Left out", left_out);
    let not_read = report
        .not_read
        .iter()
        .map(|it| (it.what.as_str(), it.why.clone()));
    reasons(&mut text, "Not read", not_read);
    text
}

fn left_out(left: &LeftOut) -> String {
    let noun = if left.samples == 1 {
        "sample"
    } else {
        "samples"
    };
    format!("{} {noun}: {}", left.samples, left.why)
}

/// A list of what is missing; what is missing for one reason is on one line.
fn reasons<'a>(text: &mut String, title: &str, missing: impl Iterator<Item = (&'a str, String)>) {
    let mut lines: Vec<(String, String)> = Vec::new();
    for (what, why) in missing {
        match lines.iter_mut().find(|(_, known)| *known == why) {
            Some((names, _)) => {
                let _ = write!(names, ", {what}");
            }
            None => lines.push((what.to_owned(), why)),
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{title}:");
    }
    for (names, why) in lines {
        let _ = writeln!(text, "  {names}: {why}");
    }
}

fn table(text: &mut String, report: &Report) {
    let header = ["samples", "min", "p50", "p90", "max"].map(str::to_owned);
    row(text, "", &header);
    for signal in &report.signals {
        let Some(known) = Signal::from_name(signal.name) else {
            continue;
        };
        // A single run is too short for some; what cannot be read is below.
        let is_main = matches!(
            known,
            Signal::MemoryStatReadCpu | Signal::MemoryStatReadWall | Signal::ZombieMemcgs
        );
        if signal.statistics.samples == 0 && !is_main {
            continue;
        }
        row(text, label(known), &cells(&signal.statistics, known.unit()));
    }
    if let Some(control) = &report.control {
        row(
            text,
            "leaf memory.stat, CPU",
            &cells(&control.statistics, Unit::Nanoseconds),
        );
    }
    if report.signals.iter().any(is_of_the_whole) {
        text.push_str("What the node goes through is one sample, of the whole check.\n");
    }
}

fn is_of_the_whole(signal: &SignalReport) -> bool {
    let has_window = Signal::from_name(signal.name).is_some_and(Signal::has_window);
    has_window && signal.statistics.samples > 0
}

fn cells(statistics: &Statistics, unit: Unit) -> [String; 5] {
    let Statistics {
        samples,
        min,
        p50,
        p90,
        max,
    } = *statistics;
    let show = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |it| unit.show(it));
    [
        samples.to_string(),
        show(min),
        show(p50),
        show(p90),
        show(max),
    ]
}

fn row(text: &mut String, label: &str, cells: &[String; 5]) {
    let _ = write!(text, "{label:<26}");
    for cell in cells {
        let _ = write!(text, " {cell:>9}");
    }
    text.push('\n');
}

fn host(text: &mut String, report: &Report) {
    let host = &report.host;
    let unknown = || "unknown".to_owned();
    let memory = match (
        &host.cgroup_version,
        &host.memory_hierarchy,
        &host.memory_root,
    ) {
        (Some(version), Some(hierarchy), Some(root)) => {
            format!("{version}, memory on {hierarchy} at {root}")
        }
        _ => unknown(),
    };
    let leaf = report
        .control
        .as_ref()
        .map_or_else(unknown, |control| control.path.clone());
    let staged = match (&host.staged_kernel, host.staged_by) {
        (Some(release), Some(by)) => format!("{release}, {by}"),
        _ => unknown(),
    };
    let reboot = match host.reboot_required {
        Some(true) => "required".to_owned(),
        Some(false) => "not required".to_owned(),
        None => unknown(),
    };
    let lines = [
        (
            "kernel",
            host.kernel_release.clone().unwrap_or_else(unknown),
        ),
        ("staged", staged),
        ("reboot", reboot),
        ("boot ID", host.boot_id.clone().unwrap_or_else(unknown)),
        ("cgroups", memory),
        ("leaf", leaf),
    ];
    text.push('\n');
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<8} {value}");
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_touches_the_verdict_alone() {
        assert_eq!(
            color::paint(Level::Stalled, "Stalled"),
            "\x1b[1;31mStalled\x1b[0m"
        );
        assert_eq!(
            color::paint(Level::Healthy, "Healthy"),
            "\x1b[1;32mHealthy\x1b[0m"
        );
    }

    #[test]
    fn an_absent_statistic_is_a_dash() {
        let known = Statistics {
            samples: 3,
            min: Some(0),
            ..Statistics::default()
        };
        assert_eq!(cells(&known, Unit::Count), ["3", "0", "-", "-", "-"]);
    }

    #[test]
    fn only_what_the_node_goes_through_is_of_the_whole_check() {
        let signal = |name, samples| SignalReport {
            name,
            unit: "perHour",
            statistics: Statistics {
                samples,
                ..Statistics::default()
            },
        };
        assert!(is_of_the_whole(&signal("SoftnetDrop", 1)));
        assert!(!is_of_the_whole(&signal("SoftnetDrop", 0)));
        assert!(!is_of_the_whole(&signal("ZombieMemcgs", 1)));
    }

    #[test]
    fn what_is_missing_for_one_reason_is_on_one_line() {
        let mut text = String::new();
        let missing = [("a", "gone"), ("b", "broken"), ("c", "gone")];
        reasons(
            &mut text,
            "Not read",
            missing.iter().map(|(what, why)| (*what, (*why).to_owned())),
        );
        assert_eq!(text, "\nNot read:\n  a, c: gone\n  b: broken\n");
        text.clear();
        reasons(&mut text, "Not read", std::iter::empty());
        assert_eq!(text, "");
    }

    #[test]
    fn sentences_begin_with_a_capital() {
        assert_eq!(capitalised("root reads"), "Root reads");
        assert_eq!(capitalised(""), "");
    }
}
