//! What is shown, as text. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use crate::cli::label::label;
use crate::cli::paint;
use crate::judge::{Judge, Level, Series, Signal, Unit, Verdict};
use crate::sample::Host;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// Columns left of the graph.
const TABLE: usize = 26 + 3 * 10 + 1;
/// A graph of fewer columns shows nothing.
const GRAPH_MIN: usize = 8;
/// The statistics are over as many samples as a wide graph shows.
const SHOWN: usize = 60;

/// How the screen is.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Whether colours are wanted.
    pub has_color: bool,
    /// Whether it shows more than ASCII.
    pub is_unicode: bool,
}

/// The whole picture, each line no wider than the screen and no more lines than
/// it has. `status` is the last line.
pub fn frame(
    judge: &Judge,
    verdict: &Verdict,
    host: &Host,
    status: &str,
    screen: Screen,
) -> String {
    let mut lines = vec![title(host)];
    lines.push(String::new());
    let sentence = format!("{}: {}.", verdict.level, verdict.sentence);
    let sentence = wrapped(&sentence, screen.width);
    let verdict_at = lines.len();
    lines.extend(sentence);
    lines.push(String::new());
    lines.push(header(screen));
    for signal in Signal::ALL {
        let series = judge.series(signal);
        lines.push(row(label(signal), series, signal.unit(), screen));
        if signal == Signal::MemoryStatReadWall {
            let leaf = "leaf memory.stat, CPU";
            lines.push(row(leaf, judge.leaf(), Unit::Nanoseconds, screen));
        }
    }
    for note in notes(verdict) {
        lines.extend(wrapped(&note, screen.width));
    }
    let room = screen.height.saturating_sub(2).max(1);
    lines.truncate(room);
    lines.push(String::new());
    lines.push(status.to_owned());
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate().take(screen.height) {
        let cut: String = line.chars().take(screen.width).collect();
        let cut = colored(&cut, index == verdict_at, verdict.level, screen);
        if index > 0 {
            text.push('\n');
        }
        text.push_str(&cut);
    }
    text
}

fn colored(line: &str, has_verdict: bool, level: Level, screen: Screen) -> String {
    match line.strip_prefix(level.name()) {
        Some(rest) if has_verdict && screen.has_color => {
            format!("{}{rest}", paint(level, level.name()))
        }
        _ => line.to_owned(),
    }
}

fn title(host: &Host) -> String {
    let kernel = host.kernel_release.as_deref().unwrap_or("unknown");
    let memory = host.memory.as_ref().map_or_else(
        |_| "memory cgroups not found".to_owned(),
        |memory| format!("cgroup {}, memory on {}", memory.version, memory.hierarchy),
    );
    format!("node-probe watch   kernel {kernel}   {memory}")
}

fn header(screen: Screen) -> String {
    let mut text = format!("{:26}{:>10}{:>10}{:>10}", "", "last", "p50", "max");
    if screen.width >= TABLE + GRAPH_MIN {
        text.push_str(" history");
    }
    text
}

/// What the table has no room for.
fn notes(verdict: &Verdict) -> Vec<String> {
    let users = &verdict.evidence.users;
    let mut notes: Vec<String> = users.iter().map(ToString::to_string).collect();
    for (signal, why) in &verdict.evidence.unreadable {
        notes.push(format!("{}: {why}", label(*signal)));
    }
    if !notes.is_empty() {
        notes.insert(0, String::new());
    }
    notes
}

fn row(label: &str, series: &Series, unit: Unit, screen: Screen) -> String {
    let mut text = format!("{label:<26}");
    let history = series.history();
    let Some(summary) = history.summary(SHOWN) else {
        let word = match series.unreadable() {
            Some(_) => " cannot be read, see below".to_owned(),
            None => format!("{:>10}", "-"),
        };
        text.push_str(&word);
        return text;
    };
    let last = history.last().map_or(summary.max, |(_, value)| value);
    for value in [last, summary.p50, summary.max] {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:>10}", unit.show(value));
    }
    let columns = screen.width.saturating_sub(TABLE).min(SHOWN);
    if columns >= GRAPH_MIN {
        text.push(' ');
        text.push_str(&graph(
            history.last_values(columns),
            summary.max,
            screen.is_unicode,
        ));
    }
    text
}

