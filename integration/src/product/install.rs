//! Installing the chart and applying documents.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cluster::Cluster;
use crate::interrupt::Interrupt;

/// The namespace of the release.
pub const NAMESPACE: &str = "unstall-system";
/// The name of the release.
pub const RELEASE: &str = "unstall";
/// How long the chart's pods may take to be ready: on emulated machines beside other
/// tests five minutes and more.
const LIMIT: &str = "600s";

/// Installs the chart, or upgrades it to other `settings` (`key=value`).
///
/// The actuator's journal goes to the cluster's own directory, so that it goes
/// with the cluster.
///
/// # Errors
/// When helm refuses, the pods are not ready in ten minutes, or `interrupt`
/// came.
pub fn install(cluster: &Cluster, interrupt: &Interrupt, settings: &[&str]) -> Result<()> {
    let mut helm = cluster.helm();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    helm.current_dir(workspace)
        .args(arguments(cluster, settings));
    run(interrupt, &mut helm, "helm")
}

/// What helm is given, in the workspace's root.
#[must_use]
pub fn arguments(cluster: &Cluster, settings: &[&str]) -> Vec<String> {
    let journal = cluster.layout().data().join("actuator-journal");
    let mut arguments: Vec<String> = ["upgrade", "--install", RELEASE, "charts/unstall"]
        .into_iter()
        .chain(["--namespace", NAMESPACE, "--create-namespace"])
        .chain(["--wait", "--timeout", LIMIT])
        // As the archives that are imported on the node name their images.
        .chain(["--set", "image.registry=docker.io", "--set"])
        .map(str::to_owned)
        .collect();
    arguments.push(format!("actuator.journalDir={}", journal.display()));
    for setting in settings {
        arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    arguments
}

/// Applies a document.
///
/// # Errors
/// When the API server refuses it, with what it said.
pub fn apply(cluster: &Cluster, document: &str) -> Result<()> {
    let file = cluster.layout().data().join("applied.yaml");
    std::fs::write(&file, document).with_context(|| format!("cannot write {}", file.display()))?;
    cluster
        .kubectl()
        .run(&[Path::new("apply"), Path::new("-f"), &file])?;
    Ok(())
}

/// Runs a command to its end, or kills it when interrupted.
fn run(interrupt: &Interrupt, command: &mut Command, what: &str) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {what}"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                std::io::Read::read_to_string(&mut stderr, &mut said)?;
            }
            return if status.success() {
                Ok(())
            } else {
                bail!("{what}: {}", said.trim())
            };
        }
        if let Err(interrupted) = interrupt.sleep(Duration::from_millis(100)) {
            // It may have ended by the same signal.
            let _ = child.kill();
            let _ = child.wait();
            return Err(interrupted);
        }
    }
}
