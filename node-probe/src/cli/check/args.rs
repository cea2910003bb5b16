//! The arguments of `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::duration;
#[cfg(feature = "cluster")]
use crate::host_state::SentinelPath;
use crate::judge::Thresholds;

/// Measure this node now and say what it is like: no cluster, no root needed.
///
/// Reads the root memory.stat some ten times, spaced so that reading never takes
/// more than 1 % of a CPU: seconds on a healthy node, up to --max-time on a sick
/// one. Says what it could not read and why.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXIT_CODES, after_long_help = EXIT_CODES_LONG)]
pub struct CheckArgs {
    /// Print a table, its first line alone, JSON, or the schema of that JSON.
    #[arg(short, long, value_enum, default_value_t = Output::Text, value_name = "FORMAT")]
    pub output: Output,

    /// Where the host's proc and sys/fs/cgroup are: /host or the like in a pod.
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub root: PathBuf,

    /// Where the host's boot, etc/os-release and run are, where that is not --root.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "DIR")]
    pub host_root: Option<PathBuf>,

    /// File on the host that says by being there that a reboot is wanted; by default
    /// the distribution's own, /run/reboot-required.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "PATH")]
    pub reboot_sentinel: Option<SentinelPath>,

    /// Reads to judge by.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(3..=128))]
    pub samples: u16,

    /// Give up waiting for more reads after this long, and judge by those there
    /// are.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = duration::parse)]
    pub max_time: Duration,

    /// From this CPU time of the median read on, the verdict is Watch.
    #[arg(long, default_value = "5ms", value_name = "DURATION", value_parser = duration::parse)]
    pub watch_at: Duration,

    /// From this CPU time on, the verdict is Degraded.
    #[arg(long, default_value = "20ms", value_name = "DURATION", value_parser = duration::parse)]
    pub degraded_at: Duration,

    /// From this CPU time on, the verdict is Stalled.
    #[arg(long, default_value = "100ms", value_name = "DURATION", value_parser = duration::parse)]
    pub stalled_at: Duration,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people. The first line, of at most 80 characters, says it all.
    Text,
    /// That first line alone, as a plugin of node-problem-detector.
    Line,
    /// One JSON object.
    Json,
    /// The JSON schema of that object; nothing is measured.
    Schema,
}

impl CheckArgs {
    /// The thresholds, which must not be in the wrong order.
    ///
    /// # Errors
    /// A message that names both.
    pub fn thresholds(&self) -> Result<Thresholds, String> {
        let (watch, degraded, stalled) = (self.watch_at, self.degraded_at, self.stalled_at);
        if watch > degraded {
            return Err(
                "--watch-at is above --degraded-at: lower it or raise the other".to_owned(),
            );
        }
        if degraded > stalled {
            return Err(
                "--degraded-at is above --stalled-at: lower it or raise the other".to_owned(),
            );
        }
        Ok(Thresholds {
            watch,
            degraded,
            stalled,
        })
    }
}

const EXIT_CODES: &str = "Exit codes, as of a node-problem-detector plugin: \
0 OK (Healthy, Watch), 1 NonOK (Degraded, Stalled), 2 Unknown.";

const EXIT_CODES_LONG: &str = "\
Exit codes, as of a node-problem-detector plugin:
  0  OK: Healthy or Watch
  1  NonOK: Degraded or Stalled
  2  Unknown: the root memory.stat cannot be read or trusted, or the arguments are wrong

node-problem-detector stops a plugin after 5 s unless its timeout is raised, and takes 80 characters
of what it prints: run it with -o line and a --max-time below that timeout. A sick node is then
judged by fewer reads, and by at least three or not at all.

NO_COLOR in the environment, or an output that is no terminal, turns colours off.";
