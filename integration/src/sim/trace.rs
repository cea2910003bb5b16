//! What each actor did, for people.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A process of the controller.
    Process(usize),
    /// A node's kubelet, probe or actuator.
    Host(String),
    /// The cluster's own controllers.
    Cluster,
    /// A human.
    Human,
    /// An autoscaler.
    Autoscaler,
    /// What draws the troubles.
    Fate,
}

/// How many lines are kept.
const KEPT: usize = 4000;

/// What is told of a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Telling {
    /// What actors did.
    #[default]
    Deeds,
    /// What they saw, too.
    Sights,
    /// Both, each line as it comes.
    Aloud,
}

/// The latest deeds.
#[derive(Debug, Default)]
pub struct Trace {
    lines: VecDeque<String>,
    /// Of all lines, in their order: two runs of a seed have the same.
    digest: u64,
    count: u64,
    pub telling: Telling,
}

impl Trace {
    pub fn note(&mut self, now: Duration, actor: Actor, what: &str) {
        let line = line(now, &actor, what);
        for byte in line.as_bytes() {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.count += 1;
        self.keep(line);
    }

    /// What an actor sees, which is told to who asks for it.
    pub fn saw(&mut self, now: Duration, actor: &Actor, sight: impl FnOnce() -> String) {
        if self.telling != Telling::Deeds {
            self.keep(line(now, actor, &sight()));
        }
    }

    fn keep(&mut self, line: String) {
        if self.telling == Telling::Aloud {
            println!("{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// A number that two runs of a seed share.
    pub const fn digest(&self) -> u64 {
        self.digest ^ self.count
    }

    /// The last lines.
    pub fn tail(&self, count: usize) -> impl Iterator<Item = &str> {
        let first = self.lines.len().saturating_sub(count);
        self.lines.range(first..).map(String::as_str)
    }
}

fn line(now: Duration, actor: &Actor, what: &str) -> String {
    let seconds = now.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:03} {actor:<8} {what}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        now.subsec_millis()
    )
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Process(number) => format!("ctrl-{number}"),
            Self::Host(name) => name.clone(),
            Self::Cluster => "cluster".to_owned(),
            Self::Human => "human".to_owned(),
            Self::Autoscaler => "scaler".to_owned(),
            Self::Fate => "fate".to_owned(),
        };
        f.pad(&text)
    }
}
