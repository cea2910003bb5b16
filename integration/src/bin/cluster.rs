//! A real Kubernetes cluster on this machine, for people and tests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use unstall_integration::cluster::{
    Cluster, ClusterOptions, Layout, Phase, ServeOptions, State, build_workspace_images, ensure,
    serve, take_down,
};
use unstall_integration::interrupt::Interrupt;

/// A real Kubernetes cluster on this machine: etcd, kube-apiserver,
/// controller-manager, scheduler and, with --node, this machine as a node
/// (kubelet, containerd, runc).
#[derive(Parser)]
#[command(name = "cluster", version)]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Start a cluster and wait until it is ready; one that is up stays as it is.
    Up(Up),
    /// Take a cluster down and remove all it left, also after a crash.
    Down(Name),
    /// Show the clusters of this machine.
    Status,
    /// Print the path of the administrator's kubeconfig.
    Kubeconfig(Name),
    /// Build the cluster's programs into the cache, without starting anything.
    Build {
        /// The control plane alone, without kubelet's companions.
        #[arg(long)]
        no_node: bool,
    },
    /// Build the product's images and print their archives (OCI), one a line.
    Images,
    /// Print the path of one of the cluster's programs, built if need be.
    Program {
        /// For instance kubectl or helm.
        program: String,
    },
    /// The supervisor that `up` starts.
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args)]
struct Name {
    /// The cluster's name on this machine.
    #[arg(long, default_value = "dev")]
    name: String,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    name: Name,
    /// Without this machine as a node (the default needs root).
    #[arg(long)]
    no_node: bool,
    /// The API server's port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// An OCI image archive to import on the node; may be repeated.
    #[arg(long)]
    image: Vec<PathBuf>,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    name: Name,
    #[arg(long)]
    node: bool,
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[arg(long)]
    image: Vec<PathBuf>,
    #[arg(long)]
    guest: Vec<String>,
    #[arg(long)]
    attached: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Sub) -> Result<()> {
    match command {
        Sub::Up(up) => start(&up),
        Sub::Down(name) => down(&name.name),
        Sub::Status => status(),
        Sub::Kubeconfig(name) => kubeconfig(&name.name),
        Sub::Build { no_node } => ensure(!no_node).map(|_| ()),
        Sub::Images => {
            for archive in build_workspace_images()?.archives {
                println!("{}", archive.display());
            }
            Ok(())
        }
        Sub::Program { program } => {
            println!("{}", ensure(false)?.program(&program).display());
            Ok(())
        }
        Sub::Serve(options) => supervise(options),
    }
}

fn start(up: &Up) -> Result<()> {
    let started = Instant::now();
    let options = ClusterOptions {
        name: up.name.name.clone(),
        node: !up.no_node,
        images: up.image.clone(),
        guests: Vec::new(),
        port: up.port,
        program: std::env::current_exe().context("cannot find this program")?,
        cancel: Interrupt::listen()?.flag(),
    };
    let cluster = Cluster::detached(&options, &mut |message| {
        eprintln!("{:5.1} s  {message}", started.elapsed().as_secs_f32());
    })?;
    let state = cluster.state();
    eprintln!(
        "{:5.1} s  cluster {} is ready at {}",
        started.elapsed().as_secs_f32(),
        up.name.name,
        state.server
    );
    println!("export KUBECONFIG={}", state.kubeconfig.display());
    Ok(())
}

fn down(name: &str) -> Result<()> {
    let layout = Layout::new(name)?;
    let existed = layout.run().exists();
    take_down(&layout)?;
    eprintln!(
        "cluster {name}: {}",
        if existed {
            "down, nothing left"
        } else {
            "was not up; nothing left"
        }
    );
    Ok(())
}

fn status() -> Result<()> {
    let names = Layout::known();
    if names.is_empty() {
        println!("no cluster on this machine: start one with `cluster up`");
    }
    for name in names {
        let layout = Layout::new(&name)?;
        match State::read(&layout.state()) {
            Some(state) if state.phase == Phase::Failed || layout.is_held() => {
                print_state(&name, &state);
            }
            _ => println!(
                "{name}: left over from a crash; remove it with `cluster down --name {name}`"
            ),
        }
    }
    Ok(())
}

fn print_state(name: &str, state: &State) {
    println!(
        "{name}: {:?} ({}), {}",
        state.phase, state.message, state.server
    );
    println!("  kubeconfig  {}", state.kubeconfig.display());
    println!("  node        {}", state.node.as_deref().unwrap_or("none"));
    for component in &state.components {
        println!(
            "  {:24} pid {:<8} restarts {}",
            component.name, component.pid, component.restarts
        );
    }
}

fn kubeconfig(name: &str) -> Result<()> {
    match Cluster::find(name)? {
        Some(cluster) => println!("{}", cluster.state().kubeconfig.display()),
        None => bail!("cluster {name} is not up: start it with `cluster up --name {name}`"),
    }
    Ok(())
}

fn supervise(options: Serve) -> Result<()> {
    let node = options.node.then(|| {
        nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .unwrap_or_else(|| "host".into())
    });
    serve(&ServeOptions {
        layout: Layout::new(&options.name.name)?,
        toolchain: ensure(options.node)?,
        node,
        images: options.image,
        guests: options.guest,
        port: options.port,
        attached: options.attached,
    })
}
