//! From arguments to pictures, or to lines where there is no terminal.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::args::WatchArgs;
use super::frame::frame;
use super::terminal::Terminal;
use crate::judge::{Judge, READS, Signal, Verdict};
use crate::pace::{Mode, Pace};
use crate::sample::{Buffer, Host, Observation, Roots, monotonic};
use crate::sampler::Sampler;
use crate::text::duration;

/// The picture is renewed at least this often, and a signal heard.
const TICK: Duration = Duration::from_millis(250);

/// Measures and shows until it is told to end.
#[must_use]
pub fn run(args: &WatchArgs) -> ExitCode {
    match watch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch(args: &WatchArgs) -> io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let roots = Roots::under(&args.root);
    let host = Host::discover(&roots, &mut Buffer::default());
    let (send, samples) = channel();
    let sampler = start(roots, args.interval, send)?;
    let mut watch = Watch {
        samples,
        judge: Judge::default(),
        seen: 0,
        last: None,
    };
    let is_over =
        |seen| stop.load(Ordering::Relaxed) || args.count.is_some_and(|count| seen >= count);
    match Terminal::take() {
        Some(terminal) => watch.pictures(&terminal, &sampler, &host, is_over),
        None => watch.lines(is_over),
    }
}

/// Samples as fast as the duty allows and `interval` asks for: who watches waits for the
/// next one, also after a dear one.
fn start(roots: Roots, interval: Duration, send: Sender<Observation>) -> io::Result<Sampler> {
    let pace = Pace {
        fast: interval,
        ..Pace::default()
    };
    let sampler = Sampler::start(roots, pace, move |observation| {
        // The receiver is gone only when the watch ends.
        let _ = send.send(observation);
    })?;
    sampler.set_mode(Mode::Fast);
    Ok(sampler)
}

/// So many of them, in words.
fn some(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

struct Watch {
    samples: Receiver<Observation>,
    judge: Judge,
    seen: u64,
    last: Option<Observation>,
}

impl Watch {
    fn take(&mut self, observation: Observation) {
        self.judge.observe(&observation);
        self.seen += 1;
        self.last = Some(observation);
    }

    fn pictures(
        &mut self,
        terminal: &Terminal,
        sampler: &Sampler,
        host: &Host,
        is_over: impl Fn(u64) -> bool,
    ) -> io::Result<()> {
        loop {
            while let Ok(observation) = self.samples.try_recv() {
                self.take(observation);
            }
            let verdict = self
                .judge
                .verdict_over(READS, monotonic())
                .while_in_flight(sampler.in_flight());
            let status = self.status();
            let screen = terminal.screen();
            terminal.show(&frame(&self.judge, &verdict, host, &status, screen));
            if is_over(self.seen) || terminal.is_ended(TICK) {
                return Ok(());
            }
        }
    }

    fn status(&self) -> String {
        let age = self
            .last
            .as_ref()
            .map(|last| monotonic().since(last.at).as_secs());
        let age = age.map_or_else(String::new, |age| format!(", the last {age} s ago"));
        let left_out = self.judge.series(Signal::MemoryStatReadCpu).untrusted();
        let left_out: u64 = left_out.values().sum();
        let (samples, left_out) = (some(self.seen, "sample"), some(left_out, "read"));
        format!("{samples}{age}, {left_out} left out   q: quit")
    }

    /// A line for each sample. A reader that went away, as `head` does, ends it.
    fn lines(&mut self, is_over: impl Fn(u64) -> bool) -> io::Result<()> {
        while !is_over(self.seen) {
            let Ok(observation) = self.samples.recv_timeout(TICK) else {
                continue;
            };
            self.take(observation);
            let line = self.line(&self.judge.verdict(monotonic()));
            let mut out = io::stdout().lock();
            match writeln!(out, "{line}").and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
        Ok(())
    }

    fn line(&self, verdict: &Verdict) -> String {
        let read = |read: &Result<crate::sample::ReadTiming, _>| {
            read.as_ref()
                .map_or_else(|_| "-".to_owned(), |read| duration(read.on_cpu))
        };
        let last = self.last.as_ref();
        let root = last.map_or_else(String::new, |last| read(&last.root));
        let leaf = last.map_or_else(String::new, |last| read(&last.leaf));
        let zombies = last.and_then(|last| last.zombies.as_ref().ok());
        let zombies = zombies.map_or_else(|| "?".to_owned(), |count| crate::text::count(count.low));
        format!(
            "{:<9} root {root:>7}  leaf {leaf:>7}  zombies {zombies:>7}",
            verdict.level.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn who_watches_does_not_wait_as_a_quiet_probe_does() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
        let interval = Duration::from_millis(200);
        let (send, samples) = channel();
        let sampler = start(Roots::under(&host), interval, send).unwrap();
        let quiet = Pace::default().quiet / 2;
        let next = || samples.recv_timeout(quiet).unwrap().at;
        let (first, second) = (next(), next());
        sampler.stop();
        assert!(second.since(first) >= interval, "the least time");
    }
}
