//! `reboot` by the real binary in its sandbox, on a real bus with a logind that answers as told.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::health::{CommandState, RefusalReason as Reason};

use super::logind::{Logind, Reply, inhibitor, lacking, silent_bus};
use super::rig::{BOOT, Rig, UID, payload};

const NEXT_BOOT: &str = "77f8c9b0-0f0e-4b0e-9a53-3f2e1d4c5b6a";

fn reboot(id: &str) -> CommandPayload {
    CommandPayload {
        action: CommandAction::Reboot,
        level: None,
        ..payload(id)
    }
}

/// An actuator beside `logind`.
fn started(logind: &Logind, extra: &[&str]) -> Rig {
    let mut rig = Rig::new();
    start(&mut rig, logind, extra);
    rig
}

fn start(rig: &mut Rig, logind: &Logind, extra: &[&str]) {
    let socket = logind.socket();
    let flags = ["--dbus-socket", socket.to_str().unwrap()];
    rig.start(&[&flags, extra].concat());
}

fn killed(rig: &mut Rig) {
    rig.signal(Signal::SIGKILL);
    rig.wait();
}

fn wait_for_asked(rig: &Rig) {
    let started = Instant::now();
    while !rig.journal().contains("askedAt") {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_reboot_is_asked_for_once_and_proven_by_the_next_boot() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = started(&logind, &[]);
    let accepted = rig.execute(&reboot("one"));
    assert_eq!(accepted.state, CommandState::Accepted, "{accepted:?}");
    wait_for_asked(&rig);
    logind.wait_for("PreparingForShutdown", 1);
    let now = rig.client().status("one").unwrap().unwrap();
    assert_eq!(now.state, CommandState::Accepted);
    assert!(now.message.contains("logind took the reboot"), "{now:?}");
    let busy = rig.execute(&payload("two"));
    assert_eq!(busy.reason, Some(Reason::Busy));

    // The end of the machine from here: SIGTERM, and the next start is on another boot.
    rig.signal(Signal::SIGTERM);
    let (status, log) = rig.wait();
    assert!(status.success(), "{status}: {log}");
    rig.boot(NEXT_BOOT);
    start(&mut rig, &logind, &[]);
    // A probe that knows of nothing offers the old boot's command again.
    let end = rig.execute(&reboot("one"));
    assert_eq!(end.state, CommandState::Succeeded, "{end:?}");
    assert!(end.repeated);
    for boot in [BOOT, NEXT_BOOT] {
        assert!(end.message.contains(boot), "{}", end.message);
    }
    assert_eq!(rig.end_of("one").state, CommandState::Succeeded);
    let mut next = payload("three");
    next.expect_boot_id = NEXT_BOOT.to_owned();
    assert_eq!(
        rig.execute(&next).reason,
        Some(Reason::TooSoon),
        "a reboot counts"
    );
    assert_eq!(rig.execute(&reboot("four")).reason, Some(Reason::OtherBoot));
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn a_block_inhibitor_is_named_and_nothing_is_begun() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &[]);
    let block = inhibitor("sleep:shutdown", "backup", "copying /srv", "block");
    logind.script().inhibitors.push(block);
    // systemd from 257 on says so itself.
    for can_reboot in ["yes", "inhibitor-blocked"] {
        logind.script().can_reboot = can_reboot;
        let refused = rig.execute(&reboot("one"));
        assert_eq!(refused.reason, Some(Reason::ShutdownInhibited));
        assert!(
            refused
                .message
                .contains("\"backup\" (uid 0, pid 4711): \"copying /srv\""),
            "{}",
            refused.message
        );
    }
    // Nothing was begun, so the same id may be obeyed once the lock is gone.
    assert!(!rig.path("journal/journal.json").exists() || !rig.journal().contains("\"one\""));
    logind.script().inhibitors.pop();
    logind.script().can_reboot = "yes";
    assert_eq!(rig.execute(&reboot("one")).state, CommandState::Accepted);
    logind.wait_for("Reboot", 1);
}

#[test]
fn whether_it_would_reboot_is_told_before_it_is_ordered_to() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &["--daily-cap", "1", "--min-interval", "1s"]);
    let would = |uid: &str| rig.client().no_reboot(Some(uid.to_owned())).unwrap();
    assert_eq!(would(UID), None);
    logind.script().can_reboot = "na";
    assert!(would(UID).unwrap().contains("CanReboot says \"na\""));
    logind.script().can_reboot = "yes";
    logind.script().reply = Reply::Refuse;
    rig.execute(&reboot("one"));
    assert_eq!(rig.end_of("one").state, CommandState::Failed);
    let cap = "for now, as 1 actions were begun in the last 24 hours; this node allows 1";
    assert_eq!(would(UID).as_deref(), Some(cap));
    let other = would("5e6f7a8b-0000-4000-8000-000000000000").unwrap();
    assert!(other.contains("if the Node was created anew"), "{other}");
    let key = rig.path("keys/current.pub");
    std::fs::remove_file(key).unwrap();
    assert!(would(UID).unwrap().contains("no usable public key"));
}

