//! A child that not even SIGKILL ends: frozen, it stays in the kernel until it is thawed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use unstall_crds::health::{CommandState, RefusalReason as Reason};

use crate::rig::{Rig, lacking, payload};

const FREEZER: &str = "/sys/fs/cgroup/freezer";

/// A frozen cgroup of the v1 freezer; version 2 lets a frozen process be killed.
struct Ice(PathBuf);

impl Ice {
    fn around(pid: u32) -> Self {
        let dir = Path::new(FREEZER).join(format!("unstall-test-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let ice = Self(dir);
        fs::write(ice.0.join("cgroup.procs"), pid.to_string()).unwrap();
        fs::write(ice.0.join("freezer.state"), "FROZEN").unwrap();
        let asked = Instant::now();
        while fs::read_to_string(ice.0.join("freezer.state"))
            .unwrap()
            .trim()
            != "FROZEN"
        {
            assert!(
                asked.elapsed() < Duration::from_secs(10),
                "it does not freeze"
            );
        }
        ice
    }

    /// Thaws, and waits until the killed process is gone.
    fn melt(&self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            match fs::read_to_string(self.0.join("cgroup.procs")) {
                Ok(pids) if !pids.is_empty() => std::thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
    }
}

impl Drop for Ice {
    fn drop(&mut self) {
        self.melt();
        let _ = fs::remove_dir(&self.0);
    }
}

fn freezer_is_lacking() -> bool {
    let lacks = !Path::new(FREEZER).join("cgroup.procs").exists();
    if lacks {
        let why = "skipped: the test freezes a process by the v1 freezer, which is not mounted";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("{why}");
    }
    lacks
}

#[test]
fn while_a_killed_child_is_in_the_kernel_nothing_else_is_begun() {
    if lacking() || freezer_is_lacking() {
        return;
    }
    let mut rig = Rig::new();
    let _pipe = rig.hanging_kernel();
    let quick = ["--command-timeout", "4s", "--min-interval", "1s"];
    rig.start(&quick);
    rig.execute(&payload("one"));
    let ice = Ice::around(rig.wait_for_writer());
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(end.message.contains("was killed"), "{}", end.message);

    let refused = rig.execute(&payload("two"));
    assert_eq!(refused.reason, Some(Reason::Busy), "{refused:?}");
    assert!(
        refused.message.contains("is still in the kernel"),
        "{}",
        refused.message
    );

    // A restarted actuator knows nothing of the child; the journal's lock, which it holds, does.
    rig.kill();
    let output = rig.command(&quick).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a child of an earlier one is still in the kernel"),
        "{said}"
    );

    ice.melt();
    let written = rig.kernel(&[]);
    rig.start(&quick);
    let again = rig.execute(&payload("three"));
    assert_eq!(again.state, CommandState::Accepted, "{again:?}");
    rig.end_of("three");
    assert!(written.try_iter().count() > 0);
}
