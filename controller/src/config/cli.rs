//! The commands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::Logs;
use super::run::{Election, Run};
use super::value::{duration, name};

/// Finds Kubernetes nodes whose kernel stalls, applies the gentlest remedy
/// that works, and proves that it worked.
///
/// Ends with 0 when it was told to end, 1 when something failed, 2 when the
/// command line is wrong, 3 when another controller leads.
#[derive(Debug, Parser)]
#[command(name = "unstall-controller", version, max_term_width = 100)]
pub struct Cli {
    /// How it logs.
    #[command(flatten)]
    pub logs: Logs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the controller can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile NodeHealthPolicies until told to stop.
    Run(Box<Run>),
    /// Make the signing key and its public half where they are absent.
    ///
    /// Run by the chart's install hook. What is there is never replaced.
    Keys(Keys),
    /// Print the definitions of all kinds (CustomResourceDefinitions) as YAML.
    Crds,
    /// Capture the cluster as the controller sees it, for `simulate`.
    ///
    /// Left out: signatures of commands, managed fields, and annotations that no
    /// decision reads. Secrets and pod specs are never read. Needs the rights of the
    /// controller.
    Snapshot(Snapshot),
    /// Print what the controller would do about a captured cluster, and every reason.
    ///
    /// Needs no cluster and changes nothing. The controller's own options are not in what
    /// `snapshot` prints: bounds, such as --pod-nodes, are their defaults. Nor are firing
    /// alerts: what disruption.blockedBy.alerts may hold up waits.
    Simulate(Simulate),
    /// Remove everything of ours from all Nodes: cordons, marks, conditions, slots,
    /// commands.
    ///
    /// Run by the chart's hook before it is removed. Takes the leader's lease first,
    /// so that nobody sets anew what it removes; refuses while a controller keeps it.
    Cleanup(Cleanup),
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

/// The form of a captured cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// For people and programs.
    Yaml,
    /// For programs.
    Json,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Options of `snapshot`.
#[derive(Debug, Args)]
pub struct Snapshot {
    /// The namespace of the controller's pods, to see where they run. Without it that is
    /// not known, and `simulate` makes no node unavailable.
    #[arg(long, env = "UNSTALL_NAMESPACE", value_name = "NAME", value_parser = name)]
    pub namespace: Option<String>,
    /// The form in which it is printed.
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml")]
    pub output: Document,
}

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// What `snapshot` printed, as YAML or JSON; - reads standard input.
    #[arg(long = "file", short, value_name = "FILE")]
    pub file: PathBuf,
    /// The form in which the plan is printed.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub output: Report,
}

/// Options of `cleanup`.
#[derive(Debug, Args)]
pub struct Cleanup {
    /// Whose lease is taken.
    #[command(flatten)]
    pub election: Election,
    /// Only say what would be removed. Needs no lease.
    #[arg(long)]
    pub dry_run: bool,
    /// Do it beside a controller that leads. It may set anew what is removed.
    #[arg(long, conflicts_with = "scale_down")]
    pub force: bool,
    /// A Deployment in the lease's namespace to scale to 0 first: the controller's.
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "dry_run")]
    pub scale_down: Option<String>,
    /// How long to wait for the lease (1s to 10m).
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration("1s", "10m"))]
    pub wait: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn refused(args: &[&str]) -> String {
        let program = ["unstall-controller"];
        let parsed = Cli::try_parse_from(program.iter().chain(args));
        parsed.unwrap_err().to_string()
    }

    fn run(args: &[&str]) -> Run {
        let program = [
            "unstall-controller",
            "run",
            "--signing-key=k",
            "--namespace=n",
        ];
        match Cli::try_parse_from(program.iter().chain(args))
            .unwrap()
            .command
        {
            Command::Run(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_of_run_has_a_variable_a_group_and_a_sentence() {
        let mut cli = Cli::command();
        cli.build();
        let run = cli.find_subcommand("run").unwrap();
        let options = run.get_arguments().filter(|it| it.get_id() != "help");
        for option in options {
            let id = option.get_id();
            let env = option.get_env().unwrap_or_default().to_string_lossy();
            let named = id.as_str().to_ascii_uppercase();
            assert_eq!(env, format!("UNSTALL_{named}"), "{id}");
            assert!(option.get_help_heading().is_some(), "{id} has no heading");
            let help = option.get_help().unwrap().to_string();
            assert!(help.len() > 20, "{id}: {help}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let run = run(&[]);
        assert_eq!(run.listen.to_string(), "[::]:9470");
        let terms = run.election.terms().unwrap();
        assert_eq!(terms.duration, Duration::from_secs(15));
        assert_eq!(terms.renew_deadline, Duration::from_secs(10));
        assert_eq!(terms.retry, Duration::from_secs(2));
        assert_eq!(run.bounds.limits(), unstall_decide::Limits::default());
        assert!(run.prometheus.url.is_none());
    }

    #[test]
    fn wrong_values_are_refused_with_what_to_write() {
        let base = ["run", "--signing-key=k", "--namespace=n"];
        let cases = [
            (
                "--listen=9470",
                "write an address and a port, such as [::]:9470",
            ),
            ("--lease-duration=15", "such as 90s, 5m or 1h30m"),
            ("--lease-duration=1s", "write 3s to 5m"),
            ("--lease-retry=1h", "write 100ms to 1m"),
            (
                "--lease-name=Unstall_Lease",
                "write lower-case letters, digits and hyphens",
            ),
            (
                "--prometheus-url=prometheus:9090",
                "write http:// or https:// and a host",
            ),
            (
                "--prometheus-url=ftp://host",
                "write http:// or https:// and a host",
            ),
            ("--evictions-per-node=0", "write 1 to 100"),
            ("--evictions-per-node=many", "write 1 to 100"),
            ("--pod-nodes=0", "write 1 to 1024"),
            ("--records=100000", "write 0 to 10000"),
            ("--record-age=1m", "write 1h to 999999h"),
            ("--log-format=xml", "[possible values: text, json]"),
            ("--log=loud", "write error, warn, info, debug, trace"),
            ("--leese-name=x", "--lease-name"),
        ];
        for (case, advice) in cases {
            let said = refused(&[&base[..], &[case]].concat());
            assert!(said.contains(advice), "{case}: {said}");
        }
    }

    #[test]
    fn terms_that_do_not_fit_each_other_are_refused() {
        let cases = [
            (
                &["--lease-renew-deadline=12s"][..],
                "at most three quarters",
            ),
            (&["--lease-retry=5s"], "at most a third"),
        ];
        for (args, advice) in cases {
            let said = run(args).election.terms().unwrap_err().to_string();
            assert!(said.contains(advice), "{said}");
        }
        let slow = [
            "--lease-duration=60s",
            "--lease-renew-deadline=40s",
            "--lease-retry=10s",
        ];
        assert!(run(&slow).election.terms().is_ok());
    }

    #[test]
    fn a_file_for_prometheus_needs_its_address() {
        let said = refused(&[
            "run",
            "--signing-key=k",
            "--namespace=n",
            "--prometheus-token-file=t",
        ]);
        assert!(said.contains("--prometheus-url"), "{said}");
    }

    #[test]
    fn a_forced_cleanup_waits_for_nobody() {
        let said = refused(&["cleanup", "--namespace=n", "--force", "--scale-down=c"]);
        assert!(said.contains("cannot be used with"), "{said}");
    }
}
