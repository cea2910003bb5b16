//! The arguments of `watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::duration;

/// Measure this node again and again and show what changes: no cluster, no root
/// needed.
///
/// On a terminal, a table with the last values as small graphs: q, Esc or Ctrl-C
/// ends it. Elsewhere, a line for each sample. Reading never takes more than 1 %
/// of a CPU, so that samples of a sick node come slower.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// The least time between two samples, 200ms to 10m.
    #[arg(short = 'n', long, default_value = "1s", value_name = "DURATION", value_parser = interval)]
    pub interval: Duration,

    /// End after so many samples.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Where the host's proc and sys/fs/cgroup are: /host or the like in a pod.
    #[arg(long, default_value = "/", value_name = "DIR")]
    pub root: PathBuf,
}

/// Reads closer together take each other's work: a read uses up the flush that
/// the next one would have paid for.
const LEAST: Duration = Duration::from_millis(200);
/// Samples further apart than 15 min are no series.
const MOST: Duration = Duration::from_mins(10);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    if !(LEAST..=MOST).contains(&interval) {
        return Err(format!("{text} is not between 200ms and 10m"));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_measures_nothing_new_is_refused() {
        assert_eq!(interval("200ms"), Ok(LEAST));
        assert_eq!(interval("10m"), Ok(MOST));
        let error = interval("199ms").unwrap_err();
        assert_eq!(error, "199ms is not between 200ms and 10m");
        assert!(interval("11m").is_err());
    }
}
