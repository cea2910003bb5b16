//! A machine with the actuator as a service: user 0 without capabilities, asked
//! by the probe's user over its socket.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use unstall_controller::keys::Signer;
use unstall_crds::command::{CommandAction, CommandPayload, DropLevel};
use unstall_integration::released::static_binary;
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions};

const NODE: &str = "vm-1";
const UID: &str = "0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11";

/// For a shutdown and a boot: half a minute on two idle CPUs.
pub const REBOOT_WITHIN: Duration = Duration::from_secs(300);
/// For what takes the guest seconds.
const SOON: Duration = Duration::from_secs(90);

/// As in the chart, but for the bus, which is `/run/bus` for a test to put
/// something else there.
const UNIT: &str = "[Unit]
After=dbus.service systemd-logind.service unstall-bus.service
Wants=systemd-logind.service
[Service]
ExecStart=/usr/local/bin/node-probe actuate --node-name=vm-1 --journal-dir=/var/lib/unstall \
 --drop-caches-file=/proc/sys/vm/drop_caches --dbus-socket=/run/bus --min-interval=INTERVAL --daily-cap=200
StateDirectory=unstall
RuntimeDirectory=unstall
CapabilityBoundingSet=
NoNewPrivileges=yes
";

/// At each boot the real bus is there.
const BUS: &str = "[Unit]
After=dbus.socket
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ln -sfn /run/dbus/system_bus_socket /run/bus
";

/// Time enough for a test between the acceptance and the shutdown.
const LOGIND: &str = "[Login]\nInhibitDelayMaxSec=120\n";

/// Sends a line to a Unix socket and prints the answer.
const ASK: &str = r#"use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
print $socket "$ARGV[1]\n";
$socket->flush;
print <$socket>;
"#;

pub struct Guest {
    pub vm: Vm,
    signer: Signer,
}

impl Guest {
    /// Starts it with an actuator that waits `min_interval` between two commands.
    pub fn start(min_interval: &str) -> Self {
        let signer = Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap();
        let mut options = VmOptions::new(Kernel::Linux6_1, Cgroups::V2, System::Systemd);
        options.cpus = 1;
        options
            .files
            .program(
                "/usr/local/bin/node-probe",
                &static_binary("node-probe").unwrap(),
            )
            .bytes("/etc/unstall/keys/test.pub", signer.public_pem(), 0o644)
            .bytes("/etc/systemd/logind.conf.d/unstall.conf", LOGIND, 0o644)
            .bytes("/usr/local/lib/ask.pl", ASK, 0o644)
            .bytes(
                "/usr/local/lib/bus.pl",
                include_str!("../../data/vm/bus.pl"),
                0o644,
            )
            .unit("unstall-bus.service", BUS)
            .unit(
                "unstall-actuator.service",
                &UNIT.replace("INTERVAL", min_interval),
            );
        let mut guest = Self {
            vm: Vm::start(&options).unwrap(),
            signer,
        };
        guest.wait_for_actuator();
        guest
    }

    pub fn wait_for_actuator(&mut self) {
        self.until("the actuator answers", |guest| {
            guest
                .ask(&json!({"verb": "status", "id": "nobody"}))
                .is_ok()
        });
    }

    /// A reboot of the boot that the machine is in.
    pub fn reboot(&self, id: &str) -> CommandPayload {
        let now = Timestamp::now();
        CommandPayload {
            id: id.to_owned(),
            epoch: 5,
            action: CommandAction::Reboot,
            level: None,
            node_name: NODE.to_owned(),
            node_uid: UID.to_owned(),
            expect_boot_id: self.vm.boot_id().to_owned(),
            issued_at: Time(now - SignedDuration::from_secs(5)),
            expires_at: Time(now + SignedDuration::from_mins(5)),
        }
    }

    pub fn drop_caches(&self, id: &str) -> CommandPayload {
        CommandPayload {
            action: CommandAction::DropCaches,
            level: Some(DropLevel::Auto),
            ..self.reboot(id)
        }
    }

    /// The request of a signed command, as it goes over the socket.
    pub fn request(&self, payload: &CommandPayload) -> Value {
        let signed = self.signer.sign(payload).unwrap();
        json!({"verb": "execute", "payload": signed.payload, "signature": signed.signature})
    }

