//! A verdict in words. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use super::evidence::Evidence;
use super::history::Summary;
use super::nature::Nature;
use super::signal::Signal;
use super::verdict::{Level, READS_MIN};
use crate::text;

/// The API's bound on a verdict's sentence.
pub(super) const SENTENCE_MAX: usize = 256;
/// Two packets at a spacing of 10 ms: one that waits may be chance.
const SOFTIRQ_WAIT_MIN: Duration = Duration::from_millis(20);

/// One line of at most 80 characters.
pub(super) fn summary(level: Level, cpu: &Summary, is_tail: bool, evidence: &Evidence) -> String {
    let zombies = evidence.zombies.map_or_else(|| "?".to_owned(), text::count);
    if is_tail {
        let slow = nanos(cpu.p90);
        format!("{level}: 1 memory.stat read in 10 takes {slow} of CPU; {zombies} zombie memcgs")
    } else {
        let typical = nanos(cpu.p50);
        format!("{level}: memory.stat reads take {typical} of CPU; {zombies} zombie memcgs")
    }
}

/// The numbers, what they mean, and what goes with them.
pub(super) fn sentence(level: Level, cpu: &Summary, is_tail: bool, evidence: &Evidence) -> String {
    let reads = if is_tail {
        let (typical, slow) = (nanos(cpu.p50), nanos(cpu.p90));
        format!("root memory.stat reads take {typical} of CPU, but one in ten takes {slow} or more")
    } else {
        let (typical, slowest) = (nanos(cpu.p50), nanos(cpu.max));
        let count = cpu.samples;
        format!(
            "root memory.stat reads take {typical} of CPU (median of {count}, at most {slowest})"
        )
    };
    let is_slow = level >= Level::Watch;
    let kind = if is_slow {
        kind(evidence)
    } else {
        String::new()
    };
    let mut text = format!("{reads}{}{kind}; {}", control(evidence), zombies(evidence));
    if is_slow {
        for more in [reader(evidence), waits(evidence)].into_iter().flatten() {
            if text.len() + more.len() <= SENTENCE_MAX {
                text.push_str(&more);
            }
        }
    }
    text
}

/// Whose system time goes with the slow reads. The rest are in the evidence.
fn reader(evidence: &Evidence) -> Option<String> {
    let user = evidence.users.first()?;
    let name = &user.name;
    Some(match user.fast {
        Some(_) => format!("; {name}'s system time rose with them"),
        None => format!("; {name} uses the most system time"),
    })
}

/// What else on the node waited meanwhile.
fn waits(evidence: &Evidence) -> Option<String> {
    let waited = evidence.softirq_delay?;
    let is_long = u128::from(waited) >= SOFTIRQ_WAIT_MIN.as_nanos();
    is_long.then(|| format!("; softirqs waited {}", nanos(waited)))
}

/// What the slow reads spend their time on, as far as a repeated read shows it.
fn kind(evidence: &Evidence) -> String {
    let Some((again, _)) = evidence.repeated else {
        return String::new();
    };
    let again = nanos(again);
    match evidence.nature() {
        Nature::Walk => format!(", {again} again at once: each walks the cgroup tree"),
        Nature::Contention => {
            format!(", {again} if repeated at once: they flush changed statistics")
        }
        Nature::Undetermined => {
            format!(", {again} if repeated at once: walk or flush undetermined")
        }
    }
}

/// How the root compares with a leaf, which tells a tree that is dear to read
/// from a kernel or machine that is slow at everything.
fn control(evidence: &Evidence) -> String {
    match (evidence.root_to_leaf(), &evidence.leaf) {
        (Some(0 | 1), Some(leaf)) => {
            format!(", no more than a leaf's {}", nanos(leaf.p50))
        }
        (Some(ratio), Some(leaf)) => {
            format!(
                ", {} times a leaf's {}",
                text::count(ratio),
                nanos(leaf.p50)
            )
        }
        _ => String::new(),
    }
}

fn zombies(evidence: &Evidence) -> String {
    match evidence.zombies {
        Some(0) => "no zombie memcgs".to_owned(),
        Some(1) => "1 zombie memcg".to_owned(),
        Some(count) => format!("{} zombie memcgs", text::count(count)),
        None => "zombie memcgs could not be counted".to_owned(),
    }
}

/// Line and sentence where there is no verdict.
pub(super) fn unknown(evidence: &Evidence) -> (String, String) {
    let unreadable = evidence
        .unreadable
        .iter()
        .find(|(signal, _)| *signal == Signal::MemoryStatReadCpu);
    if let Some((_, why)) = unreadable {
        let summary = "Unknown: the root memory.stat cannot be read".to_owned();
        return (
            summary,
            format!("the root memory.stat cannot be read: {why}"),
        );
    }
    let have = evidence.cpu.map_or(0, |cpu| cpu.samples);
    let noun = if have == 1 { "read" } else { "reads" };
    let text =
        format!("only {have} root memory.stat {noun} could be trusted, it takes {READS_MIN}");
    (format!("Unknown: {text}"), text)
}

fn nanos(nanos: u64) -> String {
    text::duration(Duration::from_nanos(nanos))
}
