//! Carries commands to the actuator and its answers back. The probe cannot
//! make one, and cannot change one: they are signed.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use tokio::sync::{mpsc, watch};
use unstall_crds::command::SignedCommand;
use unstall_crds::health::{CommandState, CommandStatus};

use super::object;
use crate::actuator::{ActuatorClient, ClientError};
use crate::log;

/// The actuator answers as soon as its journal is on the disk.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How often a running command is asked after.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often an actuator that does nothing is asked whether it is there.
const PRESENCE_EVERY: Duration = Duration::from_secs(10);
/// An id that no command has.
const NOBODY: &str = "presence";

/// The node's own object on the API server.
pub struct Live {
    /// The API server.
    pub client: Client,
    /// The object's name.
    pub node: String,
}

impl Live {
    /// Whether the object holds `order` now; an API server that does not answer
    /// does not say so.
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

/// What comes back.
#[derive(Debug)]
pub enum Said {
    /// Whether the actuator answers.
    Present(bool),
    /// Where a command stands.
    Command(Box<CommandStatus>),
}

/// Serves the latest command of `orders` until the channel closes. `live` says
/// what the API server holds at the moment: a command that was taken back is
/// not handed over, however late the watch tells of it.
pub async fn serve(
    socket: PathBuf,
    live: Live,
    mut orders: watch::Receiver<Option<SignedCommand>>,
    said: mpsc::UnboundedSender<Said>,
) {
    let client = ActuatorClient::new(&socket, ANSWER_LIMIT);
    let mut done: Option<SignedCommand> = None;
    loop {
        let order = orders.borrow_and_update().clone();
        let fresh = match order.filter(|order| done.as_ref() != Some(order)) {
            Some(order) if live.holds(&order).await => Some(order),
            _ => None,
        };
        let wait = match fresh {
            None => {
                let asked = ask(&client, |client| client.status(NOBODY)).await;
                if said.send(Said::Present(asked.is_ok())).is_err() {
                    return;
                }
                PRESENCE_EVERY
            }
            Some(order) => {
                let sent = order.clone();
                let answer = ask(&client, move |client| client.execute(&sent)).await;
                match answer {
                    Ok(outcome) => {
                        let ended = outcome.state != CommandState::Accepted;
                        let status = Box::new(outcome.into_status());
                        if said.send(Said::Command(status)).is_err() {
                            return;
                        }
                        if ended {
                            done = Some(order);
                        }
                    }
                    // Nothing is known of it: the same id is never carried out
                    // twice, so it is asked again.
                    Err(error) => log::warn("actuator", &[("error", &error)]),
                }
                ASK_EVERY
            }
        };
        tokio::select! {
            changed = orders.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
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