    /// Asks as the probe's user.
    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let ran = self.vm.run(&asking(request)).unwrap();
        serde_json::from_str(&ran.stdout).map_err(|_| format!("{}{}", ran.stdout, ran.stderr))
    }

    /// Hands over one command right after another.
    pub fn execute_both(&mut self, first: &CommandPayload, second: &CommandPayload) -> [Value; 2] {
        let [first, second] = [first, second].map(|command| asking(&self.request(command)));
        let answers = self.vm.check(&format!("{first}; {second}")).unwrap();
        let lines: Vec<Value> = answers
            .lines()
            .map(|line| outcome(serde_json::from_str(line).unwrap()))
            .collect();
        lines.try_into().unwrap()
    }

    pub fn execute(&mut self, payload: &CommandPayload) -> Value {
        let request = self.request(payload);
        outcome(self.ask(&request).unwrap())
    }

    /// Where the command stands; null if the actuator knows nothing of it.
    pub fn status(&mut self, id: &str) -> Value {
        outcome(self.ask(&json!({"verb": "status", "id": id})).unwrap())
    }

    /// Kills the actuator in the middle of what it does.
    pub fn kill_actuator(&mut self) {
        self.vm
            .check("systemctl kill --signal=KILL unstall-actuator")
            .unwrap();
        self.until("the actuator is gone", |guest| {
            let state = guest
                .vm
                .run("systemctl is-active unstall-actuator")
                .unwrap();
            state.code != 0
        });
    }

    pub fn start_actuator(&mut self) {
        self.vm
            .check("systemctl reset-failed unstall-actuator; systemctl start unstall-actuator")
            .unwrap();
        self.wait_for_actuator();
    }

    /// Holds a lock in logind until [`Self::release`].
    pub fn inhibit(&mut self, mode: &str, who: &str, why: &str) {
        self.vm
            .check(&format!(
                "setsid sh -c 'echo $$ >/run/{who}.pid; exec systemd-inhibit --what=shutdown \
                 --mode={mode} --who={who} --why=\"{why}\" sleep 100000' \
                 </dev/null >/dev/null 2>&1 & \
                 until systemd-inhibit --list | grep -q {who}; do sleep 0.2; done"
            ))
            .unwrap();
    }

    /// Lets go of what [`Self::inhibit`] held.
    pub fn release(&mut self, who: &str) {
        self.vm
            .check(&format!("kill $(cat /run/{who}.pid)"))
            .unwrap();
    }

    /// Puts a bus between, which stops at `step`: `MEMBER N` before the Nth such
    /// call, `reply MEMBER` before the answer to it.
    pub fn stop_bus_at(&mut self, step: &str) {
        self.vm
            .check(&format!(
                "echo '{step}' >/run/hold; rm -f /run/bus /run/held /run/calls; \
                 setsid perl /usr/local/lib/bus.pl </dev/null >/run/bus.log 2>&1 & \
                 until [ -S /run/bus ]; do sleep 0.1; done"
            ))
            .unwrap();
    }

    /// The machine's own bus again.
    pub fn real_bus(&mut self) {
        self.vm
            .check("kill $(cat /run/bus.pid); ln -sfn /run/dbus/system_bus_socket /run/bus")
            .unwrap();
    }

    pub fn wait_for_hold(&mut self) {
        self.until("the bus is held", |guest| {
            guest.vm.run("test -e /run/held").unwrap().code == 0
        });
    }

    /// What `PrepareForShutdown` says until the end of this boot, kept on the disk.
    pub fn watch_signals(&mut self) {
        self.vm
            .check(
                "setsid busctl monitor --match \"type='signal',\
                 interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'\" \
                 </dev/null >/var/lib/signals 2>&1 & sleep 1",
            )
            .unwrap();
    }

    pub fn is_shutting_down(&mut self) -> bool {
        let said = self
            .vm
            .check(
                "busctl get-property org.freedesktop.login1 /org/freedesktop/login1 \
                 org.freedesktop.login1.Manager PreparingForShutdown",
            )
            .unwrap();
        said == "b true"
    }

    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            assert!(started.elapsed() < SOON, "{what}: {}", self.vm.console(20));
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    pub fn wait_reboot(&mut self) {
        self.vm.wait_reboot(REBOOT_WITHIN).unwrap();
        self.wait_for_actuator();
    }
}

/// What a reply says of a command; null if it says none of it.
fn outcome(mut reply: Value) -> Value {
    reply.get_mut("outcome").map_or(Value::Null, Value::take)
}

/// The command that asks as the probe's user.
pub fn asking(request: &Value) -> String {
    format!(
        "setpriv --reuid=61321 --regid=61321 --clear-groups perl /usr/local/lib/ask.pl \
         /run/unstall/actuator.sock '{request}'"
    )
}

/// Whether `outcome` has this state and holds all the words.
pub fn assert_outcome(outcome: &Value, state: &str, words: &[&str]) {
    assert_eq!(outcome["state"], state, "{outcome}");
    let message = outcome["message"].as_str().unwrap();
    for word in words {
        assert!(message.contains(word), "{word:?} in {message:?}");
    }
}
