//! The running probe as others meet it: its pages, its token, an API server
//! that goes away.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use unstall_integration::incident::Backing;
use unstall_integration::product::{Objects, text};
use unstall_integration::testing::skip;

use crate::stage::{Stage, Stall, pids_of, settings, signal};

const PORT: &str = "9469";
/// Debian's python3-prometheus-client: the reference parser of OpenMetrics.
const PARSER: &str = "import sys; from prometheus_client.openmetrics.parser import \
    text_fd_to_metric_families as parse; print(*sorted(f.name for f in parse(sys.stdin)))";
/// No write but heartbeats: they come each 5 minutes.
const QUIET: Duration = Duration::from_secs(40);
/// As in the tests of the cure.
const ZOMBIES: u32 = 8_000;
/// The kubelet starts the container again, and it judges anew by samples of its own.
const RESTARTED: Duration = Duration::from_secs(30);

/// What the probe's pod answers, through the API server.
fn page(stage: &Stage, path: &str) -> String {
    let pods = "get pods -n unstall-system -l app.kubernetes.io/component=probe -o name";
    let pods = stage.kubectl(&pods.split(' ').collect::<Vec<_>>());
    let pod = pods.trim().trim_start_matches("pod/");
    let raw = format!("/api/v1/namespaces/unstall-system/pods/{pod}:{PORT}/proxy{path}");
    stage.kubectl(&["get", "--raw", &raw])
}

/// A number of the metrics page; nothing while it is absent.
fn metric(stage: &Stage, series: &str) -> Option<f64> {
    let page = page(stage, "/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

fn writes(stage: &Stage) -> f64 {
    let series = "unstall_probe_status_writes_total{result=\"success\"}";
    metric(stage, series).unwrap_or(0.0)
}

#[test]
fn its_pages_are_open_metrics_and_health() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.enforce();
    assert_eq!(page(&stage, "/healthz"), "ok\n");
    assert_eq!(page(&stage, "/readyz"), "ok\n");
    let parser = Command::new("/usr/bin/python3")
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut parser) = parser else {
        return skip("no parser of OpenMetrics: install python3-prometheus-client");
    };
    let mut input = parser.stdin.take().unwrap();
    input
        .write_all(page(&stage, "/metrics").as_bytes())
        .unwrap();
    drop(input);
    let parsed = parser.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&parsed.stderr).into_owned();
    if said.contains("No module named 'prometheus_client'") {
        return skip("no parser of OpenMetrics: install python3-prometheus-client");
    }
    assert!(parsed.status.success(), "{said}");
    let families = String::from_utf8_lossy(&parsed.stdout).into_owned();
    for name in [
        "unstall_memory_stat_read_seconds",
        "unstall_probe_build",
        "unstall_probe_status_writes",
        "unstall_trigger",
        "unstall_verdict",
    ] {
        assert!(families.contains(name), "{name} is not among {families}");
    }
}

/// kubectl with nothing but the token of the running probe.
struct Token {
    server: String,
    ca: String,
    token: String,
}

impl Token {
    fn of_the_probe(stage: &Stage) -> Self {
        let pid = pids_of("node-probe probe")[0];
        let secrets = format!("/proc/{pid}/root/var/run/secrets/kubernetes.io/serviceaccount");
        let config = stage.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]);
        let config: Value = serde_json::from_str(&config).unwrap();
        let server = text(&config, "/clusters/0/cluster/server").unwrap();
        Self {
            server: server.to_owned(),
            ca: format!("{secrets}/ca.crt"),
            token: fs::read_to_string(format!("{secrets}/token")).unwrap(),
        }
    }

    /// Applies `document` on the server, which is one patch and no read.
    fn apply(&self, stage: &Stage, document: &str, more: &[&str]) -> Output {
        let mut child = Command::new(stage.cluster().kubectl().program())
            .args(["--kubeconfig", "/dev/null", "--server", &self.server])
            .args(["--certificate-authority", &self.ca, "--token", &self.token])
            .args([
                "apply",
                "--server-side",
                "--force-conflicts",
                "--validate=false",
                "-f",
                "-",
            ])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(document.as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    }
}