#[test]
fn what_logind_may_not_do_is_not_asked_for() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &[]);
    for answer in ["no", "na", "challenge", ""] {
        logind.script().can_reboot = answer;
        let refused = rig.execute(&reboot("one"));
        assert_eq!(refused.reason, Some(Reason::NotAvailable));
        let words = format!("CanReboot says {answer:?}");
        assert!(refused.message.contains(&words), "{}", refused.message);
    }
    assert_eq!(logind.count("Reboot"), 0);
}

#[test]
fn without_a_bus_or_a_logind_it_is_refused_and_says_so() {
    if lacking() {
        return;
    }
    let mut logind = Logind::bus_alone();
    let rig = started(&logind, &[]);
    let refused = rig.execute(&reboot("one"));
    assert_eq!(refused.reason, Some(Reason::NotAvailable));
    assert!(
        refused.message.contains("org.freedesktop.login1"),
        "{}",
        refused.message
    );
    logind.kill_the_bus();
    let refused = rig.execute(&reboot("one"));
    assert_eq!(refused.reason, Some(Reason::NotAvailable));
    assert!(
        refused.message.contains("/run/dbus of the host is mounted"),
        "{}",
        refused.message
    );
    std::fs::remove_file(logind.socket()).unwrap();
    let _silent = silent_bus(&logind.socket());
    let asked = Instant::now();
    let refused = rig.execute(&reboot("one"));
    assert_eq!(refused.reason, Some(Reason::NotAvailable));
    assert!(
        refused.message.contains("did not answer within 8.0 s"),
        "{}",
        refused.message
    );
    assert!(asked.elapsed() < Duration::from_secs(12));
    assert_eq!(rig.client().status("one").unwrap(), None);
}

#[test]
fn an_error_of_logind_is_the_end_of_it() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &[]);
    logind.script().reply = Reply::Refuse;
    rig.execute(&reboot("one"));
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(
        end.message
            .contains("already a shutdown or sleep operation"),
        "{}",
        end.message
    );
    assert_eq!(rig.execute(&reboot("two")).reason, Some(Reason::TooSoon));
}

#[test]
fn what_changed_since_it_was_accepted_is_seen_before_logind_is_asked() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &["--min-interval", "1s"]);
    // The second look is as long as the rest of the command's life.
    logind.script().slow_after = (1, Duration::from_secs(3));
    let mut short = reboot("late");
    short.expires_at.0 = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    assert_eq!(rig.execute(&short).state, CommandState::Accepted);
    let end = rig.end_of("late");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(end.message.contains("expired meanwhile"), "{}", end.message);

    logind.script().slow_after = (3, Duration::from_secs(1));
    assert_eq!(rig.execute(&reboot("held")).state, CommandState::Accepted);
    let block = inhibitor("shutdown", "update", "firmware", "block");
    logind.script().inhibitors.push(block);
    let end = rig.end_of("held");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(end.message.contains("\"update\""), "{}", end.message);
    assert_eq!(logind.count("Reboot"), 0);
}

#[test]
fn killed_between_the_journal_and_the_request_it_is_interrupted() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = started(&logind, &[]);
    logind.script().slow_after = (1, Duration::from_mins(1));
    assert_eq!(rig.execute(&reboot("one")).state, CommandState::Accepted);
    logind.wait_for("ListInhibitors", 2);
    killed(&mut rig);
    start(&mut rig, &logind, &[]);
    let end = rig.execute(&reboot("one"));
    assert_eq!(end.state, CommandState::Interrupted, "{end:?}");
    assert!(end.message.contains("still the same boot"), "{end:?}");
    assert_eq!(logind.count("Reboot"), 0);
}

