//! The example for node-problem-detector with a real stall: run by a real node-problem-detector
//! where `UNSTALL_NPD` names one (its module is not released, so none is built here), else as that
//! one runs a plugin.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

#[path = "kernel_support/turn.rs"]
mod turn;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use unstall_integration::incident::{Backing, Incident, Options};
use unstall_integration::testing::real;
use unstall_integration::workspace::build_program;

use turn::{PROGRAM, ready};

const EXAMPLE: &str = include_str!("../../docs/examples/node-problem-detector/kernel-stall.json");
const GIVEN: &str = "UNSTALL_NPD";
/// A check of a sick node takes up to its --max-time of 25 s.
const LIMIT: Duration = Duration::from_secs(90);
/// Reads of this kernel are milliseconds where others take a hundred.
const LEVELS: [&str; 6] = [
    "--samples",
    "3",
    "--watch-at",
    "1ms",
    "--degraded-at",
    "2ms",
];

/// The example, with this machine's paths.
fn config(program: &Path, root: &str) -> Value {
    let mut config: Value = serde_json::from_str(EXAMPLE).unwrap();
    config["pluginConfig"]["invoke_interval"] = json!("2s");
    let rule = &mut config["rules"][0];
    rule["path"] = json!(program);
    let args = rule["args"].as_array_mut().unwrap();
    *args.iter_mut().find(|arg| **arg == "/host").unwrap() = json!(root);
    args.extend(LEVELS.map(Value::from));
    config
}

/// What a condition is, and what is said of it.
type Condition = (String, String);

/// Who runs the plugin.
enum Detector {
    Real {
        child: Child,
        log: PathBuf,
        port: u16,
    },
    AsReal(Value),
}

impl Detector {
    fn start(config: &Value, dir: &Path) -> Self {
        let Some(program) = std::env::var_os(GIVEN) else {
            real("node-probe check as a plugin, run as node-problem-detector does");
            return Self::AsReal(config.clone());
        };
        real("node-problem-detector with the plugin of our example");
        let file = dir.join("plugin.json");
        fs::write(&file, config.to_string()).unwrap();
        let log = dir.join("log");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let child = Command::new(program)
            .arg(format!("--config.custom-plugin-monitor={}", file.display()))
            .args(["--enable-k8s-exporter=false", "--port=0", "--logtostderr"])
            .arg(format!("--prometheus-port={port}"))
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self::Real { child, log, port }
    }

    fn condition(&self) -> Condition {
        match self {
            Self::AsReal(config) => as_real(config),
            Self::Real { log, port, .. } => {
                let log = fs::read_to_string(log).unwrap();
                // It logs each change of a condition, and what it begins with.
                let words = log
                    .lines()
                    .rfind(|line| line.contains("Status:"))
                    .unwrap_or("");
                // Behind its events.
                let words = words.rsplit("onditions:").next().unwrap_or("");
                let after = |key: &str, end: char| {
                    let rest = words.split(key).nth(1).unwrap_or("");
                    rest.split(end).next().unwrap_or("").to_owned()
                };
                let status = after("Status:", ' ');
                let gauge = gauge(*port);
                if gauge.is_some_and(|is_raised| is_raised != (status == "True")) {
                    // Between the one and the other.
                    return ("?".to_owned(), String::new());
                }
                (status, after("Message:", '}'))
            }
        }
    }

    fn until(&self, status: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (now, message) = self.condition();
            if now == status {
                println!("{status}: {message}");
                return message;
            }
            assert!(
                Instant::now() < deadline,
                "{now} and not {status}: {message}"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        if let Self::Real { child, .. } = self {
            // It is ours, and nothing is left of it but its entry.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What node-problem-detector tells Prometheus of the condition.
fn gauge(port: u16) -> Option<bool> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: it\r\n\r\n")
        .ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    let mut gauges = page
        .lines()
        .filter(|line| line.starts_with("problem_gauge{"));
    let is_slow = gauges.find(|line| line.contains("reason=\"MemoryStatIsSlow\""))?;
    Some(is_slow.ends_with(" 1"))
}

/// One run of the plugin: exit codes 0, 1 and all others; output trimmed and cut, and what runs for
/// too long is killed.
fn as_real(config: &Value) -> Condition {
    let text = |at: &str| config.pointer(at).unwrap().as_str().unwrap();
    let seconds = text("/rules/0/timeout").trim_end_matches('s');
    let args = config["rules"][0]["args"].as_array().unwrap();
    let output: Output = Command::new("timeout")
        .args(["--signal=KILL", seconds, text("/rules/0/path")])
        .args(args.iter().map(|arg| arg.as_str().unwrap()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let most = config["pluginConfig"]["max_output_length"]
        .as_u64()
        .unwrap();
    said.truncate(usize::try_from(most).unwrap());
    let status = match output.status.code() {
        Some(0) => "False",
        Some(1) => "True",
        _ => "Unknown",
    };
    (status.to_owned(), said)
}

#[test]
fn the_condition_is_raised_by_a_stall_and_cleared_after_it() {
    let Some(_turn) = ready() else { return };
    let probe = build_program("node-probe", Path::new(PROGRAM)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let detector = Detector::start(&config(&probe, "/"), dir.path());
    let mut incident = Incident::make(&Options {
        wait: Duration::from_secs(600),
        ..Options::new(20_000, Backing::Ext4, PROGRAM)
    })
    .unwrap();
    incident.start_pulses(Duration::from_millis(200)).unwrap();
    let message = detector.until("True");
    assert!(message.contains(": memory.stat reads take "), "{message}");
    assert!(message.ends_with(" zombie memcgs"), "cut: {message}");
    incident.stop().unwrap();
    detector.until("False");
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let Some(_turn) = ready() else { return };
    let probe = build_program("node-probe", Path::new(PROGRAM)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // What a container sees that was not given the host's trees.
    let detector = Detector::start(&config(&probe, "/nowhere"), dir.path());
    let message = detector.until("Unknown");
    assert_eq!(message, "Unknown: the root memory.stat cannot be read");
}
