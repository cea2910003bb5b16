//! Power cuts while the journal is written: the old state or the new one, and
//! both are safe.

use std::time::Duration;

use unstall_integration::testing::vm_can_run;

use super::guest::{Guest, asking, assert_outcome};

/// Of commands whose epoch rises, each of which is written down.
const STREAM: i64 = 120;

#[test]
fn a_power_cut_leaves_the_last_answered_epoch_or_a_later_one() {
    if !vm_can_run() {
        return;
    }
    let mut guest = Guest::start("2s");
    let mut first = 10;
    for pause in [0, 70, 400].map(Duration::from_millis) {
        send_stream(&mut guest, first);
        guest.until("the first is answered", |guest| {
            last_answered(&guest.vm.console(1_000)) >= Some(first)
        });
        std::thread::sleep(pause);
        guest.vm.power_cut();
        let answered = last_answered(&guest.vm.console(1_000)).unwrap();
        guest.vm.power_on().unwrap();
        guest.wait_for_actuator();
        let journal = guest.vm.check("cat /var/lib/unstall/journal.json").unwrap();
        let record: serde_json::Value = serde_json::from_str(&journal).unwrap();
        let epoch = record["highestEpoch"].as_i64().unwrap();
        println!("cut after {pause:?}: answered {answered}, journal {epoch}");
        assert!(epoch >= answered, "an epoch that was answered is lost");
        first = epoch + 1;
    }
}

#[test]
fn a_power_cut_at_the_intent_is_not_begun_or_done() {
    if !vm_can_run() {
        return;
    }
    let mut guest = Guest::start("2s");
    // On a disk that takes its time the cut comes in the middle of the write.
    for (id, disk, found) in [("cut-1", "slow", "old"), ("cut-2", "fast", "new")] {
        let boot = guest.vm.boot_id().to_owned();
        // logind does not get it: only the journal and the cut count.
        guest.stop_bus_at("Reboot 1");
        if disk == "slow" {
            guest
                .vm
                .check(
                    "systemctl set-property --runtime unstall-actuator.service \
                     'IOWriteBandwidthMax=/dev/vda 256'",
                )
                .unwrap();
        }
        let request = guest.request(&guest.reboot(id));
        guest
            .vm
            .check(&format!(
                "setsid {} </dev/null >/dev/null 2>&1 & \
                 until [ -e /var/lib/unstall/journal.json.tmp ] || grep -q {id} \
                 /var/lib/unstall/journal.json; do :; done",
                asking(&request)
            ))
            .unwrap();
        guest.vm.power_cut();
        guest.vm.power_on().unwrap();
        guest.wait_for_actuator();
        let outcome = guest.status(id);
        println!("cut while a {disk} disk writes: {outcome}");
        match found {
            "old" => assert!(outcome.is_null(), "{outcome}"),
            _ => assert_outcome(&outcome, "Succeeded", &[&boot, "was not recorded"]),
        }
        assert_ne!(guest.vm.boot_id(), boot);
        assert!(!guest.is_shutting_down(), "it is not repeated");
    }
}

/// Commands for another boot, one after the other, whose answers go to the
/// console as they come.
fn send_stream(guest: &mut Guest, first: i64) {
    let mut requests = String::new();
    for epoch in first..first + STREAM {
        let mut command = guest.drop_caches(&format!("e-{epoch}"));
        command.expect_boot_id = "another".to_owned();
        command.epoch = epoch;
        requests.push_str(&format!("{epoch} {}\n", guest.request(&command)));
    }
    guest
        .vm
        .check(&format!("cat >/run/requests <<'END'\n{requests}END\n"))
        .unwrap();
    guest
        .vm
        .check(
            "cat >/run/stream.pl <<'END'
use IO::Socket::UNIX;
open my $in, '<', '/run/requests';
open my $console, '>', '/dev/console';
$console->autoflush;
$) = 61321;
$> = 61321;
while (<$in>) {
    my ($epoch, $line) = split ' ', $_, 2;
    my $socket = IO::Socket::UNIX->new(Peer => '/run/unstall/actuator.sock') or die;
    print $socket $line;
    $socket->flush;
    my $answer = <$socket>;
    print $console \"answered $epoch\\n\" if $answer =~ /OtherBoot/;
}
END
setsid perl /run/stream.pl </dev/null >/dev/null 2>&1 &",
        )
        .unwrap();
}

fn last_answered(console: &str) -> Option<i64> {
    console
        .lines()
        .filter_map(|line| line.trim().strip_prefix("answered ")?.parse().ok())
        .max()
}
