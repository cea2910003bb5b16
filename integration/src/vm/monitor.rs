//! QEMU's monitor (QMP): one command a connection.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A monitor answers at once, unless its machine keeps both CPUs busy.
const LIMIT: Duration = Duration::from_secs(20);

/// Has it done.
///
/// # Errors
/// When QEMU does not answer, or refuses.
pub fn execute(socket: &Path, command: &str, arguments: &Value) -> Result<()> {
    let stream = UnixStream::connect(socket).context("the machine is off")?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut greeting = String::new();
    reader.read_line(&mut greeting)?;
    ask(
        &stream,
        &mut reader,
        &json!({"execute": "qmp_capabilities"}),
    )?;
    ask(
        &stream,
        &mut reader,
        &json!({"execute": command, "arguments": arguments}),
    )
}

fn ask(mut stream: &UnixStream, reader: &mut impl BufRead, request: &Value) -> Result<()> {
    stream.write_all(format!("{request}\n").as_bytes())?;
    // Events come between.
    for line in reader.lines() {
        let answer: Value = serde_json::from_str(&line?).context("QEMU's monitor: no JSON")?;
        if answer.get("return").is_some() {
            return Ok(());
        }
        if let Some(error) = answer.get("error") {
            bail!("QEMU refused {request}: {error}");
        }
    }
    bail!("QEMU ended before it answered {request}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn an_event_is_no_answer_and_a_refusal_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("monitor");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            for last in [
                r#"{"return": {}}"#,
                r#"{"error": {"desc": "no such card"}}"#,
            ] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = BufReader::new(stream.try_clone().unwrap()).lines();
                writeln!(stream, r#"{{"QMP": {{}}}}"#).unwrap();
                asked.next().unwrap().unwrap();
                writeln!(stream, r#"{{"return": {{}}}}"#).unwrap();
                let command = asked.next().unwrap().unwrap();
                assert!(command.contains("set_link"), "{command}");
                writeln!(stream, "{{\"event\": \"RESUME\"}}\n{last}").unwrap();
            }
        });
        let link = json!({"name": "card0", "up": false});
        execute(&path, "set_link", &link).unwrap();
        let refused = execute(&path, "set_link", &link).unwrap_err().to_string();
        assert!(refused.contains("no such card"), "{refused}");
        server.join().unwrap();
    }
}
