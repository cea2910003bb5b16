//! From arguments to an exit code.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::args::{CheckArgs, Output};
use super::measure::{Limits, measure};
use super::next_boot::next_boot;
use super::report::Report;
use super::schema::json_schema;
use super::text;
use crate::cli::color;
use crate::sample::{Observation, Roots};
use crate::text::duration;

/// What node-problem-detector takes for Unknown.
const UNKNOWN: u8 = 2;

/// Measures and prints.
#[must_use]
pub fn run(args: &CheckArgs) -> ExitCode {
    if args.output == Output::Schema {
        return print(json_schema(), 0);
    }
    let thresholds = match args.thresholds() {
        Ok(thresholds) => thresholds,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return ExitCode::from(UNKNOWN);
        }
    };
    let limits = Limits {
        reads: usize::from(args.samples),
        time: args.max_time,
    };
    let mut progress = Progress::new(limits.reads);
    let roots = Roots::under(&args.root);
    let measured = measure(roots, limits, thresholds, |observation, trusted, delay| {
        progress.show(observation, trusted, delay);
    });
    progress.clear();
    let report = Report::of(&measured, next_boot(args));
    let printed = match args.output {
        Output::Json => match serde_json::to_string_pretty(&report) {
            Ok(json) => format!("{json}\n"),
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: the report is not JSON: {error}");
                return ExitCode::from(UNKNOWN);
            }
        },
        Output::Line => format!(
            "{}\n",
            text::first_line(&report, measured.verdict.level, color::is_wanted())
        ),
        Output::Text | Output::Schema => {
            text::render(&report, measured.verdict.level, color::is_wanted())
        }
    };
    print(&printed, report.exit_code)
}

/// Prints and ends with `code`. A reader that went away, as `head -1` does, is
/// no failure; any other failure is Unknown, for nobody saw the verdict.
fn print(text: &str, code: u8) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: standard output: {error}");
            ExitCode::from(UNKNOWN)
        }
        _ => ExitCode::from(code),
    }
}

/// A line on the terminal that says what a long check waits for.
struct Progress {
    wanted: usize,
    is_terminal: bool,
    is_shown: bool,
}

impl Progress {
    fn new(wanted: usize) -> Self {
        Self {
            wanted,
            is_terminal: io::stderr().is_terminal(),
            is_shown: false,
        }
    }

    fn show(&mut self, observation: &Observation, trusted: usize, delay: Duration) {
        let Ok(read) = &observation.root else { return };
        if !self.is_terminal {
            return;
        }
        let (took, next) = (duration(read.on_cpu), duration(delay));
        let line = format!(
            "{trusted} of {} reads; the last took {took}, next in {next}",
            self.wanted
        );
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
        self.is_shown = true;
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
