//! The real binary as a process: what it does over its socket, what it cannot do, and what is left
//! after it was killed.
#![cfg(feature = "cluster")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows the tests, but not their helpers"
)]

#[path = "actuator/expiry.rs"]
mod expiry;
#[path = "actuator/logind.rs"]
mod logind;
#[path = "actuator/reboot.rs"]
mod reboot;
#[path = "actuator/reclaim.rs"]
mod reclaim;
#[path = "actuator/rig.rs"]
mod rig;
#[path = "actuator/stuck.rs"]
mod stuck;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use node_probe::actuator::ClientError;
use rig::{Rig, key, lacking, payload, sign};
use unstall_crds::command::CommandAction;
use unstall_crds::health::{CommandState, RefusalReason as Reason};

#[test]
fn drops_in_passes_while_the_count_falls_and_never_twice() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let written = rig.kernel(&[5_481, 20]);
    rig.start(&[]);

    let accepted = rig.execute(&payload("one"));
    assert_eq!(
        (accepted.state, accepted.reason),
        (CommandState::Accepted, None)
    );
    assert!(
        rig.journal().contains("\"one\""),
        "the intent is written before the answer"
    );
    let busy = rig.execute(&payload("two"));
    assert_eq!(
        (busy.state, busy.reason),
        (CommandState::Refused, Some(Reason::Busy))
    );

    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Succeeded, "{end:?}");
    assert!(end.message.contains("20,018 -> 20"), "{}", end.message);
    let counts: Vec<_> = end
        .passes
        .iter()
        .map(|pass| (pass.cgroups_before, pass.cgroups_after))
        .collect();
    assert_eq!(
        counts,
        [
            (Some(20_018), Some(5_481)),
            (Some(5_481), Some(20)),
            (Some(20), Some(20))
        ]
    );
    assert_eq!(written.try_iter().collect::<Vec<_>>(), ["1", "1", "1"]);

    // A known id is answered from the journal; another one comes too soon.
    let again = rig.execute(&payload("one"));
    assert!(again.repeated);
    assert_eq!(
        (again.state, &again.passes),
        (CommandState::Succeeded, &end.passes)
    );
    assert_eq!(rig.execute(&payload("three")).reason, Some(Reason::TooSoon));
    assert_eq!(written.try_iter().count(), 0);

    // A later leader's command is refused for being too soon, and still ends the earlier epoch.
    let mut later = payload("four");
    later.epoch = 6;
    assert_eq!(rig.execute(&later).reason, Some(Reason::TooSoon));
    assert_eq!(
        rig.execute(&payload("five")).reason,
        Some(Reason::StaleEpoch)
    );
}

#[test]
fn each_wrong_command_gets_its_own_reason_and_nothing_is_written() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let written = rig.kernel(&[]);
    rig.start(&[]);
    let client = rig.client();

    let mut forged = sign(&payload("a"), &key(1));
    forged.payload = forged.payload.replace("\"a\"", "\"b\"");
    let outcome = client.execute(&forged).unwrap();
    assert_eq!(
        (outcome.reason, outcome.id.as_str()),
        (Some(Reason::BadSignature), "b")
    );

    let mut boot = payload("a");
    boot.expect_boot_id = "another".to_owned();
    assert_eq!(rig.execute(&boot).reason, Some(Reason::OtherBoot));
    let mut expired = payload("a");
    expired.expires_at.0 = jiff::Timestamp::now();
    assert_eq!(rig.execute(&expired).reason, Some(Reason::Expired));
    let mut reboot = payload("a");
    reboot.action = CommandAction::Reboot;
    reboot.level = None;
    assert_eq!(rig.execute(&reboot).reason, Some(Reason::NotAvailable));

    // The rotated key counts at once, and the old one no longer.
    rig.trust(&key(2));
    assert_eq!(
        rig.execute(&payload("a")).reason,
        Some(Reason::BadSignature)
    );
    fs::remove_file(rig.path("keys/current.pub")).unwrap();
    assert_eq!(rig.execute(&payload("a")).reason, Some(Reason::NoKeys));
    rig.trust(&key(1));

    fs::write(rig.path("journal/journal.json"), "{\"schemaVersion\":1").unwrap();
    let outcome = rig.execute(&payload("a"));
    assert_eq!(outcome.reason, Some(Reason::JournalUnavailable));
    assert!(
        outcome.message.contains("journal.json is corrupt"),
        "{}",
        outcome.message
    );
    assert_eq!(rig.journal(), "{\"schemaVersion\":1");

    assert_eq!(
        client
            .status("b")
            .map_err(|error| error.to_string().contains("corrupt")),
        Err(true)
    );
    fs::remove_file(rig.path("journal/journal.json")).unwrap();
    assert_eq!(client.status("b").unwrap(), None);
    assert_eq!(written.try_iter().count(), 0);
}

