//! What the demo sets up: the product's images, a cluster, the chart, the
//! policy, the stall.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::run::{CLUSTER, Demo};
use super::tell::{Who, count, duration};
use crate::cluster::{
    Cluster, ClusterOptions, KUBERNETES_VERSION, WorkspaceImages, build_workspace_images, ensure,
};
use crate::incident::{Backing, Incident, Options, read};
use crate::product::{self, NAMESPACE};

/// At 20,000 zombies a root read takes some 30 ms of CPU on the machine this
/// was written on: slow enough to be no noise, fast enough for ten samples in
/// half a minute at 1 % duty.
const ZOMBIES: u32 = 20_000;
const PULSE_EVERY: Duration = Duration::from_millis(200);
/// Reads that the demo takes itself, beside the probe's.
const OWN_READS: u32 = 10;
const OWN_SPACING: Duration = Duration::from_millis(300);
const POLICY: &str = include_str!("policy.yaml");

/// Builds the images and starts the cluster with them.
pub fn cluster(demo: &Demo) -> Result<Cluster> {
    demo.teller.line(
        Who::Demo,
        "building the product's images and the cluster's programs (cached)",
    );
    ensure(true)?;
    demo.interrupt.check()?;
    let built = Instant::now();
    let WorkspaceImages { archives, tag } = build_workspace_images()?;
    demo.interrupt.check()?;
    demo.teller.line(
        Who::Demo,
        &format!(
            "images of version {tag} are built ({:.0} s)",
            built.elapsed().as_secs_f32()
        ),
    );
    let options = ClusterOptions {
        name: CLUSTER.to_owned(),
        node: true,
        images: archives,
        guests: Vec::new(),
        port: 0,
        program: demo.program("cluster"),
        cancel: demo.interrupt.flag(),
    };
    let started = Instant::now();
    let cluster = if demo.keep {
        Cluster::detached(&options, &mut |_| ())?
    } else {
        Cluster::attached(&options)?
    };
    demo.teller.line(
        Who::Demo,
        &format!(
            "a real cluster is up: Kubernetes {KUBERNETES_VERSION}, this machine is node {}, Ready after {:.1} s",
            cluster.state().node.as_deref().unwrap_or("?"),
            started.elapsed().as_secs_f32()
        ),
    );
    Ok(cluster)
}

/// Installs the chart as a user does.
pub fn install(demo: &Demo, cluster: &Cluster) -> Result<()> {
    // A demo has no minute to wait between samples of a healthy node.
    let settings = ["probe.interval=2s"];
    let arguments = product::arguments(cluster, &settings).join(" ");
    demo.teller.line(Who::Demo, &format!("$ helm {arguments}"));
    product::install(cluster, &demo.interrupt, &settings)?;
    let pods = cluster
        .kubectl()
        .run(&["get", "pods", "--namespace", NAMESPACE, "--no-headers"])?;
    for pod in pods.lines() {
        demo.teller.line(Who::Demo, &format!("  {pod}"));
    }
    Ok(())
}

/// Applies the demo's policy.
pub fn policy(demo: &Demo, cluster: &Cluster) -> Result<()> {
    product::apply(cluster, POLICY)?;
    demo.teller
        .line(Who::Demo, "$ kubectl apply -f policy.yaml");
    for line in POLICY
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        demo.teller.line(Who::Demo, &format!("  {line}"));
    }
    Ok(())
}

/// Makes the stall on the running kernel. It goes on until the returned value
/// is stopped or this process ends.
pub fn stall(demo: &Demo) -> Result<Incident> {
    let before = own_reads("before", demo)?;
    let mut options = Options::new(ZOMBIES, Backing::Ext4, demo.program("incident"));
    options.cancel = demo.interrupt.cancel();
    options.pulse_every = Some(PULSE_EVERY);
    let incident = Incident::make(&options)?;
    let made = incident.made();
    demo.teller.line(
        Who::Kernel,
        &format!(
            "{} zombie memory cgroups made in {} (there were {}); one process maps and unmaps their pages every {}",
            count(made.after.saturating_sub(made.before)),
            duration(made.took),
            count(made.before),
            duration(PULSE_EVERY)
        ),
    );
    let during = own_reads("now", demo)?;
    if during < before * 10 {
        bail!(
            "the kernel does not stall: root memory.stat reads take {} at the median, {} before. This kernel may free \
             dead cgroups at once (7.1 and later do)",
            duration(during),
            duration(before)
        );
    }
    Ok(incident)
}

/// Times some root reads, beside the probe's, and returns their median.
pub fn own_reads(when: &str, demo: &Demo) -> Result<Duration> {
    demo.interrupt.check()?;
    let reads = read::time_root(OWN_READS, OWN_SPACING)?;
    demo.teller.line(
        Who::Kernel,
        &format!(
            "root memory.stat, {OWN_READS} reads {when}: P50 {} of CPU, min {}, max {}",
            duration(reads.p50()),
            duration(reads.min()),
            duration(reads.max())
        ),
    );
    Ok(reads.p50())
}
