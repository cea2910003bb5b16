//! Commands over the machine's second serial port: what `data/vm/agent.sh`
//! speaks.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How long QEMU may take to open its end.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// How a command in the machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; 137 after its time was over.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// What the machine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// It is up, in the boot of this ID.
    Ready(String),
    /// The command of this number ended.
    Done(u64, Ran),
}

/// The host's end.
#[derive(Debug)]
pub struct Agent {
    port: UnixStream,
    messages: Receiver<Message>,
    last: u64,
}

impl Agent {
    /// Connects to the port of a QEMU that was just started.
    ///
    /// # Errors
    /// When QEMU does not open it.
    pub fn connect(path: &Path) -> Result<Self> {
        let until = Instant::now() + OPEN_WITHIN;
        let port = loop {
            match UnixStream::connect(path) {
                Ok(port) => break port,
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(error).context("QEMU did not open its serial port"),
            }
        };
        let (sender, messages) = channel();
        let reader = BufReader::new(port.try_clone()?);
        std::thread::Builder::new()
            .name("agent".into())
            .spawn(move || {
                // Ends with QEMU, or with the receiver.
                for line in reader.split(b'\n').map_while(Result::ok) {
                    let message = parse(&String::from_utf8_lossy(&line));
                    if message.is_some_and(|message| sender.send(message).is_err()) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            port,
            messages,
            last: 0,
        })
    }

    /// Hands over a shell script that may run for `limit`; gives its number.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn send(&mut self, script: &str, limit: Duration) -> Result<u64> {
        self.last += 1;
        let (id, seconds) = (self.last, limit.as_secs().max(1));
        let line = format!("{id} {seconds} {}\n", STANDARD.encode(script));
        self.port
            .write_all(line.as_bytes())
            .context("the machine is off")?;
        Ok(id)
    }

    /// The next message, if there is one within `limit`.
    pub fn receive(&self, limit: Duration) -> Option<Message> {
        self.messages.recv_timeout(limit).ok()
    }
}

/// A line of the machine; anything else that comes over a serial port, as
/// when it reboots in the middle of a line, is no message.
fn parse(line: &str) -> Option<Message> {
    let mut words = line.trim().strip_prefix("unstall ")?.split(' ');
    let message = match words.next()? {
        "ready" => Message::Ready(words.next()?.to_owned()),
        "done" => {
            let id = words.next()?.parse().ok()?;
            let code = words.next()?.parse().ok()?;
            let mut text = || {
                let bytes = STANDARD.decode(words.next()?.strip_prefix('=')?).ok()?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            };
            let (stdout, stderr) = (text()?, text()?);
            Message::Done(
                id,
                Ran {
                    code,
                    stdout,
                    stderr,
                },
            )
        }
        _ => return None,
    };
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_noise_is_not() {
        let ready = Message::Ready("94d806f6".into());
        assert_eq!(parse("unstall ready 94d806f6\r"), Some(ready));
        let ran = Ran {
            code: 3,
            stdout: "a\nb\n".into(),
            stderr: String::new(),
        };
        assert_eq!(
            parse("unstall done 7 3 =YQpiCg== ="),
            Some(Message::Done(7, ran))
        );
        for noise in [
            "",
            "unstall",
            "unstall done 7 3 =YQpiCg",
            "unstall done 7 3 =YQpiCg==",
            "done 7 3 = =",
        ] {
            assert_eq!(parse(noise), None, "{noise}");
        }
    }
}