/// Each value by its height between zero and `max`.
fn graph(values: impl Iterator<Item = u64>, max: u64, is_unicode: bool) -> String {
    let steps = if is_unicode { BLOCKS } else { ASCII };
    let height = |value: u64| {
        let of = u128::from(value) * 7 / u128::from(max.max(1));
        usize::try_from(of).map_or(7, |height| height.min(7))
    };
    values.map(|value| steps[height(value)]).collect()
}

/// `text` in lines of at most `width` columns, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let is_first = line.is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !is_first {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge::testing::{at, observation};
    use crate::sample::{Buffer, Roots};

    fn screen(width: usize, height: usize) -> Screen {
        Screen {
            width,
            height,
            has_color: false,
            is_unicode: true,
        }
    }

    fn seen(screen: Screen, reads: &[u64]) -> String {
        let mut judge = Judge::default();
        for (second, ms) in (0..).zip(reads) {
            judge.observe(&observation(second, Duration::from_millis(*ms)));
        }
        let host = Host::discover(&Roots::under("/nowhere".as_ref()), &mut Buffer::default());
        let verdict = judge.verdict(at(reads.len() as u64));
        frame(&judge, &verdict, &host, "q: quit", screen)
    }

    #[test]
    fn a_terminal_of_80_columns_shows_values_and_graphs() {
        let text = seen(screen(80, 24), &[10, 150, 75, 0]);
        let row = text
            .lines()
            .find(|line| line.starts_with("root memory.stat, CPU"));
        assert_eq!(
            row.unwrap(),
            "root memory.stat, CPU           0 ns     10 ms    150 ms ▁█▄▁"
        );
        assert!(text.contains("zombie memcgs                  1,000     1,000     1,000 ████"));
        assert!(text.ends_with("\nq: quit"));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn why_a_signal_cannot_be_read_is_told_whole_below_the_table() {
        let mut judge = Judge::default();
        let mut seen = observation(0, Duration::from_millis(1));
        let why = "/proc/pressure/irq: No such file or directory; this kernel lacks it";
        seen.surroundings.irq_pressure = Err(why.into());
        judge.observe(&seen);
        let host = Host::discover(&Roots::under("/nowhere".as_ref()), &mut Buffer::default());
        let text = frame(
            &judge,
            &judge.verdict(at(1)),
            &host,
            "q: quit",
            screen(60, 40),
        );
        let row = format!("{:<26} cannot be read, see below\n", "interrupt pressure");
        assert!(text.contains(&row), "{text}");
        let told = text.replace('\n', " ");
        assert!(
            told.contains(&format!("interrupt pressure: {why}")),
            "{text}"
        );
    }

    #[test]
    fn no_screen_is_too_small() {
        for width in [1, 10, 40, 64, 65, 79, 200] {
            for height in [1, 2, 5, 24, 60] {
                let text = seen(screen(width, height), &[10, 150]);
                assert!(
                    text.lines().count() <= height,
                    "{width} x {height}:\n{text}"
                );
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(width), "{width} x {height}:\n{text}");
            }
        }
        assert!(!seen(screen(64, 24), &[10]).contains("history"));
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_never_zero() {
        let text = seen(screen(80, 24), &[]);
        assert!(
            text.contains("zombie memcgs                      -\n"),
            "{text}"
        );
        assert!(
            text.contains("Unknown: only 0 root memory.stat reads"),
            "{text}"
        );
    }

    #[test]
    fn only_colours_and_blocks_that_are_wanted_are_used() {
        let plain = Screen {
            is_unicode: false,
            ..screen(80, 24)
        };
        let text = seen(plain, &[10, 150, 75, 0, 30]);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("150 ms _#-_."), "{text}");
        let colored = Screen {
            has_color: true,
            ..screen(80, 24)
        };
        assert!(seen(colored, &[150; 5]).contains("\x1b[1;31mStalled\x1b[0m: root"));
    }

    #[test]
    fn sentences_break_at_spaces() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 3), ["abcdef", "g"]);
    }
}