#[test]
fn is_confined_in_every_thread() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    rig.start(&[]);
    // Once it answers, all its threads have been started.
    assert_eq!(rig.client().status("a").unwrap(), None);
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{}/task", rig.pid())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        for want in [
            "Seccomp:\t2",
            "NoNewPrivs:\t1",
            "CapInh:\t0000000000000000",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "CapAmb:\t0000000000000000",
        ] {
            assert!(status.contains(want), "{want} in\n{status}");
        }
        threads += 1;
    }
    assert_eq!(threads, 2, "one for the socket, one for signals");
    let mode = fs::metadata(rig.path("actuator.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o666);
}

#[test]
fn its_sandbox_refuses_every_other_socket_and_io_uring() {
    if lacking() {
        return;
    }
    let output = Rig::new().command(&["--self-test"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in [
        "ok   socket(AF_UNIX): possible",
        "ok   socket(AF_INET): EPERM",
        "ok   socket(AF_INET6): EPERM",
        "ok   socket(AF_NETLINK): EPERM",
        "ok   socket(AF_VSOCK): EPERM",
        "ok   io_uring_setup: EPERM",
        "ok   execve: EPERM",
        "ok   clone(user): EPERM",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line:?} in\n{text}"
        );
    }
}

#[test]
fn serves_only_the_probes_user() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    rig.start_for_uid("61321", &[]);
    match rig.client().execute(&sign(&payload("a"), &key(1))) {
        Err(ClientError::Rejected { message, .. }) => {
            assert_eq!(message, "user 0 may not ask; only user 61321 may");
        }
        other => panic!("{other:?}"),
    }
    assert!(!rig.path("journal/journal.json").exists());
}

#[test]
fn a_silent_caller_holds_up_the_next_for_two_seconds_only() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    rig.start(&[]);
    let _silent = UnixStream::connect(rig.path("actuator.sock")).unwrap();
    let started = Instant::now();
    assert_eq!(rig.client().status("a").unwrap(), None);
    let waited = started.elapsed();
    assert!(
        waited > Duration::from_secs(1) && waited < Duration::from_secs(10),
        "{waited:?}"
    );
}

#[test]
fn a_write_that_hangs_is_killed_and_said() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let _pipe = rig.hanging_kernel();
    rig.start(&["--command-timeout", "2s"]);
    rig.execute(&payload("one"));
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(
        end.message
            .contains("was killed; nothing was dropped before"),
        "{}",
        end.message
    );
}

#[test]
fn killed_while_it_acts_it_reports_interrupted_and_does_not_repeat() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let pipe = rig.hanging_kernel();
    rig.start(&[]);
    assert_eq!(rig.execute(&payload("one")).state, CommandState::Accepted);
    rig.wait_for_child();
    rig.signal(Signal::SIGKILL);
    rig.wait();
    drop(pipe);

    let written = rig.kernel(&[]);
    rig.start(&[]);
    let end = rig.execute(&payload("one"));
    assert_eq!(end.state, CommandState::Interrupted, "{end:?}");
    assert!(
        end.message.contains("the actuator restarted"),
        "{}",
        end.message
    );
    assert!(end.repeated);
    assert_eq!(
        rig.execute(&payload("two")).reason,
        Some(Reason::TooSoon),
        "the attempt counts"
    );
    assert_eq!(written.try_iter().count(), 0);
}

#[test]
fn told_to_stop_while_it_acts_it_says_so_in_the_journal() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let _pipe = rig.hanging_kernel();
    rig.start(&[]);
    rig.execute(&payload("one"));
    rig.wait_for_child();
    rig.signal(Signal::SIGTERM);
    let (status, log) = rig.wait();
    assert!(status.success(), "{status}: {log}");
    rig.start(&[]);
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Interrupted, "{end:?}");
    assert!(end.message.contains("told to stop"), "{}", end.message);
}

#[test]
fn a_second_actuator_on_the_same_journal_does_not_start() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    rig.start(&[]);
    let output = rig.command(&[]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("journal.lock is locked: another actuator"),
        "{text}"
    );
    assert_eq!(
        rig.client().status("a").unwrap(),
        None,
        "the first still serves"
    );
}
