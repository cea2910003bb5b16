//! One world, from its beginning to its end.

use std::time::Duration;

use anyhow::{Context, Result};

use super::coverage::{Coverage, Marks};
use super::draw::{LASTS, draw};
use super::law::Broken;
use super::trace::Telling;

/// What became of a world.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<Broken>,
    pub coverage: Coverage,
    /// Two runs of a seed have the same.
    pub digest: u64,
    /// The last lines of what was done.
    pub trace: Vec<String>,
    pub node_hours: f64,
}

/// Lets the world of `seed` go on to its end, or to `until`.
///
/// # Errors
/// When it cannot be made.
pub fn run(seed: u64, until: Option<Duration>, telling: Telling) -> Result<Outcome> {
    fastrand::seed(seed);
    let lines = match telling {
        Telling::Deeds => 60,
        Telling::Sights | Telling::Aloud => 200,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("cannot make a runtime")?;
    let local = tokio::task::LocalSet::new();
    let marks = Marks::default();
    let _said = tracing::subscriber::set_default(marks.clone());
    local.block_on(&runtime, async {
        let sim = draw(seed, telling)?;
        let end = until.unwrap_or(LASTS);
        sim.turn(end).await;
        Ok(sim.with(|world| {
            if until.is_none() && !world.law.is_broken() {
                world.law_end();
            }
            let mut coverage = world.seen.clone();
            for (mark, count) in marks.take() {
                coverage.counts.insert(format!("mark/{mark}"), count);
            }
            let hours = world.now.as_secs_f64() / 3600.0;
            let nodes = u32::try_from(world.hosts.len()).unwrap_or(u32::MAX);
            Outcome {
                seed,
                broken: world.law.verdict().cloned(),
                coverage,
                digest: world.trace.digest(),
                trace: world.trace.tail(lines).map(ToOwned::to_owned).collect(),
                node_hours: hours * f64::from(nodes),
            }
        }))
    })
}
