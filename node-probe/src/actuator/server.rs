//! The socket: one caller at a time, only the probe's user, one question each.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt};
use unstall_crds::command::SignedCommand;

use super::execute::Actuator;
use super::wire::{self, MAX_REQUEST_BYTES, Reply, Request};
use crate::log;

/// For one caller to send its request and, after the answer is known, to take it. The next one
/// waits that long at most.
const CALLER_LIMIT: Duration = Duration::from_secs(2);

/// After an accept that failed (no memory, no descriptor), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something that is no socket has its name.
    #[error("{} exists and is no socket; remove it or choose another --socket", .0.display())]
    NotASocket(PathBuf),
    /// The kernel said no.
    #[error("{}: {step}: {error}; its directory must be writable for this user", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// Makes the socket, in place of one that a predecessor left.
///
/// With the sandbox's mask everybody may connect: whom it serves is decided by who they are, not by
/// the file's mode, which without CAP_CHOWN could not name the probe's user. No chmod follows: the
/// probe may write this directory too, and chmod would follow a link that it put there.
///
/// # Errors
/// When the path is taken by something else or cannot be written.
pub fn bind(path: &Path) -> Result<UnixListener, BindError> {
    let fail = |step| {
        move |error| BindError::Io {
            path: path.to_owned(),
            step,
            error,
        }
    };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).map_err(fail("removing the old socket"))?;
        }
        Ok(_) => return Err(BindError::NotASocket(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail("looking for an old socket")(error)),
    }
    UnixListener::bind(path).map_err(fail("binding"))
}

/// Serves callers for ever.
pub fn serve(listener: &UnixListener, actuator: &Arc<Actuator>, probe_uid: u32) -> ! {
    loop {
        match listener.accept() {
            Ok((stream, _)) => serve_one(stream, actuator, probe_uid),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                log::warn("accept failed", &[("error", &error)]);
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

fn serve_one(mut stream: UnixStream, actuator: &Arc<Actuator>, probe_uid: u32) {
    let reply = match peer_uid(&stream) {
        Ok(uid) if uid == probe_uid => answer(&mut stream, actuator),
        Ok(uid) => {
            log::warn("caller refused", &[("uid", &uid), ("wanted", &probe_uid)]);
            Reply::Error(format!("user {uid} may not ask; only user {probe_uid} may"))
        }
        Err(error) => Reply::Error(format!("who asks cannot be seen: {error}")),
    };
    if let Err(error) = wire::write_line(&mut stream, &reply, Instant::now() + CALLER_LIMIT) {
        log::warn("reply not taken", &[("error", &error)]);
    }
}

fn answer(stream: &mut UnixStream, actuator: &Arc<Actuator>) -> Reply {
    let deadline = Instant::now() + CALLER_LIMIT;
    match wire::read_line(stream, MAX_REQUEST_BYTES, deadline) {
        Ok(Request::Execute { payload, signature }) => Reply::Outcome(Box::new(
            actuator.execute(&SignedCommand { payload, signature }),
        )),
        Ok(Request::Status { id }) => match actuator.status(&id) {
            Ok(Some(outcome)) => Reply::Outcome(Box::new(outcome)),
            Ok(None) => Reply::UnknownCommand,
            Err(error) => Reply::Error(error.to_string()),
        },
        Ok(Request::Reboots { node_uid }) => {
            Reply::Reboots(actuator.no_reboot(node_uid.as_deref()))
        }
        Err(error) => {
            log::warn("request not understood", &[("error", &error)]);
            Reply::Error(error.to_string())
        }
    }
}

/// The user at the other end, as the kernel recorded it at connect.
fn peer_uid(stream: &UnixStream) -> Result<u32, nix::errno::Errno> {
    getsockopt(stream, sockopt::PeerCredentials).map(|credentials| credentials.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("actuator.sock");
        drop(bind(&path).unwrap());
        let _listener = bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "keep").unwrap();
        assert!(matches!(bind(&path), Err(BindError::NotASocket(_))));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(bind(&link), Err(BindError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "keep");
    }
}
