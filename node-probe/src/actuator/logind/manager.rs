//! The four calls of `org.freedesktop.login1.Manager`.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use zbus::connection::Builder;
use zbus::message::Body;
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, OwnedVariant};

use super::error::LogindError;
use super::inhibitor::Inhibitor;
use super::socket;

const SERVICE: &str = "org.freedesktop.login1";
const OBJECT: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The user that this process is, as the bus will check.
const ROOT: u32 = 0;

/// Where the system bus is, and how long one conversation may take as a whole.
#[derive(Debug, Clone)]
pub struct Logind {
    /// The bus's Unix socket.
    pub socket: PathBuf,
    /// From connecting to the last answer.
    pub limit: Duration,
}

/// What logind says before it is asked for anything.
#[derive(Debug)]
pub struct Readiness {
    /// Everything that delays or forbids something.
    pub inhibitors: Vec<Inhibitor>,
    /// logind's own word: `yes`, `no`, `na`, `challenge`, and others of later versions.
    pub can_reboot: String,
}

/// What became of the request to reboot.
#[derive(Debug)]
pub enum Asked {
    /// logind took it: the machine goes down.
    Taken,
    /// It was not asked for after all; the sentence says why.
    Withheld(String),
    /// It was not asked for, or logind said no.
    Failed(LogindError),
    /// It was asked for and nobody answered: logind may be at it.
    Unanswered(LogindError),
}

impl Logind {
    /// Asks whether it may reboot and who has something against it.
    ///
    /// # Errors
    /// When there is no bus, no logind, or no answer in time.
    pub fn readiness(&self) -> Result<Readiness, LogindError> {
        self.converse(async |bus| {
            Ok(Readiness {
                inhibitors: inhibitors(bus).await?,
                can_reboot: read(&call(bus, MANAGER, "CanReboot", &()).await?, "CanReboot")?,
            })
        })
    }

    /// Asks for a reboot, unless `veto` has a reason against it: it sees the inhibitors of this
    /// moment, and is asked last.
    pub fn reboot(&self, veto: impl FnOnce(&[Inhibitor]) -> Option<String>) -> Asked {
        let is_sent = Cell::new(false);
        let asked = self.converse(async |bus| {
            if let Some(reason) = veto(&inhibitors(bus).await?) {
                return Ok(Asked::Withheld(reason));
            }
            is_sent.set(true);
            // Not interactive: nobody is there to be asked for a password.
            call(bus, MANAGER, "Reboot", &(false,)).await?;
            Ok(Asked::Taken)
        });
        match asked {
            Ok(asked) => asked,
            Err(error) if is_sent.get() && !error.is_refusal() => Asked::Unanswered(error),
            Err(error) => Asked::Failed(error),
        }
    }

    /// Asks whether logind is bringing the machine down.
    ///
    /// # Errors
    /// When there is no bus, no logind, or no answer in time.
    pub fn is_preparing_for_shutdown(&self) -> Result<bool, LogindError> {
        const PROPERTY: &str = "PreparingForShutdown";
        self.converse(async |bus| {
            let body = call(bus, PROPERTIES, "Get", &(MANAGER, PROPERTY)).await?;
            let value: OwnedVariant = read(&body, PROPERTY)?;
            bool::try_from(value).map_err(|error| unreadable(PROPERTY, error))
        })
    }

    fn converse<T>(
        &self,
        talk: impl AsyncFnOnce(&Connection) -> Result<T, LogindError>,
    ) -> Result<T, LogindError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(LogindError::Here)?;
        let whole = async { talk(&self.connect().await?).await };
        runtime
            .block_on(async { tokio::time::timeout(self.limit, whole).await })
            .unwrap_or_else(|_| {
                Err(LogindError::Late {
                    socket: self.socket.clone(),
                    limit: self.limit,
                })
            })
    }

    async fn connect(&self) -> Result<Connection, LogindError> {
        let path = || self.socket.clone();
        let socket = socket::connect(&self.socket)
            .await
            .map_err(|error| LogindError::Connect {
                socket: path(),
                error,
            })?;
        Builder::socket(socket)
            .user_id(ROOT)
            .build()
            .await
            .map_err(|error| LogindError::Handshake {
                socket: path(),
                error: Box::new(error),
            })
    }
}

async fn inhibitors(bus: &Connection) -> Result<Vec<Inhibitor>, LogindError> {
    const METHOD: &str = "ListInhibitors";
    let body = call(bus, MANAGER, METHOD, &()).await?;
    let rows: Vec<(String, String, String, String, u32, u32)> = read(&body, METHOD)?;
    Ok(rows.into_iter().map(Inhibitor::from).collect())
}

async fn call<B: serde::Serialize + DynamicType>(
    bus: &Connection,
    interface: &str,
    method: &'static str,
    arguments: &B,
) -> Result<Body, LogindError> {
    bus.call_method(Some(SERVICE), OBJECT, Some(interface), method, arguments)
        .await
        .map(|reply| reply.body())
        .map_err(|error| unreadable(method, error))
}

fn read<'b, T: DynamicDeserialize<'b>>(
    body: &'b Body,
    method: &'static str,
) -> Result<T, LogindError> {
    body.deserialize()
        .map_err(|error| unreadable(method, error))
}

fn unreadable(method: &'static str, error: impl Into<zbus::Error>) -> LogindError {
    LogindError::Method {
        method,
        error: Box::new(error.into()),
    }
}
