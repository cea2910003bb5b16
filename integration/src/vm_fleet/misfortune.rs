//! What is killed on a fleet, from outside.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::fleet::Fleet;
use crate::cluster::State;
use crate::product::{NAMESPACE, list, text};

const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Kills the API server as often as it is started again, for as long. Gives how often it
/// answered all the same.
///
/// # Errors
/// When the cluster has none.
pub fn without_api_server(fleet: &Fleet, outage: Duration) -> Result<usize> {
    let until = Instant::now() + outage;
    let state = fleet.cluster().layout().state();
    let mut answers = 0;
    while Instant::now() < until {
        let state = State::read(&state).context("the cluster has no state")?;
        let server = state
            .components
            .iter()
            .find(|it| it.name == "kube-apiserver");
        let pid = server.context("the cluster has no API server")?.pid;
        // It may be gone in this moment.
        let _ = kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL);
        std::thread::sleep(AGAIN_AFTER);
        let asked = ["get", "--raw", "/readyz", "--request-timeout=1s"];
        let was_killed = Instant::now() > until - outage + AGAIN_AFTER * 2;
        answers += usize::from(was_killed && fleet.kubectl().run(&asked).is_ok());
    }
    Ok(answers)
}

/// Sends a signal to the controller that leads, on the node that it runs on; gives
/// its pod and node.
///
/// # Errors
/// When none leads, or its node takes no commands.
pub fn signal_leader(fleet: &Fleet, signal: &str) -> Result<String> {
    let all = |what: &str| -> Result<Value> {
        let said = fleet.kubectl().run(&[
            "get",
            what,
            "-n",
            NAMESPACE,
            "-o",
            "json",
            "--request-timeout=5s",
        ])?;
        Ok(serde_json::from_str(&said)?)
    };
    let (leases, pods) = (all("leases")?, all("pods")?);
    let holders = list(&leases, "/items").iter();
    let holder = holders
        .filter_map(|it| text(it, "/spec/holderIdentity"))
        .find(|holder| !holder.is_empty())
        .context("nobody leads")?;
    let pod = list(&pods, "/items")
        .iter()
        .find(|it| text(it, "/metadata/name").is_some_and(|pod| holder.starts_with(pod)));
    let node = pod
        .and_then(|it| text(it, "/spec/nodeName"))
        .with_context(|| format!("the leader {holder} has no pod"))?;
    let script = format!("kill -{signal} $(pidof unstall-controller)");
    let ran = fleet
        .node(node)?
        .run_within(&script, Duration::from_secs(10))?;
    if ran.code != 0 {
        bail!("the leader on {node}: {ran:?}");
    }
    Ok(format!("{holder} on {node}"))
}
