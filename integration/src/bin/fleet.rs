//! A fleet of virtual machines, for people.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use unstall_integration::interrupt::Interrupt;
use unstall_integration::vm::{Kernel, NODE_KERNELS};
use unstall_integration::vm_fleet::{Fleet, FleetOptions, show, stage};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A real cluster whose nodes are virtual machines that really reboot (root, QEMU).
#[derive(Parser)]
#[command(name = "fleet", version)]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Start a fleet with the chart installed, and keep it until Ctrl-C. Lines on
    /// standard input, such as `node-1 uname -r`, are run on the node that they name.
    Up(Up),
    /// Roll a kernel through three nodes, 6.1 to 6.12, and show it: canary first,
    /// then one at a time, a workload's budget kept all the while (12 min).
    Show,
}

#[derive(Args)]
struct Up {
    /// The fleet's name on this machine.
    #[arg(long, default_value = "fleet")]
    name: String,
    /// A node and its kernel, such as node-1=6.1; may be repeated.
    #[arg(long, value_parser = node, default_values = ["node-1=6.1", "node-2=6.1", "node-3=6.1"])]
    node: Vec<(String, Kernel)>,
    /// A setting of the chart, such as probe.interval=1s; may be repeated.
    #[arg(long)]
    set: Vec<String>,
}

fn node(value: &str) -> Result<(String, Kernel), String> {
    let known = || NODE_KERNELS.map(|kernel| kernel.to_string()).join(", ");
    let (name, kernel) = value
        .split_once('=')
        .ok_or_else(|| format!("write NAME=KERNEL, with one of these kernels: {}", known()))?;
    let found = NODE_KERNELS.into_iter().find(|it| it.to_string() == kernel);
    let found = found.ok_or_else(|| format!("no kernel {kernel}: {}", known()))?;
    Ok((name.to_owned(), found))
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Sub::Up(options) => up(&options),
        Sub::Show => rolled_out(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn up(options: &Up) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let fleet = start(
        &interrupt,
        &options.name,
        &options.node,
        &options.set,
        |_| Ok(()),
    )?;
    println!(
        "export KUBECONFIG={}",
        fleet.cluster().state().kubeconfig.display()
    );
    let lines = lines()?;
    while !interrupt.came() {
        match lines.recv_timeout(LOOK_EVERY) {
            Ok(line) => {
                if let Err(error) = obey(&fleet, &line) {
                    eprintln!("fleet: {error:#}");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody is at the keyboard: it stays until it is told to end.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK_EVERY),
        }
    }
    Ok(())
}

fn rolled_out() -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let nodes = ["node-1", "node-2", "node-3"].map(|name| (name.to_owned(), Kernel::Linux6_1));
    let settings = [
        "probe.interval=1s",
        "probe.hostState.enabled=true",
        "actuator.reboot.enabled=true",
        "actuator.minInterval=1s",
    ]
    .map(str::to_owned);
    start(&interrupt, "fleet", &nodes, &settings, stage)
        .and_then(|fleet| show(&fleet, &interrupt))
        .map_err(|error| said(&interrupt, error))
}

/// Whatever failed because of Ctrl-C, which ends the machines too, failed because of it.
fn said(interrupt: &Interrupt, error: anyhow::Error) -> anyhow::Error {
    if interrupt.came() {
        anyhow::anyhow!("interrupted; what was started is taken down again")
    } else {
        error
    }
}

/// Starts the fleet with the chart on it, and tells of it.
fn start(
    interrupt: &Interrupt,
    name: &str,
    nodes: &[(String, Kernel)],
    settings: &[String],
    prepare: fn(&Fleet) -> Result<()>,
) -> Result<Fleet> {
    if !nix::unistd::geteuid().is_root() {
        bail!("virtual machines' disks are made by root: run it as root");
    }
    let started = Instant::now();
    let tell = |what: &str| eprintln!("{:6.1} s  {what}", started.elapsed().as_secs_f32());
    let own = std::env::current_exe().context("cannot find this program")?;
    let options = FleetOptions {
        name: name.to_owned(),
        nodes: nodes.to_vec(),
        program: own.with_file_name("cluster"),
        programs: vec![own.with_file_name("incident")],
        cancel: interrupt.flag(),
    };
    let fleet = Fleet::start(&options, &tell)?;
    prepare(&fleet)?;
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    fleet.install(interrupt, &settings)?;
    tell("the chart is installed");
    Ok(fleet)
}

/// Standard input, line by line: a read of it cannot be interrupted.
fn lines() -> Result<Receiver<String>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("keyboard".into())
        .spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

fn obey(fleet: &Fleet, line: &str) -> Result<()> {
    let Some((name, script)) = line.trim().split_once(' ') else {
        bail!("write NODE COMMAND, or press Ctrl-C to end");
    };
    let ran = fleet.node(name)?.run(script)?;
    print!("{}{}", ran.stdout, ran.stderr);
    Ok(())
}