#[test]
fn killed_between_the_request_and_the_answer_it_is_interrupted_and_never_repeated() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = started(&logind, &[]);
    logind.script().reply = Reply::Hang;
    assert_eq!(rig.execute(&reboot("one")).state, CommandState::Accepted);
    logind.wait_for("Reboot", 1);
    killed(&mut rig);
    logind.script().reply = Reply::Take;
    start(&mut rig, &logind, &[]);
    assert_eq!(rig.execute(&reboot("one")).state, CommandState::Interrupted);
    assert_eq!(rig.execute(&reboot("two")).reason, Some(Reason::TooSoon));
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn killed_while_the_machine_goes_down_it_waits_on_and_the_boot_proves_it() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = started(&logind, &[]);
    rig.execute(&reboot("one"));
    wait_for_asked(&rig);
    killed(&mut rig);
    start(&mut rig, &logind, &[]);
    let now = rig.execute(&reboot("one"));
    assert_eq!(now.state, CommandState::Accepted, "{now:?}");
    killed(&mut rig);
    rig.boot(NEXT_BOOT);
    start(&mut rig, &logind, &[]);
    assert_eq!(rig.end_of("one").state, CommandState::Succeeded);
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn killed_and_the_shutdown_cancelled_it_is_interrupted() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = started(&logind, &[]);
    rig.execute(&reboot("one"));
    wait_for_asked(&rig);
    killed(&mut rig);
    logind.script().is_preparing = false;
    start(&mut rig, &logind, &[]);
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Interrupted, "{end:?}");
    assert!(end.message.contains("not shutting down"), "{end:?}");
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn a_shutdown_that_something_holds_up_is_waited_for() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &["--reboot-timeout", "1s"]);
    rig.execute(&reboot("one"));
    wait_for_asked(&rig);
    std::thread::sleep(Duration::from_secs(3));
    let now = rig.client().status("one").unwrap().unwrap();
    assert_eq!(now.state, CommandState::Accepted, "{now:?}");
    assert_eq!(rig.execute(&reboot("two")).reason, Some(Reason::Busy));
}

#[test]
fn killed_before_it_wrote_that_logind_took_it_it_waits_on() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    logind.script().reply = Reply::Hang;
    let mut rig = started(&logind, &[]);
    rig.execute(&reboot("one"));
    logind.wait_for("Reboot", 1);
    killed(&mut rig);
    logind.script().is_preparing = true;
    start(&mut rig, &logind, &[]);
    let now = rig.client().status("one").unwrap().unwrap();
    assert_eq!(now.state, CommandState::Accepted, "{now:?}");
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn without_an_answer_it_waits_for_what_logind_does() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let rig = started(&logind, &[]);
    logind.script().reply = Reply::Hang;
    rig.execute(&reboot("one"));
    logind.wait_for("Reboot", 1);
    logind.script().is_preparing = true;
    wait_for_asked(&rig);
    let now = rig.client().status("one").unwrap().unwrap();
    assert_eq!(now.state, CommandState::Accepted, "{now:?}");
    assert_eq!(logind.count("Reboot"), 1);
}

#[test]
fn a_shutdown_that_somebody_cancels_has_failed() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    // Half of it is what a logind may be idle.
    let rig = started(&logind, &["--reboot-timeout", "6s"]);
    logind.script().reply = Reply::TakeAndForget;
    rig.execute(&reboot("one"));
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(end.message.contains("somebody cancelled it"), "{end:?}");
}

#[test]
fn a_reboot_that_comes_while_caches_are_dropped_waits_for_its_turn() {
    if lacking() {
        return;
    }
    let logind = Logind::new();
    let mut rig = Rig::new();
    let _pipe = rig.hanging_kernel();
    let flags = ["--command-timeout", "2s", "--min-interval", "4s"];
    start(&mut rig, &logind, &flags);
    assert_eq!(rig.execute(&payload("drop")).state, CommandState::Accepted);
    let started = Instant::now();
    let mut met = Vec::new();
    // As the probe offers it: the same command again and again.
    let end = loop {
        let answer = rig.execute(&reboot("boot"));
        match answer.reason {
            Some(reason @ (Reason::Busy | Reason::TooSoon)) => {
                assert_eq!(logind.count("Reboot"), 0);
                if met.last() != Some(&reason) {
                    met.push(reason);
                }
            }
            _ => break answer,
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(end.state, CommandState::Accepted, "{end:?}");
    assert_eq!(met, [Reason::Busy, Reason::TooSoon]);
    assert_eq!(rig.end_of("drop").state, CommandState::Failed);
    logind.wait_for("Reboot", 1);
}

#[test]
fn where_reboots_are_off_no_socket_is_ever_connected() {
    if lacking() {
        return;
    }
    let rig = Rig::new();
    let output = rig.command(&["--self-test"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ok   connect: EPERM"), "{text}");
    let on = ["--self-test", "--dbus-socket", "/nonexistent"];
    let output = rig.command(&on).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("ok   recvmsg: EPERM"), "{text}");
    assert!(text.contains("ok   socket(AF_INET): EPERM"), "{text}");
}
