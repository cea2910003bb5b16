//! A thread's `schedstat`: nanoseconds that it ran, nanoseconds that it waited
//! for a CPU, and how often it ran.

use std::time::Duration;

use super::error::SampleError;
use super::rows::Rows;

/// The time that the thread has waited for a CPU so far. Of the fields only this
/// one is exact; the first one moves by ticks.
///
/// # Errors
/// [`SampleError`] for another text, and for zeros alone: they are what a kernel
/// prints that keeps no such figures.
pub fn waited(rows: &Rows<'_>) -> Result<Duration, SampleError> {
    let line = rows.lines().next().unwrap_or_default();
    let mut fields = line.split_ascii_whitespace();
    let ran = rows.number(fields.next())?;
    let waited = rows.number(fields.next())?;
    let times = rows.number(fields.next())?;
    if ran == 0 && waited == 0 && times == 0 {
        let why = "all zero: this kernel keeps no scheduling statistics (CONFIG_SCHED_INFO)";
        return Err(SampleError::Unusable {
            path: rows.path().to_owned(),
            why,
        });
    }
    Ok(Duration::from_nanos(waited))
}
