//! A machine with zombies below the pods' cgroup and the actuator as the chart
//! runs it: user 0 without capabilities, with single files mounted.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use unstall_controller::keys::Signer;
use unstall_crds::command::{CommandAction, CommandPayload, DropLevel};
use unstall_integration::released::static_binary;
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions};

/// For what takes seconds on two idle CPUs.
const SOON: Duration = Duration::from_mins(5);

const UNIT: &str = "[Service]
ExecStart=/usr/local/bin/node-probe actuate --node-name=vm-1 --probe-uid=0 --journal-dir=/var/lib/unstall \
 --drop-caches-file=/proc/sys/vm/drop_caches --memory-reclaim-file=/host/memory.reclaim \
 --cgroup-stat-file=/host/cgroup.stat
StateDirectory=unstall
RuntimeDirectory=unstall
CapabilityBoundingSet=
NoNewPrivileges=yes
";
const MOUNTS: &str = "BindPaths=/sys/fs/cgroup/kubepods.slice/memory.reclaim:/host/memory.reclaim
BindReadOnlyPaths=/sys/fs/cgroup/cgroup.stat:/host/cgroup.stat
";

/// Sends a line to a Unix socket and prints the answer.
const ASK: &str = r#"use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
print $socket "$ARGV[1]\n";
$socket->flush;
print <$socket>;
"#;

pub struct Guest {
    vm: Vm,
    signer: Signer,
    cgroups: Cgroups,
}

impl Guest {
    /// A machine with an empty cgroup for pods, and the actuator in wait.
    pub fn start(kernel: Kernel, cgroups: Cgroups) -> Self {
        let signer = Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap();
        let mut options = VmOptions::new(kernel, cgroups, System::Systemd);
        // Room for the zombies themselves, 17 KB each, beside the pages that they hold.
        options.memory = 1024;
        let mounts = if cgroups == Cgroups::V2 { MOUNTS } else { "" };
        let program = static_binary("node-probe").unwrap();
        let unit = format!("{UNIT}{mounts}");
        options
            .files
            .program("/usr/local/bin/node-probe", &program)
            .bytes("/etc/unstall/keys/test.pub", signer.public_pem(), 0o644)
            .bytes("/etc/systemd/system/actuator.service", unit, 0o644)
            .bytes("/usr/local/lib/ask.pl", ASK, 0o644)
            .bytes(
                "/usr/local/lib/zombies.pl",
                include_str!("zombies.pl"),
                0o644,
            );
        let mut guest = Self {
            vm: Vm::start(&options).unwrap(),
            signer,
            cgroups,
        };
        guest.prepare();
        guest
    }

    fn prepare(&mut self) {
        let pods = self.pods();
        self.vm.check(&format!("mkdir {pods}")).unwrap();
        if self.cgroups == Cgroups::V2 {
            // The places that the container's runtime would make.
            self.vm
                .check(&format!(
                    "echo +memory >{pods}/cgroup.subtree_control; \
                     mkdir /host; touch /host/memory.reclaim /host/cgroup.stat"
                ))
                .unwrap();
        }
        self.vm.check("systemctl start actuator").unwrap();
        let started = Instant::now();
        while self
            .ask(&json!({"verb": "status", "id": "nobody"}))
            .is_err()
        {
            assert!(started.elapsed() < SOON, "{}", self.said());
        }
    }

    fn pods(&self) -> &'static str {
        match self.cgroups {
            Cgroups::V1 => "/sys/fs/cgroup/memory/kubepods.slice",
            Cgroups::V2 => "/sys/fs/cgroup/kubepods.slice",
        }
    }

    /// Makes `count` zombies that hold `pages` clean pages each.
    pub fn make_zombies(&mut self, count: u64, pages: u64) {
        let script = format!(
            "perl /usr/local/lib/zombies.pl {} {count} {pages} /var/lib/pages && sync",
            self.pods()
        );
        let ran = self.vm.run_within(&script, SOON).unwrap();
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    }

    /// Carries out a `dropCaches` of level Auto and gives its outcome.
    pub fn drop_caches(&mut self) -> Value {
        let now = Timestamp::now();
        let payload = CommandPayload {
            id: "one".to_owned(),
            epoch: 5,
            action: CommandAction::DropCaches,
            level: Some(DropLevel::Auto),
            node_name: "vm-1".to_owned(),
            node_uid: "0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11".to_owned(),
            expect_boot_id: self.vm.boot_id().to_owned(),
            issued_at: Time(now - SignedDuration::from_secs(5)),
            expires_at: Time(now + SignedDuration::from_mins(5)),
        };
        let signed = self.signer.sign(&payload).unwrap();
        let execute = json!({
            "verb": "execute", "payload": signed.payload, "signature": signed.signature,
        });
        let accepted = self.ask(&execute).unwrap();
        assert_eq!(accepted["outcome"]["state"], "Accepted", "{accepted}");
        let started = Instant::now();
        loop {
            let status = json!({"verb": "status", "id": "one"});
            let outcome = self.ask(&status).unwrap()["outcome"].take();
            if outcome["state"] != "Accepted" {
                println!("{outcome}\n{}", self.said());
                return outcome;
            }
            assert!(started.elapsed() < SOON, "{outcome}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// How often the kernel has dropped all clean page cache since its start.
    pub fn drops(&mut self) -> u64 {
        self.number("sed -n 's/^drop_pagecache //p' /proc/vmstat")
    }

    /// The kernel's own count of dying cgroups.
    pub fn dying(&mut self) -> u64 {
        self.number("sed -n 's/^nr_dying_descendants //p' /sys/fs/cgroup/cgroup.stat")
    }

    /// Memory cgroups, live and dead.
    pub fn memory_cgroups(&mut self) -> u64 {
        self.number("sed -n 's/^memory\\t[0-9]*\\t\\([0-9]*\\).*/\\1/p' /proc/cgroups")
    }

    fn number(&mut self, script: &str) -> u64 {
        self.vm.check(script).unwrap().parse().unwrap()
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let script = format!("perl /usr/local/lib/ask.pl /run/unstall/actuator.sock '{request}'");
        let ran = self.vm.run(&script).unwrap();
        serde_json::from_str(&ran.stdout).map_err(|_| format!("{}{}", ran.stdout, ran.stderr))
    }

    /// What the actuator logged.
    fn said(&mut self) -> String {
        let log = "journalctl --unit actuator --output cat --no-pager | tail -n 80";
        self.vm.check(log).unwrap()
    }
}
