//! Virtual machines with kernels of their own, for people and tests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions, prepare};

/// Virtual machines with kernels of their own (QEMU, no KVM needed).
#[derive(Parser)]
#[command(name = "vm", version)]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Get or build every kernel and the disk into the cache, without starting
    /// anything.
    Build,
    /// Start one, run a shell script in it, and print what that prints.
    Run(Run),
}

#[derive(Args)]
struct Run {
    /// Its kernel.
    #[arg(long, value_enum, default_value = "6.1")]
    kernel: KernelArg,
    /// The memory controller on a version 1 hierarchy.
    #[arg(long)]
    cgroup_v1: bool,
    /// Debian with systemd from a disk, in place of busybox.
    #[arg(long)]
    systemd: bool,
    /// A program to put into /usr/local/bin, with its libraries.
    #[arg(long)]
    program: Vec<PathBuf>,
    /// The script.
    script: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum KernelArg {
    #[value(name = "5.10-walk")]
    Walk,
    #[value(name = "6.1")]
    Linux6_1,
    #[value(name = "6.12")]
    Linux6_12,
    #[value(name = "7")]
    Linux7,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Sub::Build => prepare().map(|()| ExitCode::SUCCESS),
        Sub::Run(options) => start(options),
    };
    done.unwrap_or_else(|error| {
        eprintln!("vm: {error:#}");
        ExitCode::FAILURE
    })
}

fn start(run: Run) -> Result<ExitCode> {
    let started = Instant::now();
    let cgroups = if run.cgroup_v1 {
        Cgroups::V1
    } else {
        Cgroups::V2
    };
    let system = if run.systemd {
        System::Systemd
    } else {
        System::Busybox
    };
    let mut options = VmOptions::new(run.kernel.into(), cgroups, system);
    for program in &run.program {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let path = format!("/usr/local/bin/{name}");
        match system {
            System::Busybox => options.files.linked_program(&path, program)?,
            System::Systemd => options.files.program(&path, program),
        };
    }
    let mut vm = Vm::start(&options)?;
    eprintln!(
        "{:5.1} s  up in boot {}",
        started.elapsed().as_secs_f32(),
        vm.boot_id()
    );
    let ran = vm.run_within(&run.script, Duration::from_secs(600))?;
    print!("{}", ran.stdout);
    eprint!("{}", ran.stderr);
    Ok(ExitCode::from(u8::try_from(ran.code).unwrap_or(u8::MAX)))
}

impl From<KernelArg> for Kernel {
    fn from(kernel: KernelArg) -> Self {
        match kernel {
            KernelArg::Walk => Self::Walk,
            KernelArg::Linux6_1 => Self::Linux6_1,
            KernelArg::Linux6_12 => Self::Linux6_12,
            KernelArg::Linux7 => Self::Linux7,
        }
    }
}
