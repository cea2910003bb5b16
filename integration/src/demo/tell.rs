//! What people see: one line per event, with the time since the start and who
//! speaks.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The demo itself.
    Demo,
    /// This machine's kernel, measured by the demo independently of the probe.
    Kernel,
    /// The probe, by its `NodeHealth`.
    Probe,
    /// The controller, by the `NodeRemediation` and the policy's status.
    Controller,
    /// The actuator, by what the probe relays.
    Actuator,
}

/// Prints the story.
#[derive(Debug)]
pub struct Teller {
    started: Instant,
    colour: bool,
}

impl Teller {
    /// A teller whose clock starts now. Colours only on a terminal and not
    /// with `NO_COLOR`.
    #[must_use]
    pub fn new() -> Self {
        let colour = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            started: Instant::now(),
            colour,
        }
    }

    /// Prints a line.
    pub fn line(&self, who: Who, text: &str) {
        let (name, colour) = match who {
            Who::Demo => ("demo", "1"),
            Who::Kernel => ("kernel", "33"),
            Who::Probe => ("probe", "36"),
            Who::Controller => ("controller", "32"),
            Who::Actuator => ("actuator", "35"),
        };
        let seconds = self.started.elapsed().as_secs_f32();
        if self.colour {
            println!("{seconds:6.1} s  \x1b[{colour}m{name:10}\x1b[0m  {text}");
        } else {
            println!("{seconds:6.1} s  {name:10}  {text}");
        }
    }

    /// Prints a heading.
    pub fn heading(&self, text: &str) {
        if self.colour {
            println!("\n\x1b[1m{text}\x1b[0m");
        } else {
            println!("\n{text}");
        }
    }
}

impl Default for Teller {
    fn default() -> Self {
        Self::new()
    }
}

/// A duration as people read it: `0.03 ms`, `32.9 ms`, `1.20 s`.
#[must_use]
pub fn duration(value: Duration) -> String {
    let ms = value.as_secs_f64() * 1e3;
    match ms {
        _ if ms >= 1000.0 => format!("{:.2} s", ms / 1e3),
        _ if ms >= 1.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

/// A count with thousands apart: `20,017`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_durations_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(20_017), "20,017");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(duration(Duration::from_micros(30)), "0.03 ms");
        assert_eq!(duration(Duration::from_micros(32_900)), "32.9 ms");
        assert_eq!(duration(Duration::from_millis(1200)), "1.20 s");
    }
}
