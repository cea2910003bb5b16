//! Commands with one thing wrong at a time, signed with the installed key:
//! the installed actuator refuses each with its own reason. And one that the
//! controller itself must not give.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nix::sys::signal::Signal;
use serde_json::json;
use unstall_controller::keys::Signer;
use unstall_crds::command::{CommandAction, CommandPayload, DropLevel, SignedCommand};
use unstall_integration::product::{NAMESPACE, Objects, apply, text};

use crate::stage::{Stage, pids_of, settings, signal};

const LIMIT: Duration = Duration::from_secs(60);

/// A stage whose controller is away, so that the test orders.
struct Orders<'a> {
    stage: &'a Stage,
    signer: Signer,
    count: u32,
}

impl<'a> Orders<'a> {
    fn take_over(stage: &'a Stage) -> Self {
        stage.kubectl(&[
            "scale",
            "deployment/unstall-controller",
            "--replicas=0",
            "-n",
            NAMESPACE,
        ]);
        let waiting = [
            "wait",
            "--for=delete",
            "pod",
            "-n",
            NAMESPACE,
            "-l",
            "app.kubernetes.io/component=controller",
        ];
        stage.kubectl(&[&waiting[..], &["--timeout=60s"]].concat());
        let entry = "jsonpath={.data.signing\\.key}";
        let encoded = stage.kubectl(&[
            "get",
            "secret",
            "unstall-signing-key",
            "-n",
            NAMESPACE,
            "-o",
            entry,
        ]);
        let pem =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded.trim()).unwrap();
        let signer = Signer::from_pem(&String::from_utf8(pem).unwrap()).unwrap();
        Self {
            stage,
            signer,
            count: 0,
        }
    }

    /// A command that is right in everything.
    fn right(&mut self) -> CommandPayload {
        self.count += 1;
        let objects = self.stage.objects();
        let health = |path| text(objects.health(), path).unwrap().to_owned();
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let at = |seconds| Time(now + SignedDuration::from_secs(seconds));
        CommandPayload {
            id: format!("test-{}-{}", now.as_second(), self.count),
            epoch: objects
                .ledger()
                .pointer("/status/epoch")
                .unwrap()
                .as_i64()
                .unwrap(),
            action: CommandAction::DropCaches,
            level: Some(DropLevel::PageCache),
            node_name: health("/metadata/name"),
            node_uid: health("/spec/nodeUID"),
            expect_boot_id: health("/status/bootID"),
            issued_at: at(0),
            expires_at: at(60),
        }
    }

    fn sign(&self, payload: &CommandPayload) -> SignedCommand {
        self.signer.sign(payload).unwrap()
    }

    /// Hands a command to the probe by the API and returns what the actuator
    /// answered, as state and reason.
    fn order(&self, id: &str, command: &SignedCommand) -> (String, String) {
        let node = text(self.stage.objects().health(), "/metadata/name")
            .unwrap()
            .to_owned();
        let patch = json!({"spec": {"command": command}}).to_string();
        self.stage
            .kubectl(&["patch", "nodehealth", &node, "--type=merge", "-p", &patch]);
        let answered = |objects: &Objects| {
            let part = |path| text(objects.health(), path);
            part("/status/command/id") == Some(id)
                && part("/status/command/state") != Some("Accepted")
        };
        let objects = self.stage.until("an answer", answered);
        let part = |path| text(objects.health(), path).unwrap_or("-").to_owned();
        (
            part("/status/command/state"),
            part("/status/command/reason"),
        )
    }

    fn refused(&mut self, change: impl FnOnce(&mut CommandPayload)) -> String {
        let mut payload = self.right();
        change(&mut payload);
        let (state, reason) = self.order(&payload.id.clone(), &self.sign(&payload));
        assert_eq!(state, "Refused", "{payload:?}");
        reason
    }
}

/// The controller comes back, also after a failed test.
impl Drop for Orders<'_> {
    fn drop(&mut self) {
        let scale = [
            "scale",
            "deployment/unstall-controller",
            "--replicas=1",
            "-n",
            NAMESPACE,
        ];
        // A failure here shows in the next test, which needs the controller.
        let _ = self.stage.cluster().kubectl().run(&scale);
    }
}

