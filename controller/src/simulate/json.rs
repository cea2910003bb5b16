//! A plan for programs.

use anyhow::{Context, Result};
use unstall_decide::Plan;

/// The plan as JSON: `actions` in their order, each under its name; `policies` by name,
/// each its whole new status; `events`; `lookAgain`.
///
/// # Errors
/// When it cannot be written so.
pub fn json(plan: &Plan) -> Result<String> {
    let json = serde_json::to_string_pretty(plan).context("cannot write the plan")?;
    Ok(format!("{json}\n"))
}
