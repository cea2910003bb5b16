//! `incident`: makes zombie memory cgroups and pulses on this machine, shows them, and cleans up.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use nix::sys::signal::{SigSet, Signal};
use serde_json::json;
use unstall_integration::incident::{
    Backing, Cancel, DEFAULT_STATE_DIR, Incident, Options, clean, parse_duration, pulse, read,
    status, worker, zombies,
};

/// Makes the kernel stall that Unstall exists for: many zombie memory cgroups, and pulses that
/// make the next read of the root's memory.stat slow. Needs root. One at a time on a machine.
#[derive(Parser)]
#[command(name = "incident", version)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
    /// One JSON object per line instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Where the state of the incident is kept.
    #[arg(long, global = true, default_value = DEFAULT_STATE_DIR)]
    state_dir: PathBuf,
}

#[derive(Subcommand)]
enum Verb {
    /// Make an incident, and keep it up until Ctrl-C or SIGTERM.
    Make(MakeArgs),
    /// Show the incident of this machine, or what a killed maker left.
    Status,
    /// Remove what a killed maker left.
    Clean {
        /// How long to wait for a running maker to end.
        #[arg(long, value_parser = parse_duration)]
        wait: Option<Duration>,
    },
    /// Read the root's memory.stat and show the CPU time that it takes.
    Read {
        /// How many reads.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        reads: u32,
        /// The time between two reads; longer than the pulse, or some find nothing to do.
        #[arg(long, default_value = "500ms", value_parser = parse_duration)]
        spacing: Duration,
    },
    #[command(name = worker::ROLE, hide = true)]
    Worker(worker::Task),
    #[command(name = pulse::ROLE, hide = true)]
    Pulser(pulse::Task),
}

#[derive(clap::Args)]
struct MakeArgs {
    /// How many zombies. Each takes 17 KB of memory on 2 CPUs.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    zombies: u32,
    /// The file system that holds them.
    #[arg(long, value_enum, default_value_t = BackingArg::Ext4)]
    backing: BackingArg,
    /// The directory of the shared file; one is found by default.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// The time from one pulse to the next.
    #[arg(long, default_value = "200ms", value_parser = parse_duration)]
    pulse_every: Duration,
    /// Make zombies at rest, without pulses.
    #[arg(long, conflicts_with = "pulse_every")]
    no_pulse: bool,
    /// How long to wait for another maker to end.
    #[arg(long, value_parser = parse_duration)]
    wait: Option<Duration>,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackingArg {
    /// Curable: drop_caches=1 frees the zombies once the file is written back.
    Ext4,
    /// Not curable: no drop_caches frees them.
    Tmpfs,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("incident: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let say = Say { json: cli.json };
    match cli.command {
        Verb::Make(args) => make(&say, args, cli.state_dir),
        Verb::Status => show_status(&say, &status::status(&cli.state_dir)?),
        Verb::Clean { wait } => {
            let cleaned = clean(&cli.state_dir, wait.unwrap_or_default())?;
            say.line(
                &json!({"event": "cleaned", "removed": cleaned, "zombies": zombies::count()?}),
                &format!("cleaned: {cleaned}; zombies now {}", zombies::count()?),
            );
            Ok(())
        }
        Verb::Read { reads, spacing } => show_reads(&say, reads, spacing),
        Verb::Worker(task) => Ok(worker::run(&task)?),
        Verb::Pulser(task) => Ok(pulse::run(&task)?),
    }
}

fn make(say: &Say, args: MakeArgs, state_dir: PathBuf) -> anyhow::Result<()> {
    let cancel = Cancel::default();
    let ended = watch_signals(cancel.clone())?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let options = Options {
        directory: args.directory,
        state_dir,
        wait: args.wait.unwrap_or_default(),
        cancel,
        ..Options::new(args.zombies, args.backing.into(), program)
    };
    let mut incident = Incident::make(&options)?;
    say_made(say, &incident);
    if !args.no_pulse {
        let first = incident.start_pulses(args.pulse_every)?;
        let pid = incident.pulser().map(|(pid, _)| pid);
        say.line(
            &json!({"event": "pulsing", "pid": pid, "everyMs": args.pulse_every.as_millis(),
                    "firstMs": ms(first)}),
            &format!(
                "pulsing every {:?} (a pulse took {:.1} ms): root memory.stat reads are slow now. \
                 Ctrl-C ends it.",
                args.pulse_every,
                ms(first)
            ),
        );
    }
    let outcome = keep_up(&mut incident, !args.no_pulse, &ended);
    let stopped = incident.stop()?;
    let doubt = if stopped.gone {
        ""
    } else {
        ", which is more than before"
    };
    say.line(
        &json!({"event": "stopped", "zombies": stopped.zombies, "gone": stopped.gone}),
        &format!(
            "stopped: {} zombies are left on this machine{doubt}",
            stopped.zombies
        ),
    );
    outcome
}

/// Waits for a signal, and notices a pulser that ends by itself: an incident must not.
fn keep_up(incident: &mut Incident, pulsing: bool, ended: &Receiver<()>) -> anyhow::Result<()> {
    while ended.recv_timeout(Duration::from_secs(1)).is_err() {
        if pulsing && !incident.is_pulsing() {
            anyhow::bail!("the pulser ended by itself, so the incident was ended too");
        }
    }
    Ok(())
}

/// Turns the first Ctrl-C, SIGTERM or SIGHUP into a cancelled making or an ended wait. Later ones
/// change nothing: the cleaning is bounded.
fn watch_signals(cancel: Cancel) -> anyhow::Result<Receiver<()>> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    signals.thread_block().context("cannot block signals")?;
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if signals.wait().is_ok() {
            cancel.cancel();
            // The receiver is gone only when the maker has failed, and then nobody waits.
            let _ = sender.send(());
        }
    });
    Ok(ended)
}

