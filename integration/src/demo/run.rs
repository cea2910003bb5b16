//! The demo from its first line to its last.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::tell::{Teller, Who, count, duration};
use super::{preflight, scene, watch};
use crate::cluster::Cluster;
use crate::interrupt::Interrupt;

/// The name of the demo's cluster.
pub const CLUSTER: &str = "demo";
/// After the cure, reads must be this many times faster than during the stall.
const FASTER: u32 = 10;

/// What every part of the demo needs.
pub struct Demo {
    /// Prints the story.
    pub teller: Teller,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// Whether the cluster stays (`KEEP=1`).
    pub keep: bool,
}

impl Demo {
    /// A program of the test bed, built beside this one.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        let own = std::env::current_exe().unwrap_or_default();
        own.with_file_name(name)
    }
}

/// Plays the demo. It succeeds only if all of it happened and was proven.
///
/// # Errors
/// One sentence that says what did not happen, and the way out.
pub fn run() -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let keep = std::env::var_os("KEEP").is_some_and(|value| !value.is_empty() && value != "0");
    let demo = Demo {
        teller: Teller::new(),
        interrupt,
        keep,
    };
    let _lock = preflight::check()?;

    demo.teller
        .heading("1. A real cluster, with this machine as its node");
    let cluster = scene::cluster(&demo).map_err(|error| said(&demo, error))?;
    let outcome = story(&demo, &cluster).map_err(|error| said(&demo, error));
    if demo.keep && outcome.is_ok() {
        how_to_look_around(&cluster);
        return outcome;
    }
    if outcome.is_err() && !demo.interrupt.came() {
        show(&cluster);
    }
    let down = cluster.down();
    if down.is_ok() {
        demo.teller.line(
            Who::Demo,
            "cluster and stall are gone; nothing is left on this machine",
        );
    }
    outcome.and(down)
}

/// Whatever failed because of Ctrl-C failed because of Ctrl-C.
fn said(demo: &Demo, error: anyhow::Error) -> anyhow::Error {
    if demo.interrupt.came() {
        anyhow::anyhow!("interrupted; what was started is taken down again")
    } else {
        error
    }
}

fn story(demo: &Demo, cluster: &Cluster) -> Result<()> {
    demo.teller.heading("2. Unstall, installed as a user does");
    scene::install(demo, cluster)?;
    scene::policy(demo, cluster)?;
    watch::calm(demo, cluster)?;

    demo.teller.heading("3. A real stall on the running kernel");
    let mut incident = scene::stall(demo)?;
    let sick = scene::own_reads("again", demo)?;

    demo.teller.heading("4. Found, treated, proven");
    watch::until_ended(demo, cluster)?;
    if !incident.is_pulsing() {
        bail!("the stall's cause ended by itself, so the cure proves nothing: run the demo again");
    }
    demo.teller.line(
        Who::Kernel,
        "the process that mapped and unmapped the zombies' pages still does",
    );
    let cured = scene::own_reads("after the cure", demo)?;
    let zombies = incident.zombies_now()?;
    demo.teller.line(
        Who::Kernel,
        &format!("{} zombie memory cgroups are left", count(zombies)),
    );
    if cured * FASTER > sick {
        bail!(
            "reads take {} now, {} before: that is no cure",
            duration(cured),
            duration(sick)
        );
    }
    incident.stop().context("cannot remove the stall")?;
    watch::until_released(demo, cluster)?;

    demo.teller.heading("5. What a user sees");
    show(cluster);
    demo.teller.line(
        Who::Demo,
        "all of it happened, and was proven by the measurement that fired",
    );
    Ok(())
}

fn show(cluster: &Cluster) {
    for args in [&["get", "nhp,nh,nr"][..], &["get", "nr", "-o", "wide"][..]] {
        println!("\n$ kubectl {}", args.join(" "));
        match cluster.kubectl().run(args) {
            Ok(text) => print!("{text}"),
            Err(error) => println!("{error:#}"),
        }
    }
    println!();
}

fn how_to_look_around(cluster: &Cluster) {
    let kubectl = crate::cluster::ensure(false).map(|toolchain| toolchain.program("kubectl"));
    println!("The cluster stays. To look around:\n");
    println!(
        "  export KUBECONFIG={}",
        cluster.state().kubeconfig.display()
    );
    if let Some(dir) = kubectl
        .ok()
        .and_then(|path| path.parent().map(PathBuf::from))
    {
        println!(
            "  export PATH={}:$PATH    # kubectl and helm of this cluster's versions",
            dir.display()
        );
    }
    println!("  kubectl get nhp,nh,nr,dl");
    println!("  kubectl describe nr");
    println!(
        "  kubectl logs --namespace {} deployment/unstall-controller",
        crate::product::NAMESPACE
    );
    println!("\nTo take it down: make demo-down");
}
