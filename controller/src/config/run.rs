//! Options of `run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use jiff::SignedDuration;
use unstall_decide::Limits;

use super::value::{count, duration, name, socket, url};
use crate::lead::lease::Terms;
use crate::lead::{self, unique};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The Ed25519 key that signs commands (PKCS#8 PEM).
    #[arg(
        long,
        env = "UNSTALL_SIGNING_KEY",
        value_name = "FILE",
        help_heading = "Keys"
    )]
    pub signing_key: PathBuf,
    /// Where /metrics, /livez and /readyz are answered; [::] is every address, those of IPv4 too.
    #[arg(
        long,
        env = "UNSTALL_LISTEN",
        value_name = "ADDRESS",
        default_value = "[::]:9470",
        value_parser = socket,
        help_heading = "Endpoints"
    )]
    pub listen: SocketAddr,
    /// Which of several controllers leads.
    #[command(flatten)]
    pub election: Election,
    /// Alerts.
    #[command(flatten)]
    pub prometheus: Prometheus,
    /// Bounds.
    #[command(flatten)]
    pub bounds: Bounds,
}

/// Which of several controllers leads.
#[derive(Debug, Args)]
#[command(next_help_heading = "Leader election")]
pub struct Election {
    /// The namespace of the lease: that of this pod.
    #[arg(long, env = "UNSTALL_NAMESPACE", value_name = "NAME", value_parser = name)]
    pub namespace: String,
    /// The name of this replica, for people who read the lease and the ledger: that
    /// of the pod. A random suffix makes it unique.
    #[arg(
        long,
        env = "UNSTALL_IDENTITY",
        value_name = "NAME",
        default_value = "unstall-controller"
    )]
    pub identity: String,
    /// The lease that all replicas want: one for the cluster, since there is one ledger.
    #[arg(
        long,
        env = "UNSTALL_LEASE_NAME",
        value_name = "NAME",
        default_value = "unstall-controller",
        value_parser = name
    )]
    pub lease_name: String,
    /// For how long nobody else may lead after a renewal (3s to 5m).
    #[arg(
        long,
        env = "UNSTALL_LEASE_DURATION",
        value_name = "TIME",
        default_value = "15s",
        value_parser = duration("3s", "5m")
    )]
    pub lease_duration: Duration,
    /// For how long the leader acts after a renewal; at most three quarters of
    /// --lease-duration (1s to 225s).
    #[arg(
        long,
        env = "UNSTALL_LEASE_RENEW_DEADLINE",
        value_name = "TIME",
        default_value = "10s",
        value_parser = duration("1s", "225s")
    )]
    pub lease_renew_deadline: Duration,
    /// The pause between two renewals, and between two looks of a standby; at most a
    /// third of --lease-renew-deadline (100ms to 1m).
    #[arg(
        long,
        env = "UNSTALL_LEASE_RETRY",
        value_name = "TIME",
        default_value = "2s",
        value_parser = duration("100ms", "1m")
    )]
    pub lease_retry: Duration,
}

/// Where alerts that forbid disruptions are asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Prometheus")]
pub struct Prometheus {
    /// The address of a Prometheus, such as http://prometheus.monitoring:9090. Without
    /// it, policies that name alerts in disruption.blockedBy are not carried out.
    #[arg(long = "prometheus-url", id = "prometheus_url", env = "UNSTALL_PROMETHEUS_URL", value_name = "URL", value_parser = url)]
    pub url: Option<http::Uri>,
    /// A bearer token for it, read anew for each call.
    #[arg(
        long = "prometheus-token-file",
        id = "prometheus_token_file",
        env = "UNSTALL_PROMETHEUS_TOKEN_FILE",
        value_name = "FILE",
        requires = "prometheus_url"
    )]
    pub token_file: Option<PathBuf>,
    /// The certificates of its authority (PEM), where the system does not know it.
    #[arg(
        long = "prometheus-ca-file",
        id = "prometheus_ca_file",
        env = "UNSTALL_PROMETHEUS_CA_FILE",
        value_name = "FILE",
        requires = "prometheus_url"
    )]
    pub ca_file: Option<PathBuf>,
}

/// Bounds of what is looked at, done at once, and kept, whatever the cluster's size.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bounds")]
pub struct Bounds {
    /// Nodes whose pods are watched at once (1 to 1024).
    #[arg(
        long,
        env = "UNSTALL_POD_NODES",
        value_name = "COUNT",
        default_value = "64",
        value_parser = count(1, 1024)
    )]
    pub pod_nodes: usize,
    /// Evictions in flight on one node at once (1 to 100).
    #[arg(
        long,
        env = "UNSTALL_EVICTIONS_PER_NODE",
        value_name = "COUNT",
        default_value = "10",
        value_parser = count(1, 100)
    )]
    pub evictions_per_node: usize,
    /// NodeRemediations of incidents that have ended to keep (0 to 10000).
    #[arg(
        long,
        env = "UNSTALL_RECORDS",
        value_name = "COUNT",
        default_value = "1000",
        value_parser = count(0, 10_000)
    )]
    pub records: usize,
    /// How long they are kept (1h to 999999h).
    #[arg(
        long,
        env = "UNSTALL_RECORD_AGE",
        value_name = "TIME",
        default_value = "720h",
        value_parser = duration("1h", "999999h")
    )]
    pub record_age: Duration,
}

impl Election {
    /// The terms of the lease.
    ///
    /// # Errors
    /// When they do not fit each other.
    pub fn terms(&self) -> Result<Terms> {
        let terms = Terms {
            duration: self.lease_duration,
            renew_deadline: self.lease_renew_deadline,
            retry: self.lease_retry,
        };
        if terms.renew_deadline > terms.duration * 3 / 4 {
            bail!(
                "--lease-renew-deadline {:?} is too long for --lease-duration {:?}: write at most three quarters of it; \
                 calls that are under way when the leader stops must have ended before another one begins",
                terms.renew_deadline,
                terms.duration
            );
        }
        if terms.retry > terms.renew_deadline / 3 {
            bail!(
                "--lease-retry {:?} is too long for --lease-renew-deadline {:?}: write at most a third of it; one \
                 renewal that fails must not end a leadership",
                terms.retry,
                terms.renew_deadline
            );
        }
        Ok(terms)
    }

    /// What a campaign needs, under a name that no other process has.
    ///
    /// # Errors
    /// When the terms do not fit each other.
    pub fn options(&self) -> Result<lead::Options> {
        Ok(lead::Options {
            namespace: self.namespace.clone(),
            lease: self.lease_name.clone(),
            identity: unique(&self.identity),
            terms: self.terms()?,
        })
    }
}

impl Bounds {
    /// The same for decisions.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            pod_nodes: self.pod_nodes,
            evictions_per_node: self.evictions_per_node,
            records: self.records,
            record_age: SignedDuration::try_from(self.record_age).unwrap_or(SignedDuration::MAX),
            ..Limits::default()
        }
    }
}
