//! What the tests on the installed chart share: one cluster per test program,
//! set up anew for each test, and a stall that ends with it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use unstall_integration::cluster::{Cluster, build_workspace_images};
use unstall_integration::incident::{Backing, Incident, Options, read};
use unstall_integration::interrupt::Interrupt;
use unstall_integration::product::{Objects, apply, install, text};
use unstall_integration::testing::{host_cluster, real, skip};

const POLICY: &str = include_str!("policy.yaml");
/// Finding, treating and proving takes some 40 s here; CI machines are slower.
const LIMIT: Duration = Duration::from_secs(180);

/// Chart settings for tests: quick samples, no limits between commands.
pub fn settings(actuator: bool) -> Vec<String> {
    vec![
        "probe.interval=1s".to_owned(),
        "actuator.minInterval=1s".to_owned(),
        "actuator.dailyCap=100".to_owned(),
        format!("actuator.enabled={actuator}"),
    ]
}

/// The product on a cluster, without policies and incidents at the start of a
/// test.
pub struct Stage {
    cluster: &'static Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Sets the stage; `None`, and the test counts as skipped, without root.
    pub fn set(settings: &[String]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
        if !nix::unistd::geteuid().is_root() {
            skip("a real node and a real stall need root");
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = CLUSTER.get_or_init(|| start().map_err(|error| format!("{error:#}")));
        let cluster = cluster.as_ref().unwrap_or_else(|error| panic!("{error}"));
        let stage = Self {
            cluster,
            _turn: turn,
        };
        stage.clear();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        install(cluster, &Interrupt::default(), &settings).unwrap_or_else(|e| panic!("{e:#}"));
        Some(stage)
    }

    /// The cluster.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Runs kubectl and returns what it printed.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.cluster
            .kubectl()
            .run(args)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Applies the policy in mode Enforce and waits for a clear trigger.
    pub fn enforce(&self) {
        self.apply_policy("Enforce");
    }

    /// The same in mode Observe.
    pub fn observe(&self) {
        self.apply_policy("Observe");
    }

    fn apply_policy(&self, mode: &str) {
        apply(
            self.cluster,
            &POLICY.replace("mode: Enforce", &format!("mode: {mode}")),
        )
        .unwrap();
        self.until("the trigger to be clear", |objects| {
            text(objects.health(), "/status/triggers/0/state") == Some("Clear")
        });
    }

    /// The objects now.
    pub fn objects(&self) -> Objects {
        Objects::read(self.cluster).unwrap()
    }

    /// Waits until `reached`, and fails with all objects and logs otherwise.
    pub fn until(&self, what: &str, reached: impl Fn(&Objects) -> bool) -> Objects {
        let deadline = Instant::now() + LIMIT;
        loop {
            let objects = Objects::read(self.cluster);
            match &objects {
                Ok(objects) if reached(objects) => return objects.clone(),
                _ => assert!(
                    Instant::now() < deadline,
                    "{what}: not in {LIMIT:?}\n{objects:#?}\n{}",
                    self.logs()
                ),
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Waits for the end of the incident.
    pub fn until_ended(&self) -> Objects {
        self.until("the incident to end", |objects| {
            text(objects.remediation(), "/status/outcome").is_some()
        })
    }

    /// Waits until slot and command were taken back.
    pub fn until_released(&self) {
        self.until("slot and command to be taken back", |objects| {
            objects.health().pointer("/spec/command").is_none()
                && objects.ledger().pointer("/status/slotsInUse") == Some(&Value::from(0))
        });
    }

    /// Adds how an incident ended to what `make test` says was real.
    pub fn outcome(&self, case: &str, incident: &Value) {
        let part = |path| text(incident, path).unwrap_or("-");
        let ended = match part("/status/outcome") {
            "-" => format!(
                "{}, {}",
                part("/status/phase"),
                part("/status/blockers/0/reason")
            ),
            outcome => outcome.to_owned(),
        };
        let line = format!(
            "{case}: {ended}; before {}, after {}; zombies {} -> {}",
            part("/status/proof/before/value"),
            part("/status/proof/after/value"),
            part("/status/proof/before/zombieMemcgs"),
            part("/status/proof/after/zombieMemcgs"),
        );
        println!("{line}");
        real(&line);
    }

    fn clear(&self) {
        let kinds = "nodehealthpolicies,noderemediations";
        let clear = self
            .cluster
            .kubectl()
            .try_run(&["delete", kinds, "--all", "--wait=true"])
            .unwrap();
        let said = String::from_utf8_lossy(&clear.stderr).into_owned();
        // Before the first installation the kinds do not exist.
        assert!(
            clear.status.success() || said.contains("the server doesn't have a resource type"),
            "{said}"
        );
        if clear.status.success() {
            self.until_released();
        }
    }

    fn logs(&self) -> String {
        let part = |what: &str| {
            let args = [
                "logs",
                "-n",
                "unstall-system",
                "--all-containers",
                "--tail=20",
                what,
            ];
            self.cluster
                .kubectl()
                .run(&args)
                .unwrap_or_else(|error| format!("{error:#}"))
        };
        format!(
            "{}\n{}",
            part("deployment/unstall-controller"),
            part("daemonset/unstall-probe")
        )
    }
}

fn start() -> anyhow::Result<Cluster> {
    let images = build_workspace_images()?;
    host_cluster(Path::new(env!("CARGO_BIN_EXE_cluster")), images.archives)
}

/// A stall on the running kernel, which ends with this value.
pub struct Stall(Incident);

impl Stall {
    /// Makes it; waits for its turn on the machine.
    pub fn make(zombies: u32, backing: Backing) -> Self {
        let mut options = Options::new(zombies, backing, env!("CARGO_BIN_EXE_incident"));
        options.pulse_every = Some(Duration::from_millis(200));
        options.wait = Duration::from_secs(120);
        Self(Incident::make(&options).unwrap_or_else(|error| panic!("{error}")))
    }

    /// The median of some reads of the root's memory.stat, beside the probe's.
    pub fn p50(&self) -> Duration {
        read::time_root(10, Duration::from_millis(300))
            .unwrap()
            .p50()
    }

    /// The machine's zombies now.
    pub fn zombies(&mut self) -> u64 {
        self.0.zombies_now().unwrap()
    }

    /// Whether its cause is still at work.
    pub fn is_pulsing(&mut self) -> bool {
        self.0.is_pulsing()
    }
}

/// The processes on this machine whose command line begins with `words`, the
/// program's path aside.
pub fn pids_of(words: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.trim_start_matches('/').starts_with(words)
    })
    .collect()
}

/// Sends a signal to each.
pub fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        kill(nix::unistd::Pid::from_raw(*pid), signal).unwrap();
    }
}
