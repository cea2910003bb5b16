//! A line on the actuator's socket, from either end.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use node_probe::actuator::wire::{MAX_REQUEST_BYTES, Reply, Request, WireError, read_line};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// More than any line may have, and less than a socket holds.
const SENT_MAX: usize = 32 * 1_024;

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(bytes).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    read_line(&mut ours, MAX_REQUEST_BYTES, deadline)
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(SENT_MAX)];
    let line = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map(|end| &bytes[..end]);
    let request = read::<Request>(bytes);
    match line {
        Some(line) if line.len() <= MAX_REQUEST_BYTES => match request {
            Ok(request) => says(&request, &serde_json::from_slice(line).unwrap()),
            Err(error) => assert!(matches!(error, WireError::Json(_)), "{error}"),
        },
        None if bytes.len() <= MAX_REQUEST_BYTES => {
            assert!(matches!(request, Err(WireError::Cut)), "{request:?}");
        }
        _ => assert!(matches!(request, Err(WireError::TooLong(_))), "{request:?}"),
    }
    if let Ok(reply) = read::<Reply>(bytes) {
        let mut again = serde_json::to_vec(&reply).unwrap();
        again.push(b'\n');
        assert_eq!(read::<Reply>(&again).unwrap(), reply);
    }
}

/// A request says what the fields of its JSON say, and has no other. serde takes
/// a list of their values too, and the verb's number for its name.
fn says(request: &Request, json: &Value) {
    let (verb, number, fields) = match request {
        Request::Execute { payload, signature } => {
            let fields = vec![("payload", payload), ("signature", signature)];
            ("execute", 0, fields)
        }
        Request::Status { id } => ("status", 1, vec![("id", id)]),
        Request::Reboots { node_uid } => {
            let fields = node_uid.iter().map(|uid| ("nodeUID", uid)).collect();
            ("reboots", 2, fields)
        }
    };
    let said = |name: &str, index: usize| match json {
        Value::Array(values) => values.get(index).cloned(),
        json => json.get(name).cloned(),
    };
    let said_verb = said("verb", 0).unwrap_or_default();
    assert!(said_verb == verb || said_verb == number, "{verb}: {json}");
    for (index, (name, value)) in (1..).zip(&fields) {
        assert_eq!(
            said(name, index).as_ref().and_then(Value::as_str),
            Some(value.as_str())
        );
    }
    let many = json
        .as_array()
        .map(Vec::len)
        .or(json.as_object().map(|o| o.len()));
    // What may be left out may be null as well.
    let is_null = verb == "reboots" && said("nodeUID", 1) == Some(Value::Null);
    let told = fields.len() + usize::from(is_null);
    assert_eq!(many, Some(told + 1), "{json}");
}
