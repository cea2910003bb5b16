//! What the probe says of the node's next boot, by files of the real host that
//! the chart mounts.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use unstall_integration::testing::real;

use crate::stage::{Stage, pids_of, settings, signal};

const ASKED: &str = "/status/kernel/rebootRequired";

/// A folder of the host that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        let path = PathBuf::from(format!("/run/unstall-test-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is ours alone; what is left of it is in memory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The mounts of the probe's container below `/host`: their places and options.
fn mounts() -> Vec<(String, String)> {
    let pids = pids_of("node-probe probe");
    let pid = pids.first().unwrap();
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let rows = table.lines().map(|row| row.split(' ').collect::<Vec<_>>());
    rows.filter(|row| row[4].starts_with("/host/"))
        .map(|row| (row[4].to_owned(), row[5].to_owned()))
        .collect()
}

#[test]
fn the_hosts_files_are_mounted_read_only_and_tell_of_its_next_boot() {
    let mut given = settings(true);
    let folder = Folder::make();
    let sentinel = folder.0.join("reboot");
    given.push("probe.hostState.enabled=true".to_owned());
    let value = format!("probe.hostState.rebootSentinel={}", sentinel.display());
    given.push(value);
    let Some(stage) = Stage::set(&given) else {
        return;
    };
    stage.until("no reboot to be wanted", |objects| {
        objects.health().pointer(ASKED).and_then(|it| it.as_bool()) == Some(false)
    });
    let mounts = mounts();
    let folder = format!("/host{}", folder.0.display());
    for place in ["/host/boot", "/host/etc/os-release", &folder] {
        let (_, options) = mounts.iter().find(|(at, _)| at == place).unwrap();
        assert!(options.starts_with("ro,"), "{place}: {options}");
    }
    assert!(
        !mounts.iter().any(|(place, _)| place == "/host/run"),
        "{mounts:?}"
    );

    fs::write(&sentinel, "").unwrap();
    // Every report interval it looks, and at its start.
    signal(&pids_of("node-probe probe"), Signal::SIGKILL);
    let objects = stage.until("a reboot to be wanted", |objects| {
        objects.health().pointer(ASKED).and_then(|it| it.as_bool()) == Some(true)
    });
    real(&format!(
        "the chart's hostState on this host: {}",
        objects.health().pointer("/status/kernel").unwrap()
    ));
}
