//! The probe's side against an actuator on a real socket that answers as told.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde_json::json;
use unstall_crds::command::SIGNATURE_BYTES;

use super::*;
use crate::actuator::wire::{MAX_REQUEST_BYTES, Reply, Request, read_line, write_line};

struct Always(bool);

impl Holder for Always {
    async fn holds(&self, _: &SignedCommand) -> bool {
        self.0
    }
}

fn outcome(id: &str, state: &str, reason: Option<&str>, message: &str) -> CommandOutcome {
    let mut value = json!({"id": id, "state": state, "message": message});
    if let Some(reason) = reason {
        value["reason"] = reason.into();
    }
    serde_json::from_value(value).unwrap()
}

/// Answers each order with the next of `orders`, and whoever asks after `a` with its end from the
/// second time on.
fn actuator(socket: &Path, orders: Vec<CommandOutcome>) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        let (mut orders, mut asked) = (orders.into_iter(), 0);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let deadline = Instant::now() + Duration::from_secs(5);
            let reply = match read_line(&mut stream, MAX_REQUEST_BYTES, deadline) {
                Ok(Request::Execute { .. }) => match orders.next() {
                    Some(outcome) => Reply::Outcome(Box::new(outcome)),
                    None => return,
                },
                Ok(Request::Status { .. }) => {
                    asked += 1;
                    let state = if asked > 1 { "Succeeded" } else { "Accepted" };
                    Reply::Outcome(Box::new(outcome("a", state, None, "")))
                }
                Ok(Request::Reboots { node_uid }) => Reply::Reboots(node_uid),
                Err(_) => return,
            };
            // The probe may have gone.
            let _ = write_line(&mut stream, &reply, deadline);
        }
    });
}

/// What the probe hears: `id state message` of each, until `count` of them.
fn heard(answers: Vec<CommandOutcome>, unfinished: Option<&str>, count: usize) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("actuator.sock");
    actuator(&socket, answers);
    let orders = Orders {
        command: Some(SignedCommand::new("{}".to_owned(), &[0; SIGNATURE_BYTES])),
        unfinished: unfinished.map(str::to_owned),
        node_uid: None,
    };
    let (_keep, ordered) = watch::channel(orders);
    let (said, mut answers) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let serving = tokio::spawn(serve(socket, Always(true), ordered, said));
        let mut all = Vec::new();
        while all.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(60), answers.recv());
            if let Some(Said::Command(status)) = next.await.unwrap() {
                let message = status.message.unwrap_or_default();
                all.push(format!("{} {} {message}", status.id, status.state));
            }
        }
        serving.abort();
        all
    })
}

#[test]
fn a_command_waits_for_another_which_goes_on_being_told() {
    let busy = outcome("b", "Refused", Some("Busy"), "command \"a\" is at work");
    let soon = outcome("b", "Refused", Some("TooSoon"), "5 s ago");
    let accepted = outcome("b", "Accepted", None, "being carried out");
    assert_eq!(
        heard(vec![busy, soon, accepted], Some("a"), 3),
        [
            "a Accepted ",
            "a Succeeded ",
            "b Accepted being carried out"
        ]
    );
}

#[test]
fn an_actuator_that_is_gone_is_told_while_an_order_stands_which_it_gets_later() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("actuator.sock");
    let orders = Orders {
        command: Some(SignedCommand::new("{}".to_owned(), &[0; SIGNATURE_BYTES])),
        unfinished: None,
        node_uid: None,
    };
    let (_keep, ordered) = watch::channel(orders);
    let (said, mut answers) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let serving = tokio::spawn(serve(socket.clone(), Always(true), ordered, said));
        let mut next = async || {
            let next = tokio::time::timeout(Duration::from_secs(60), answers.recv());
            next.await.unwrap()
        };
        let silence = next().await;
        assert!(
            matches!(&silence, Some(Said::Presence(Err(why))) if why.contains("cannot be reached")),
            "{silence:?}"
        );
        actuator(&socket, vec![outcome("b", "Accepted", None, "")]);
        loop {
            match next().await {
                Some(Said::Presence(Err(_))) => {}
                Some(Said::Command(status)) => break assert_eq!(status.id, "b"),
                other => panic!("{other:?}"),
            }
        }
        serving.abort();
    });
}

#[test]
fn whether_it_would_reboot_is_asked_for_the_node_as_soon_as_that_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("actuator.sock");
    actuator(&socket, Vec::new());
    let (order, ordered) = watch::channel(Orders::default());
    let (said, mut answers) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let serving = tokio::spawn(serve(socket, Always(true), ordered, said));
        let both = async {
            let mut told = Vec::new();
            while told.len() < 2 {
                if let Some(Said::Reboots(why)) = answers.recv().await {
                    told.push(why);
                    let node_uid = Some("uid-1".to_owned());
                    order.send_modify(|order| order.node_uid = node_uid);
                }
            }
            told
        };
        // Sooner than it is asked again anyway.
        let told = tokio::time::timeout(REBOOTS_EVERY / 2, both).await.unwrap();
        serving.abort();
        assert_eq!(told, [None, Some("uid-1".to_owned())]);
    });
}

#[test]
fn a_command_that_waits_in_vain_ends_with_what_it_waited_for() {
    let busy = outcome("b", "Refused", Some("Busy"), "\"a\" is at work");
    let void = outcome("b", "Refused", Some("Expired"), "expired at noon");
    assert_eq!(
        heard(vec![busy, void], None, 1),
        ["b Refused expired at noon; until then it had to wait: \"a\" is at work"]
    );
}

#[test]
fn any_other_refusal_is_told_at_once() {
    let cap = outcome("b", "Refused", Some("DailyCap"), "24 a day");
    assert_eq!(heard(vec![cap], None, 1), ["b Refused 24 a day"]);
}
