//! A virtual machine with the probe and the incident maker in it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use unstall_integration::testing::vm_can_run;
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions};
use unstall_integration::workspace::check_program;

/// For what takes seconds on an idle machine.
const WITHIN: Duration = Duration::from_secs(400);
/// Looks at a count, a fifth of a second apart, until it stands still.
const LOOKS: u32 = 200;

pub struct Guest {
    vm: Vm,
    cgroups: Cgroups,
    pub release: String,
}

impl Guest {
    /// Starts it with a live leaf cgroup beside the zombies to come: the probe
    /// compares the root with it. Nothing where machines cannot be had.
    pub fn start(kernel: Kernel, cgroups: Cgroups) -> Option<Self> {
        if !vm_can_run() {
            return None;
        }
        let mut options = VmOptions::new(kernel, cgroups, System::Busybox);
        let incident = Path::new(env!("CARGO_BIN_EXE_incident"));
        options
            .files
            .linked_program("/usr/local/bin/node-probe", &check_program().unwrap())
            .unwrap()
            .linked_program("/usr/local/bin/incident", incident)
            .unwrap();
        let mut vm = Vm::start(&options).unwrap();
        let release = vm.check("uname -r").unwrap();
        let mut guest = Self {
            vm,
            cgroups,
            release,
        };
        let root = guest.root();
        guest.check(&format!("mkdir {root}/leaf"));
        Some(guest)
    }

    /// The memory hierarchy's root.
    pub fn root(&self) -> &'static str {
        match self.cgroups {
            Cgroups::V1 => "/sys/fs/cgroup/memory",
            Cgroups::V2 => "/sys/fs/cgroup",
        }
    }

    /// Makes `count` zombies by pages on ext4, and keeps them at rest.
    pub fn make_zombies(&mut self, count: u32, file: &str) {
        let root = self.root();
        let procs = match self.cgroups {
            Cgroups::V1 => "tasks",
            Cgroups::V2 => "cgroup.procs",
        };
        // The worker ends when its standard input does.
        let script = format!(
            "set -e; touch {file}; [ -p /run/open ] || mkfifo /run/open; exec 3<>/run/open; \
             /usr/local/bin/incident zombie-worker --root {root} --procs-file {procs} \
             --file {file} --count {count} --page-size 4096 <&3; \
             rmdir {root}/unstall-incident-*"
        );
        self.run(&script, &[0]);
        self.settle();
    }

    /// The kernel's own count; `None` where it keeps none.
    pub fn own_count(&mut self) -> Option<u64> {
        let root = self.root();
        let stat = self.check(&format!("cat {root}/cgroup.stat 2>/dev/null || true"));
        ["nr_dying_subsys_memory", "nr_dying_descendants"]
            .iter()
            .find_map(|row| {
                stat.lines()
                    .find_map(|line| line.strip_prefix(row)?.trim().parse().ok())
            })
    }

    /// Memory cgroups that exist less those that have a directory, by the kernel
    /// and busybox; `None` where the kernel does not tell.
    pub fn difference(&mut self) -> Option<u64> {
        let root = self.root();
        let row = self.check("awk '$1 == \"memory\" { print $3 }' /proc/cgroups");
        let live = self.check(&format!("find {root} -type d | wc -l"));
        Some(row.parse::<u64>().ok()? - live.parse::<u64>().unwrap())
    }

    /// Waits until the count of memory cgroups stands still for a second: those
    /// that nothing holds are freed within that time or so.
    pub fn settle(&mut self) {
        let root = self.root();
        let script = format!(
            "last= still=0 look=0
            while [ $look -lt {LOOKS} ]; do
                now=$(cat {root}/cgroup.stat 2>/dev/null || cat /proc/cgroups)
                [ \"$now\" = \"$last\" ] && still=$((still + 1)) || still=0
                [ $still -lt 5 ] || exit 0
                last=$now look=$((look + 1))
                usleep 200000
            done
            echo \"$last\"; exit 1"
        );
        self.run(&script, &[0]);
    }

    /// What `node-probe check -o json` says there.
    pub fn probe(&mut self, arguments: &str) -> Value {
        let script = format!("/usr/local/bin/node-probe check -o json {arguments}");
        let printed = self.run(&script, &[0, 1, 2]);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// The least CPU time of some reads of the root's `memory.stat` in
    /// milliseconds: what other work on this machine adds is in the others.
    pub fn least_read(&mut self) -> f64 {
        let read = "/usr/local/bin/incident read --json --reads 15 --spacing 20ms";
        let printed = self.run(read, &[0]);
        let read: Value = serde_json::from_str(&printed).unwrap();
        read["minMs"].as_f64().unwrap()
    }

    pub fn check(&mut self, script: &str) -> String {
        self.vm.check(script).unwrap()
    }

    fn run(&mut self, script: &str, codes: &[i32]) -> String {
        let ran = self.vm.run_within(script, WITHIN).unwrap();
        assert!(codes.contains(&ran.code), "{script}: {ran:?}");
        ran.stdout
    }
}
