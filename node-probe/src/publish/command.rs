//! Carries commands to the actuator and its answers back. The probe cannot
//! make one, and cannot change one: they are signed.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use unstall_crds::command::SignedCommand;
use unstall_crds::health::{CommandState, CommandStatus};

use super::errand::{Orders, Said, after_waiting, is_for_later};
use super::object;
use crate::actuator::{ActuatorClient, ClientError, CommandOutcome};
use crate::log;

/// The actuator answers as soon as its journal is on the disk; before a reboot
/// it speaks with logind for 8 s at most.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How often a command is offered again that has to wait for another one.
const OFFER_EVERY: Duration = Duration::from_secs(5);
/// How often a running command is asked after.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often an actuator that does nothing is asked whether it is there.
const PRESENCE_EVERY: Duration = Duration::from_secs(10);
/// How often one that is absent is: it starts beside the probe.
const ABSENCE_EVERY: Duration = Duration::from_secs(2);
/// How often one that does nothing is asked whether it would reboot the node: it asks
/// logind.
const REBOOTS_EVERY: Duration = Duration::from_secs(60);
/// An id that no command has.
const NOBODY: &str = "presence";

/// Who knows whether an order still stands.
pub trait Holder {
    /// Whether `order` still stands. Who does not know says no.
    fn holds(&self, order: &SignedCommand) -> impl Future<Output = bool> + Send;
}

/// The node's own object on the API server.
pub struct Live {
    /// The API server.
    pub client: Client,
    /// The object's name.
    pub node: String,
}

impl Holder for Live {
    async fn holds(&self, order: &SignedCommand) -> bool {
        match object::read(&self.client, &self.node).await {
            Ok(object) => object.spec.command.as_ref() == Some(order),
            Err(error) => {
                log::warn("command not handed over", &[("error", &error)]);
                false
            }
        }
    }
}

/// Serves the latest command of `orders` until the channel closes. `live` says
/// what the API server holds at the moment: a command that was taken back is
/// not handed over, however late the watch tells of it.
pub async fn serve(
    socket: PathBuf,
    live: impl Holder,
    mut orders: watch::Receiver<Orders>,
    said: mpsc::UnboundedSender<Said>,
) {
    let client = ActuatorClient::new(&socket, ANSWER_LIMIT);
    let mut done: Option<SignedCommand> = None;
    let mut waiting: Option<(SignedCommand, String)> = None;
    let mut reboots = Reboots::default();
    loop {
        let Orders {
            command,
            unfinished,
            node_uid,
        } = orders.borrow_and_update().clone();
        let fresh = match command.filter(|order| done.as_ref() != Some(order)) {
            Some(order) if live.holds(&order).await => Some(order),
            _ => None,
        };
        let (wait, answer) = match (fresh, unfinished) {
            (Some(order), unfinished) => match hand_over(&client, &order).await {
                Ok(status) if is_for_later(&status) => {
                    let why = status.message.unwrap_or_default();
                    if waiting.as_ref().is_none_or(|(other, _)| *other != order) {
                        log::info("command waits", &[("id", &status.id), ("why", &why)]);
                    }
                    waiting = Some((order, why));
                    // What it waits for goes on being told.
                    let answer = match unfinished {
                        Some(id) => follow(&client, id).await,
                        None => Said::Presence(Ok(())),
                    };
                    (OFFER_EVERY, answer)
                }
                Ok(mut status) => {
                    if let Some((_, why)) = waiting.take().filter(|(other, _)| *other == order) {
                        status = after_waiting(status, &why);
                    }
                    if status.state != CommandState::Accepted {
                        done = Some(order);
                    }
                    (ASK_EVERY, Said::Command(Box::new(status)))
                }
                // The order stands, and is given again.
                Err(silence) => (ASK_EVERY, Said::Presence(Err(silence))),
            },
            (None, Some(id)) => (ASK_EVERY, follow(&client, id).await),
            (None, None) => at_rest(&client, &mut reboots, node_uid, &said).await,
        };
        if matches!(answer, Said::Presence(Err(_))) {
            // The next one may be another.
            reboots.asked = None;
        }
        if said.send(answer).is_err() {
            return;
        }
        tokio::select! {
            changed = orders.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// When the actuator was asked whether it would reboot the node.
#[derive(Default)]
struct Reboots {
    asked: Option<Instant>,
    /// The UID of the node's object that it was asked for.
    node_uid: Option<String>,
}

impl Reboots {
    /// Asks it, if that is due. Without an answer what it said before stands.
    async fn look(&mut self, client: &ActuatorClient, node_uid: Option<String>) -> Option<Said> {
        let is_same = self.node_uid == node_uid;
        if is_same && self.asked.is_some_and(|at| at.elapsed() < REBOOTS_EVERY) {
            return None;
        }
        self.asked = Some(Instant::now());
        self.node_uid.clone_from(&node_uid);
        let answer = ask(client, |client| client.no_reboot(node_uid)).await;
        answer.ok().map(Said::Reboots)
    }
}

/// Asks an actuator that does nothing whether it is there, and now and then whether it
/// would reboot the node.
async fn at_rest(
    client: &ActuatorClient,
    reboots: &mut Reboots,
    node_uid: Option<String>,
    said: &mpsc::UnboundedSender<Said>,
) -> (Duration, Said) {
    let presence = presence(client).await;
    if presence.is_ok()
        && let Some(news) = reboots.look(client, node_uid).await
    {
        // Whoever hears it no more hears the answer below neither.
        let _ = said.send(news);
    }
    let wait = match &presence {
        Ok(()) => PRESENCE_EVERY,
        Err(_) => ABSENCE_EVERY,
    };
    (wait, Said::Presence(presence))
}

/// Gives the actuator `order`. Without an answer nothing is known of it: the
/// same id is never carried out twice, so it is given again.
async fn hand_over(
    client: &ActuatorClient,
    order: &SignedCommand,
) -> Result<CommandStatus, String> {
    let sent = order.clone();
    let answer = ask(client, move |client| client.execute(&sent)).await;
    answer.map(CommandOutcome::into_status)
}

/// Asks after the command `id`.
async fn follow(client: &ActuatorClient, id: String) -> Said {
    let asked = id.clone();
    match ask(client, move |client| client.status(&asked)).await {
        Ok(Some(outcome)) => Said::Command(Box::new(outcome.into_status())),
        Ok(None) => Said::Forgotten(id),
        Err(error) => Said::Presence(Err(error)),
    }
}

async fn presence(client: &ActuatorClient) -> Result<(), String> {
    let asked = ask(client, |client| client.status(NOBODY)).await;
    asked.map(drop)
}

/// Calls the blocking client away from the async thread.
async fn ask<T: Send + 'static>(
    client: &ActuatorClient,
    call: impl FnOnce(ActuatorClient) -> Result<T, ClientError> + Send + 'static,
) -> Result<T, String> {
    let client = client.clone();
    match tokio::task::spawn_blocking(move || call(client)).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
