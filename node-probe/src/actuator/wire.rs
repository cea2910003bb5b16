//! The conversation on the Unix socket: one request and one reply, each a line of JSON, then the
//! connection ends.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::outcome::CommandOutcome;

/// The longest request. A signed command has some 600 bytes.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// The longest reply. An outcome with its passes has some 1,000 bytes.
pub const MAX_REPLY_BYTES: usize = 32 * 1024;

/// What the actuator can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Carry out a command. The reply comes when it is in the journal, not when it is done.
    /// A known id is answered from the journal and never carried out twice.
    Execute {
        /// The payload's exact text.
        payload: String,
        /// The base64 of its Ed25519 signature.
        signature: String,
    },
    /// Where does this command stand?
    Status {
        /// Its id.
        id: String,
    },
    /// Would it reboot the node, if it was ordered to now?
    Reboots {
        /// The UID of the Node object that the order would be for, where it is known.
        #[serde(default, rename = "nodeUID", skip_serializing_if = "Option::is_none")]
        node_uid: Option<String>,
    },
}

/// What the actuator answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// Where the command stands.
    Outcome(Box<CommandOutcome>),
    /// The journal knows no command of this id.
    UnknownCommand,
    /// Why it would not reboot the node; nothing where it would.
    Reboots(Option<String>),
    /// The request was not understood, or the caller may not ask.
    Error(String),
}

/// Why a line could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed, or its time was up.
    #[error("{0}")]
    Io(io::Error),
    /// The line is longer than its bound.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// The other side closed before the end of the line.
    #[error("the other side closed before the end of a line")]
    Cut,
    /// The line is not what was expected.
    #[error("the line cannot be read: {0}")]
    Json(serde_json::Error),
}

/// Reads one line of at most `max` bytes before `deadline`.
///
/// # Errors
/// When the line is too long, cut, late or no `T`.
pub fn read_line<T: DeserializeOwned>(
    stream: &mut UnixStream,
    max: usize,
    deadline: Instant,
) -> Result<T, WireError> {
    let mut line = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        // The limit is for the line as a whole: a slow writer cannot renew it byte by byte.
        stream
            .set_read_timeout(Some(time_left(deadline)?))
            .map_err(WireError::Io)?;
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Err(WireError::Cut),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(WireError::Io(late(error))),
        };
        let read = chunk.get(..count).unwrap_or_default();
        let end = read.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(read.get(..end.unwrap_or(count)).unwrap_or_default());
        if line.len() > max {
            return Err(WireError::TooLong(max));
        }
        if end.is_some() {
            return serde_json::from_slice(&line).map_err(WireError::Json);
        }
    }
}

/// Writes `value` as one line before `deadline`.
///
/// # Errors
/// When the socket fails or does not take the line in time.
pub fn write_line<T: Serialize>(
    stream: &mut UnixStream,
    value: &T,
    deadline: Instant,
) -> Result<(), WireError> {
    let mut line = serde_json::to_vec(value).map_err(WireError::Json)?;
    line.push(b'\n');
    stream
        .set_write_timeout(Some(time_left(deadline)?))
        .map_err(WireError::Io)?;
    stream
        .write_all(&line)
        .map_err(|error| WireError::Io(late(error)))
}

fn time_left(deadline: Instant) -> Result<Duration, WireError> {
    match deadline.checked_duration_since(Instant::now()) {
        // A zero time-out would mean none at all.
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(WireError::Io(io::ErrorKind::TimedOut.into())),
    }
}

/// A socket's time-out is reported as "would block", which tells a reader nothing.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], max: usize) -> Result<Request, WireError> {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(bytes).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        read_line(&mut ours, max, Instant::now() + Duration::from_secs(10))
    }

    #[test]
    fn a_request_survives_the_wire() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let request = Request::Execute {
            payload: "{\"id\":\"a\\n\"}\n".into(),
            signature: "c2ln".into(),
        };
        write_line(&mut ours, &request, deadline).unwrap();
        let read: Request = read_line(&mut theirs, MAX_REQUEST_BYTES, deadline).unwrap();
        assert_eq!(read, request);
    }

    #[test]
    fn whether_it_would_reboot_is_asked_with_and_without_a_node() {
        for (line, node_uid) in [
            ("{\"verb\":\"reboots\"}", None),
            (
                "{\"verb\":\"reboots\",\"nodeUID\":\"u\"}",
                Some("u".to_owned()),
            ),
        ] {
            let request = Request::Reboots { node_uid };
            assert_eq!(serde_json::to_string(&request).unwrap(), line);
            assert_eq!(read(format!("{line}\n").as_bytes(), 100).unwrap(), request);
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        assert!(matches!(read(b"", 100), Err(WireError::Cut)));
        assert!(matches!(read(b"{\"verb\":\"sta", 100), Err(WireError::Cut)));
        assert!(matches!(
            read(&[b'x'; 5000], 4096),
            Err(WireError::TooLong(4096))
        ));
        for line in [
            "{}\n",
            "{\"verb\":\"reboot\"}\n",
            "{\"verb\":\"status\",\"id\":\"a\",\"more\":1}\n",
            "{\"verb\":\"status\"}\n",
            "{\"verb\":\"reboots\",\"more\":1}\n",
            "\u{0}\n",
        ] {
            assert!(
                matches!(read(line.as_bytes(), 100), Err(WireError::Json(_))),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_slow_writer_does_not_renew_the_limit() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            for _ in 0..50 {
                if theirs.write_all(b"x").is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let started = Instant::now();
        let limit = Duration::from_millis(200);
        let result: Result<Request, _> = read_line(&mut ours, 1000, started + limit);
        assert!(
            started.elapsed() < Duration::from_millis(800),
            "{:?}",
            started.elapsed()
        );
        match result {
            Err(WireError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        drop(ours);
        writer.join().unwrap();
    }
}
