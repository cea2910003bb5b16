//! Why a conversation with logind gave no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::text;

/// Why a conversation with logind gave no answer. Each sentence names the socket or the method.
#[derive(Debug, thiserror::Error)]
pub enum LogindError {
    /// Nothing listens there.
    #[error("{}: {error}; see that /run/dbus of the host is mounted there and that its system bus runs", socket.display())]
    Connect {
        /// The bus's socket.
        socket: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The time limit passed.
    #[error("{}: the bus or logind did not answer within {}", socket.display(), text::duration(*limit))]
    Late {
        /// The bus's socket.
        socket: PathBuf,
        /// The limit of the whole conversation.
        limit: Duration,
    },
    /// An error in place of an answer.
    #[error("{method}: {error}")]
    Method {
        /// The method of logind.
        method: &'static str,
        /// What the bus or logind said.
        error: Box<zbus::Error>,
    },
    /// No connection could be set up.
    #[error("{}: {error}", socket.display())]
    Handshake {
        /// The bus's socket.
        socket: PathBuf,
        /// What went wrong.
        error: Box<zbus::Error>,
    },
    /// This process lacks something.
    #[error("preparing to speak with the bus: {0}")]
    Here(io::Error),
}

impl LogindError {
    /// Whether logind itself said no, so that it has not done it. A bus says `NoReply` of a logind
    /// that ended in the middle.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let Self::Method { error, .. } = self else {
            return false;
        };
        match &**error {
            zbus::Error::MethodError(..) => true,
            zbus::Error::FDO(error) => !matches!(
                **error,
                zbus::fdo::Error::ZBus(_)
                    | zbus::fdo::Error::NoReply(_)
                    | zbus::fdo::Error::Timeout(_)
                    | zbus::fdo::Error::TimedOut(_)
                    | zbus::fdo::Error::Disconnected(_)
                    | zbus::fdo::Error::IOError(_)
            ),
            _ => false,
        }
    }
}
