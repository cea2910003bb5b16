//! Colours, only where somebody sees them.

use std::env;
use std::io::{IsTerminal, stdout};

use crate::judge::Level;

/// Whether standard output takes colours: a terminal that is not dumb, and no
/// NO_COLOR (<https://no-color.org>: any value but the empty one counts).
pub fn is_wanted() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// `word` in the colour of `level`.
pub fn paint(level: Level, word: &str) -> String {
    let code = match level {
        Level::Healthy => "32",
        Level::Watch | Level::Unknown => "33",
        Level::Degraded | Level::Stalled => "31",
    };
    format!("\x1b[1;{code}m{word}\x1b[0m")
}
