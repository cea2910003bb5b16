//! The probe's side of the socket: blocking, every call with one time limit.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use unstall_crds::command::SignedCommand;

use super::outcome::CommandOutcome;
use super::wire::{self, MAX_REPLY_BYTES, Reply, Request, WireError};

/// An answer to what was not asked.
const OTHER: &str = "it answers another question";

/// Asks the actuator on one socket.
#[derive(Debug, Clone)]
pub struct ActuatorClient {
    socket: PathBuf,
    limit: Duration,
}

/// Why there is no answer. Of an `execute` without an answer nothing is known: ask again, the same
/// id is never carried out twice.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the queue is full.
    #[error("{}: cannot be reached: {errno}; see that the actuator's container runs and shares this directory", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// The exchange failed.
    #[error("{}: {error}", socket.display())]
    Exchange {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        error: WireError,
    },
    /// The actuator would not answer.
    #[error("{}: the actuator refuses to answer: {message}", socket.display())]
    Rejected {
        /// The socket.
        socket: PathBuf,
        /// Its words.
        message: String,
    },
}

impl ActuatorClient {
    /// A client that waits at most `limit` for each answer. The actuator answers as soon as its
    /// journal is on the disk; 5 s is plenty.
    #[must_use]
    pub fn new(socket: &Path, limit: Duration) -> Self {
        Self {
            socket: socket.to_owned(),
            limit,
        }
    }

    /// Hands over a command. The answer is `Accepted`, a refusal, or what the journal knows of it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn execute(&self, command: &SignedCommand) -> Result<CommandOutcome, ClientError> {
        let request = Request::Execute {
            payload: command.payload.clone(),
            signature: command.signature.clone(),
        };
        match self.exchange(&request)? {
            Reply::Outcome(outcome) => Ok(*outcome),
            Reply::Error(message) => Err(self.rejected(&message)),
            Reply::UnknownCommand => Err(self.rejected("it calls a new command unknown")),
            Reply::Reboots(_) => Err(self.rejected(OTHER)),
        }
    }

    /// Where the command `id` stands; `None` if the actuator has never begun it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn status(&self, id: &str) -> Result<Option<CommandOutcome>, ClientError> {
        match self.exchange(&Request::Status { id: id.to_owned() })? {
            Reply::Outcome(outcome) => Ok(Some(*outcome)),
            Reply::UnknownCommand => Ok(None),
            Reply::Error(message) => Err(self.rejected(&message)),
            Reply::Reboots(_) => Err(self.rejected(OTHER)),
        }
    }

    /// Why it would not reboot the node, whose object has `node_uid`, if it would not.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn no_reboot(&self, node_uid: Option<String>) -> Result<Option<String>, ClientError> {
        match self.exchange(&Request::Reboots { node_uid })? {
            Reply::Reboots(why) => Ok(why),
            Reply::Error(message) => Err(self.rejected(&message)),
            Reply::Outcome(_) | Reply::UnknownCommand => Err(self.rejected(OTHER)),
        }
    }

    fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        let deadline = Instant::now() + self.limit;
        let mut stream = self.connect().map_err(|errno| ClientError::Connect {
            socket: self.socket.clone(),
            errno,
        })?;
        let written = wire::write_line(&mut stream, request, deadline);
        // Whom the actuator turns away may find the socket closed before its request is out, with
        // the reason waiting to be read.
        match (
            written,
            wire::read_line(&mut stream, MAX_REPLY_BYTES, deadline),
        ) {
            (_, Ok(reply)) => Ok(reply),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(ClientError::Exchange {
                socket: self.socket.clone(),
                error,
            }),
        }
    }

    /// Connects with a time limit: on a full queue a Unix socket otherwise waits for ever.
    fn connect(&self) -> Result<UnixStream, Errno> {
        let socket = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let seconds = i64::try_from(self.limit.as_secs())
            .unwrap_or(i64::MAX)
            .max(1);
        setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(seconds, 0))?;
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.socket)?)?;
        Ok(UnixStream::from(socket))
    }

    fn rejected(&self, message: &str) -> ClientError {
        ClientError::Rejected {
            socket: self.socket.clone(),
            message: message.to_owned(),
        }
    }
}
