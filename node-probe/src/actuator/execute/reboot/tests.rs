//! Why an actuator says beforehand that it would not reboot, on directories of its own and without
//! a bus.

use std::fs;
use std::sync::Mutex;

use nix::unistd::Pid;
use tempfile::TempDir;
use unstall_crds::command::CommandAction;

use super::*;
use crate::actuator::drop_caches::DropSettings;
use crate::actuator::execute::{Settings, Work};
use crate::actuator::journal::JournalFile;
use crate::actuator::limit::Limits;
use crate::actuator::record::Record;
use crate::sample::Roots;

const KEY: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
/// What is said where nothing but the bus is missing.
const NO_BUS: &str = "/run/dbus of the host is mounted";

/// An actuator that may act twice a day, with one key and a journal of its own.
fn actuator(dir: &TempDir) -> Actuator {
    let roots = Roots::under(dir.path());
    let random = roots.proc.join("sys/kernel/random");
    for path in [
        &random,
        &dir.path().join("keys"),
        &dir.path().join("journal"),
    ] {
        fs::create_dir_all(path).unwrap();
    }
    fs::write(
        random.join("boot_id"),
        "5d7c8a52-2c1c-4c7c-9d7a-6a2b7f0f7c11\n",
    )
    .unwrap();
    fs::write(dir.path().join("keys/a.pub"), KEY).unwrap();
    let second = Duration::from_secs(1);
    let settings = Settings {
        node_name: "node-7".to_owned(),
        keys_dir: dir.path().join("keys"),
        limits: Limits {
            min_interval: second,
            daily_cap: 2,
            max_skew: second,
            max_lifetime: second,
        },
        drop: DropSettings {
            file: dir.path().join("drop_caches"),
            proc_root: roots.proc.clone(),
            sync_limit: second,
            settle_limit: second,
            settle_poll: second,
            total_limit: second,
            reclaim: None,
        },
        roots,
        reboot: Some(RebootSettings {
            logind: Logind {
                socket: dir.path().join("no-bus"),
                limit: second,
            },
            limit: second,
            poll: second,
            idle_limit: second,
        }),
    };
    let journal = JournalFile::open(&dir.path().join("journal")).unwrap();
    Actuator::new(settings, journal)
}

fn why_not(actuator: &Actuator, node_uid: Option<&str>) -> String {
    actuator.no_reboot(node_uid).unwrap()
}

/// Two that were begun just now for the Node object `uid-1`.
fn begun(actuator: &Actuator) -> Record {
    let (_, now) = actuator.host_now().unwrap();
    let mut record = Record::default();
    record.pin_node_uid("uid-1");
    for id in ["a", "b"] {
        let entry = Entry {
            id: id.to_owned(),
            epoch: 1,
            action: CommandAction::Reboot,
            key_id: "k".to_owned(),
            boot_id: now.boot_id.clone(),
            started_at: now.wall,
            uptime_milliseconds: 0,
            asked_at: None,
            ending: None,
        };
        record.begin(entry, &now);
    }
    record
}

#[test]
fn without_a_key_no_reboot_could_be_ordered() {
    let dir = tempfile::tempdir().unwrap();
    let actuator = actuator(&dir);
    let why = why_not(&actuator, None);
    assert!(why.contains(NO_BUS), "{why}");
    fs::remove_file(dir.path().join("keys/a.pub")).unwrap();
    let why = why_not(&actuator, None);
    assert!(why.starts_with("no usable public key"), "{why}");
}

#[test]
fn an_order_for_another_node_object_would_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let actuator = actuator(&dir);
    let mut record = Record::default();
    record.pin_node_uid("uid-1");
    actuator.journal.save(&record).unwrap();
    for same in [None, Some("uid-1")] {
        assert!(why_not(&actuator, same).contains(NO_BUS), "{same:?}");
    }
    let why = why_not(&actuator, Some("uid-2"));
    assert!(why.contains("this machine serves uid-1"), "{why}");
}

#[test]
fn a_journal_that_cannot_be_used_keeps_every_order_from_being_begun() {
    let dir = tempfile::tempdir().unwrap();
    let actuator = actuator(&dir);
    // Also root cannot write a file where a directory is.
    let taken = dir.path().join("journal/journal.json.tmp");
    fs::create_dir(&taken).unwrap();
    let why = why_not(&actuator, None);
    assert!(why.contains("journal.json.tmp: creating"), "{why}");
    fs::remove_dir(taken).unwrap();
    let journal = dir.path().join("journal/journal.json");
    fs::write(&journal, "odd").unwrap();
    let why = why_not(&actuator, None);
    assert!(why.contains("is corrupt"), "{why}");
    fs::remove_file(journal).unwrap();
    assert!(why_not(&actuator, None).contains(NO_BUS));
    let left = fs::read_dir(dir.path().join("journal")).unwrap().count();
    assert_eq!(left, 1, "the lock alone");
}

#[test]
fn what_passes_by_itself_is_said_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut actuator = actuator(&dir);
    actuator.journal.save(&begun(&actuator)).unwrap();
    let why = why_not(&actuator, Some("uid-1"));
    let cap = "for now, as 2 actions were begun in the last 24 hours; this node allows 2";
    assert_eq!(why, cap);
    actuator.work = Mutex::new(Work {
        running: Some("c".to_owned()),
        ..Work::default()
    });
    let why = why_not(&actuator, Some("uid-1"));
    assert_eq!(why, "for now, as command \"c\" is being carried out");
}

#[test]
fn a_child_that_is_still_in_the_kernel_keeps_a_reboot_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut actuator = actuator(&dir);
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    actuator.work = Mutex::new(Work {
        stuck: vec![pid],
        ..Work::default()
    });
    let why = why_not(&actuator, None);
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = format!("for now, as the killed child {pid} of an earlier command");
    assert!(why.starts_with(&expected), "{why}");
    assert!(why_not(&actuator, None).contains(NO_BUS));
}