const STATUS: &[&str] = &["--subresource=status"];

/// A document, how it is applied, and what its refusal says.
type Refused = (String, &'static [&'static str], &'static str);

/// What the probe of `node` may not write, and the one thing that it may.
fn documents(node: &str) -> (Vec<Refused>, String) {
    let health = |name: &str, rest: &str| {
        let head = "{\"apiVersion\":\"unstall.dev/v1alpha1\",\"kind\":\"NodeHealth\"";
        format!("{head},\"metadata\":{{\"name\":\"{name}\"}},{rest}}}")
    };
    let status = "\"status\":{\"verdict\":\"Healthy\"}";
    let spec = "\"spec\":{\"reportInterval\":\"1h\"}";
    let object = |api: &str, kind: &str, name: &str| {
        format!(
            "{{\"apiVersion\":\"{api}\",\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"{name}\",\
             \"labels\":{{\"a\":\"b\"}}}}}}"
        )
    };
    let refused: Vec<Refused> = vec![
        (
            health("elsewhere", status),
            STATUS,
            "may not write NodeHealth \"elsewhere\"",
        ),
        (
            health(node, spec),
            &[],
            "cannot patch resource \"nodehealths\"",
        ),
        (
            object("v1", "Node", node),
            &[],
            "cannot patch resource \"nodes\"",
        ),
        (
            object("v1", "Pod", "mine"),
            &[],
            "cannot patch resource \"pods\"",
        ),
        (
            object("v1", "ConfigMap", "mine"),
            &[],
            "cannot patch resource \"configmaps\"",
        ),
        (
            object("coordination.k8s.io/v1", "Lease", node),
            &["-n", "kube-node-lease"],
            "cannot patch resource \"leases\"",
        ),
    ];
    let own = health(node, status);
    (refused, own)
}

#[test]
fn its_token_writes_its_own_status_and_nothing_else() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.enforce();
    let token = Token::of_the_probe(&stage);
    let node = text(stage.objects().health(), "/metadata/name")
        .unwrap()
        .to_owned();
    let other = "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"elsewhere\",\
                 \"labels\":{\"kubernetes.io/os\":\"windows\"}}}";
    unstall_integration::product::apply(stage.cluster(), other).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let exists = || {
        let args = ["get", "nodehealth", "elsewhere"];
        let found = stage.cluster().kubectl().try_run(&args).unwrap();
        found.status.success()
    };
    while !exists() {
        assert!(Instant::now() < deadline, "no NodeHealth elsewhere");
        std::thread::sleep(Duration::from_millis(250));
    }
    let (cases, own) = documents(&node);
    for (document, more, words) in cases {
        let output = token.apply(&stage, &document, more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{document} was not refused");
        assert!(said.contains(words), "{document}: {said}");
    }
    // The same token on its own object, or the refusals would prove nothing.
    let output = token.apply(&stage, &own, STATUS);
    assert!(output.status.success(), "{output:?}");
    stage.kubectl(&["delete", "node", "elsewhere"]);
}

#[test]
fn a_healthy_node_is_not_written_of_and_an_outage_ends_nothing() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.enforce();
    let probe = pids_of("node-probe probe");
    // What a start brings has been said.
    std::thread::sleep(Duration::from_secs(15));
    let before = writes(&stage);
    std::thread::sleep(QUIET);
    assert!(
        writes(&stage) <= before + 1.0,
        "{before} writes before, {} after",
        writes(&stage)
    );
    let server = &stage.cluster().state().components;
    let server = server
        .iter()
        .find(|it| it.name == "kube-apiserver")
        .unwrap();
    signal(&[i32::try_from(server.pid).unwrap()], Signal::SIGKILL);
    std::thread::sleep(Duration::from_secs(5));
    // Back, and told of what changed meanwhile: a trigger of a policy applied now.
    stage.until("the API server", |_| true);
    stage.kubectl(&["delete", "nodehealthpolicies", "--all"]);
    stage.until("the trigger to be gone", |objects| {
        objects.health().pointer("/status/triggers").is_none()
    });
    assert_eq!(
        pids_of("node-probe probe"),
        probe,
        "the probe was restarted"
    );
}