fn say_made(say: &Say, incident: &Incident) {
    let made = incident.made();
    if !made.cleaned.is_empty() {
        say.line(
            &json!({"event": "cleaned", "removed": made.cleaned}),
            &format!("a killed maker's leftovers: {}", made.cleaned),
        );
    }
    let cure = match made.backing {
        Backing::Ext4 => "drop_caches=1 frees them",
        Backing::Tmpfs => "no drop_caches frees them",
    };
    say.line(
        &json!({"event": "made", "zombies": made.zombies, "before": made.before,
                "after": made.after, "backing": made.backing, "file": made.file,
                "hierarchy": made.hierarchy, "tookMs": ms(made.took)}),
        &format!(
            "made {} zombie memory cgroups in {:.1} s: this machine had {}, and has {}\n\
             they are held by {} on {}: {cure}",
            made.zombies,
            made.took.as_secs_f64(),
            made.before,
            made.after,
            made.file.display(),
            made.backing,
        ),
    );
}

fn show_status(say: &Say, status: &status::Status) -> anyhow::Result<()> {
    let mut text = match status.maker {
        Some(pid) => format!("an incident is kept up by process {pid}"),
        None if status.has_leftovers() => {
            "a killed maker left an incident: remove it with `incident clean`".into()
        }
        None => "no incident".into(),
    };
    text += &format!("; zombies of this machine: {}", status.zombies);
    if let Some(incident) = &status.incident {
        text += &format!(
            "\n{} zombies asked for, held by {} on {}; processes: {:?}",
            incident.zombies,
            incident.file.display(),
            incident.backing,
            incident.processes
        );
    }
    say.line(&json!({"event": "status", "status": status}), &text);
    Ok(())
}

fn show_reads(say: &Say, reads: u32, spacing: Duration) -> anyhow::Result<()> {
    let timed = read::time_root(reads, spacing)?;
    let (zombies, others) = (zombies::count()?, read::other_readers()?);
    let (p50, min, max) = (ms(timed.p50()), ms(timed.min()), ms(timed.max()));
    let mut text = format!(
        "{reads} reads of the root's memory.stat, {spacing:?} apart: on-CPU p50 {p50:.3} ms, \
         min {min:.3} ms, max {max:.3} ms; zombies {zombies}"
    );
    if !others.is_empty() {
        text += &format!("\nread by processes {others:?} too: a read just after theirs is fast");
    }
    say.line(
        &json!({"event": "read", "reads": reads, "spacingMs": spacing.as_millis(), "p50Ms": p50,
                "minMs": min, "maxMs": max, "zombies": zombies, "otherReaders": others,
                "eachMs": timed.in_order().iter().copied().map(ms).collect::<Vec<_>>()}),
        &text,
    );
    Ok(())
}

/// Milliseconds, to the microsecond.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Says things as text or as JSON lines.
struct Say {
    json: bool,
}

impl Say {
    fn line(&self, json: &serde_json::Value, text: &str) {
        let mut stdout = std::io::stdout();
        let written = if self.json {
            writeln!(stdout, "{json}")
        } else {
            writeln!(stdout, "{text}")
        };
        // A reader that went away must not end the incident before its cleaning.
        let _ = written.and_then(|()| stdout.flush());
    }
}

impl From<BackingArg> for Backing {
    fn from(backing: BackingArg) -> Self {
        match backing {
            BackingArg::Ext4 => Self::Ext4,
            BackingArg::Tmpfs => Self::Tmpfs,
        }
    }
}
