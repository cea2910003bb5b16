//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Finds Kubernetes nodes whose kernel stalls, applies the gentlest remedy
/// that works, and proves that it worked.
#[derive(Debug, Parser)]
#[command(name = "unstall-controller", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the controller can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile NodeHealthPolicies until told to stop.
    Run(Run),
    /// Make the signing key and its public half where they are absent.
    ///
    /// Run by the chart's install hook. What is there is never replaced.
    Keys(Keys),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The Ed25519 key that signs commands (PKCS#8 PEM).
    #[arg(long, value_name = "FILE")]
    pub signing_key: PathBuf,
    /// ns
    #[arg(long, default_value = "unstall-system")]
    pub namespace: String,
    /// d
    #[arg(long, default_value = "15s", value_parser = dur)]
    pub lease_duration: std::time::Duration,
    /// d
    #[arg(long, default_value = "10s", value_parser = dur)]
    pub lease_renew_deadline: std::time::Duration,
    /// d
    #[arg(long, default_value = "2s", value_parser = dur)]
    pub lease_retry: std::time::Duration,
    /// l
    #[arg(long, default_value = "0.0.0.0:9470")]
    pub listen: String,
    /// The name of this replica, for people who read the ledger.
    #[arg(long, env = "HOSTNAME", default_value = "unstall-controller")]
    pub identity: String,
}

/// Options of `keys`.
#[derive(Debug, Args)]
pub struct Keys {
    /// The namespace of both objects.
    #[arg(long)]
    pub namespace: String,
    /// The Secret that holds the signing key (entry signing.key).
    #[arg(long)]
    pub secret: String,
    /// The ConfigMap that holds the public keys (entries *.pub).
    #[arg(long)]
    pub config_map: String,
}

fn dur(text: &str) -> Result<std::time::Duration, String> {
    let parsed: unstall_crds::units::GoDuration = text.parse().map_err(|e| format!("{e}"))?;
    Ok(parsed.get())
}