#[test]
fn each_wrong_command_is_refused_for_its_own_reason() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.until("a report", |objects| {
        text(objects.health(), "/status/bootID").is_some()
    });
    let mut orders = Orders::take_over(&stage);
    let right = orders.right();
    let (state, reason) = orders.order(&right.id, &orders.sign(&right));
    assert_eq!(
        (state.as_str(), reason.as_str()),
        ("Succeeded", "-"),
        "the control is obeyed"
    );

    let flipped = orders.right();
    let mut command = orders.sign(&flipped);
    let mut bytes = command.signature_bytes().unwrap();
    bytes[7] ^= 1;
    command = SignedCommand::new(command.payload, &bytes);
    assert_eq!(
        orders.order(&flipped.id, &command),
        ("Refused".into(), "BadSignature".into())
    );

    let other_boot = "00000000-0000-4000-8000-000000000000";
    assert_eq!(
        orders.refused(|p| p.expect_boot_id = other_boot.into()),
        "OtherBoot"
    );
    assert_eq!(orders.refused(|p| p.epoch -= 1), "StaleEpoch");
    let past = |p: &mut CommandPayload| {
        p.issued_at.0 -= SignedDuration::from_mins(10);
        p.expires_at.0 -= SignedDuration::from_mins(10);
    };
    assert_eq!(orders.refused(past), "Expired");
    assert_eq!(
        orders.refused(|p| p.node_name = "another".into()),
        "OtherNode"
    );
    assert_eq!(
        orders.refused(|p| p.node_uid = "another".into()),
        "OtherNodeUID"
    );
    swapped_key(&mut orders);
}

/// Another public key in the ConfigMap: what the right key signed is refused.
fn swapped_key(orders: &mut Orders<'_>) {
    let stage = orders.stage;
    let get = [
        "get",
        "configmap",
        "unstall-public-keys",
        "-n",
        NAMESPACE,
        "-o",
        "json",
    ];
    let before = stage.kubectl(&get);
    let other = Signer::from_pem(&Signer::generate_pem().unwrap())
        .unwrap()
        .public_pem();
    let patch = json!({"data": {"signing.pub": other}}).to_string();
    let config_map = ["patch", "configmap", "unstall-public-keys", "-n", NAMESPACE];
    stage.kubectl(&[&config_map[..], &["--type=merge", "-p", &patch]].concat());
    // A new pod mounts it at once; a running one within a minute or two.
    let restart = || {
        let what = "daemonset/unstall-probe";
        stage.kubectl(&["rollout", "restart", what, "-n", NAMESPACE]);
        stage.kubectl(&["rollout", "status", what, "-n", NAMESPACE, "--timeout=60s"]);
    };
    restart();
    assert_eq!(orders.refused(|_| ()), "BadSignature");
    let before: serde_json::Value = serde_json::from_str(&before).unwrap();
    let patch = json!({"data": before["data"]}).to_string();
    stage.kubectl(&[&config_map[..], &["--type=merge", "-p", &patch]].concat());
    restart();
    let right = orders.right();
    let (state, _) = orders.order(&right.id, &orders.sign(&right));
    assert_eq!(state, "Succeeded", "with the right key back it is obeyed");
}

#[test]
fn without_its_slot_no_command_stands() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    // Any read takes longer than this: it fires without a stall.
    let policy = include_str!("policy.yaml")
        .replace(
            "above: 3ms, clearBelow: 1500us, for: 5s",
            "above: 1us, clearBelow: 1us, for: 1s",
        )
        .replace("mode: Enforce", "mode: Enforce\n  suspend: true");
    apply(stage.cluster(), &policy).unwrap();
    stage.until("the incident to wait for the suspended policy", |objects| {
        text(objects.remediation(), "/status/blockers/0/reason") == Some("PolicySuspended")
    });
    let probe = pids_of("node-probe probe");
    assert_eq!(probe.len(), 1, "one probe runs on this machine");
    signal(&probe, Signal::SIGSTOP);
    apply(
        stage.cluster(),
        &policy.replace("suspend: true", "suspend: false"),
    )
    .unwrap();
    let ordered = stage.until("the command", |objects| {
        objects.health().pointer("/spec/command").is_some()
    });
    let payload = text(ordered.health(), "/spec/command/payload")
        .unwrap()
        .to_owned();
    let id = CommandPayload::parse(&payload).unwrap().id;
    delete_slots(&stage);
    let objects = stage.until("the incident to end", |objects| {
        text(objects.remediation(), "/status/outcome").is_some()
            && objects.health().pointer("/spec/command").is_none()
    });
    let incident = objects.remediation();
    assert_eq!(
        text(incident, "/status/outcome"),
        Some("Aborted"),
        "{incident:#}"
    );
    assert_eq!(
        text(incident, "/status/blockers/0/reason"),
        Some("SlotLost"),
        "{incident:#}"
    );
    // The probe learns of command and withdrawal at once, and hands over nothing.
    signal(&probe, Signal::SIGCONT);
    let until = Instant::now() + LIMIT / 4;
    while Instant::now() < until {
        let objects = stage.objects();
        assert_ne!(
            text(objects.health(), "/status/command/id"),
            Some(id.as_str()),
            "{:#}",
            objects.health()
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn delete_slots(stage: &Stage) {
    // The trigger would go on firing, and the next incident act as well.
    stage.kubectl(&["delete", "nodehealthpolicies", "--all"]);
    let empty = json!({"status": {"slots": [], "slotsInUse": 0}}).to_string();
    let ledger = [
        "patch",
        "disruptionledger",
        "cluster",
        "--subresource=status",
    ];
    stage.kubectl(&[&ledger[..], &["--type=merge", "-p", &empty]].concat());
}
