//! Carries commands to the actuator and its answers back. The probe cannot
//! make one, and cannot change one: they are signed.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use unstall_crds::command::SignedCommand;
use unstall_crds::health::{CommandState, CommandStatus};

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

/// What comes back.
#[derive(Debug)]
pub enum Said {
    /// Whether the actuator answers.
    Present(bool),
    /// Where a command stands.
    Command(Box<CommandStatus>),
}

/// Serves the latest command of `orders` until the channel closes.
pub async fn serve(
    socket: PathBuf,
    mut orders: watch::Receiver<Option<SignedCommand>>,
    said: mpsc::UnboundedSender<Said>,
) {
    let client = ActuatorClient::new(&socket, ANSWER_LIMIT);
    let mut done: Option<SignedCommand> = None;
    loop {
        let order = orders.borrow_and_update().clone();
        let fresh = order.filter(|order| done.as_ref() != Some(order));
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