#[test]
fn a_restart_while_a_trigger_fires_is_no_news() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.observe();
    let _stall = Stall::make(ZOMBIES, Backing::Ext4);
    let trigger = "/status/triggers/0";
    let is_firing =
        |objects: &Objects| text(objects.health(), &format!("{trigger}/state")) == Some("Firing");
    let before = stage.until("the trigger to fire", is_firing);
    let since = text(before.health(), &format!("{trigger}/since")).map(str::to_owned);
    let old = pids_of("node-probe probe");
    signal(&old, Signal::SIGKILL);
    let deadline = Instant::now() + RESTARTED;
    while Instant::now() < deadline {
        let objects = stage.objects();
        assert!(is_firing(&objects), "it flapped: {:#}", objects.health());
        assert_eq!(
            text(objects.health(), &format!("{trigger}/since")),
            since.as_deref()
        );
        let verdict = text(objects.health(), "/status/verdict");
        assert_ne!(verdict, Some("Unknown"), "{:#}", objects.health());
        std::thread::sleep(Duration::from_millis(100));
    }
    let new = pids_of("node-probe probe");
    assert!(!new.is_empty() && new != old, "{old:?} goes on");
}

/// A policy that asks for a signal which some kernels lack.
const INTERRUPTS: &str = "{\"apiVersion\":\"unstall.dev/v1alpha1\",\"kind\":\"NodeHealthPolicy\",\
    \"metadata\":{\"name\":\"interrupts\"},\"spec\":{\
    \"nodeSelector\":{\"matchLabels\":{\"kubernetes.io/os\":\"linux\"}},\"triggers\":[{\"name\":\"irq\",\
    \"signal\":{\"name\":\"IRQPressure\",\"above\":\"20%\",\"clearBelow\":\"10%\"},\"remedies\":[]}]}}";

#[test]
fn a_signal_that_this_kernel_lacks_is_named_by_the_node_and_counted_by_the_policy() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    let file = "/proc/pressure/irq";
    let is_given = fs::read_to_string(file).is_ok_and(|text| text.contains("full "));
    unstall_integration::product::apply(stage.cluster(), INTERRUPTS).unwrap();
    let condition = |object: &Value| {
        let conditions = object.pointer("/status/conditions")?.as_array()?;
        let found = conditions
            .iter()
            .find(|it| it["type"] == "SignalsAvailable")?;
        Some((
            found["status"] == "True",
            text(found, "/message")?.to_owned(),
        ))
    };
    let objects = stage.until("both to say what this kernel gives", |objects| {
        text(objects.health(), "/status/triggers/0/name") == Some("irq")
            && [objects.health(), objects.policy()]
                .iter()
                .all(|object| condition(object).is_some_and(|(holds, _)| holds == is_given))
    });
    let (_, said) = condition(objects.health()).unwrap();
    let counted = objects.policy().pointer("/status/unavailableSignals/0");
    println!("{said}; {counted:?}");
    if is_given {
        assert_eq!(counted, None);
        return;
    }
    assert!(
        said.starts_with("interrupts/irq: this node cannot give IRQPressure: "),
        "{said}"
    );
    assert!(said.contains(file), "{said}");
    let counted = counted.unwrap();
    assert_eq!(counted["name"], "IRQPressure", "{counted:#}");
    assert_eq!(counted["count"], 1, "{counted:#}");
    let trigger = text(objects.health(), "/status/triggers/0/message").unwrap();
    assert!(
        trigger.contains("this node cannot give IRQPressure"),
        "{trigger}"
    );
}
