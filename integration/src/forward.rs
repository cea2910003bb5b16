//! Passes HTTP requests on to an API server, one a connection, and remembers them; or does to them
//! what it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything but GET.
    Write,
    /// A GET that goes on.
    Watch,
    /// Any other GET.
    Read,
}

/// What is done instead of passing on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This HTTP status is answered.
    Answer(u16),
    /// A watch begins, and says that it is too old.
    Expired,
    /// The connection ends without an answer.
    Reset,
    /// Nothing is ever answered.
    Silence,
    /// It is passed on, and the answer lost.
    LostAnswer,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is for.
    pub kind: Kind,
    /// Its path and query.
    pub target: String,
    /// What it carries.
    pub body: Value,
    /// The API server's answer; nothing where it was not passed on.
    pub status: Option<u16>,
}

#[derive(Default)]
struct State {
    upstream: String,
    faults: Mutex<Vec<(Kind, Fault)>>,
    seen: Mutex<Vec<Request>>,
    watches: Mutex<Vec<(TcpStream, Arc<AtomicBool>)>>,
}

/// A forwarder on a loopback port; its threads end with the test.
pub struct Forward {
    /// Where it listens.
    pub port: u16,
    state: Arc<State>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forward {
    /// Passes on to `upstream`, an address that speaks plain HTTP.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn to(upstream: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            ..State::default()
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is the two ends' business.
                std::thread::spawn(move || drop(serve(client, &state)));
            }
        });
        Ok(Self { port, state })
    }

    /// Does `fault` to each request of `kind` from now on.
    pub fn fail(&self, kind: Kind, fault: Fault) {
        lock(&self.state.faults).push((kind, fault));
    }

    /// Passes everything on again.
    pub fn heal(&self) {
        lock(&self.state.faults).clear();
    }

    /// Ends the watches that have begun.
    pub fn cut_watches(&self) {
        for (watch, _) in lock(&self.state.watches).drain(..) {
            // It may have ended by itself.
            let _ = watch.shutdown(Shutdown::Both);
        }
    }

    /// Lets the watches that have begun bring nothing any more, without ending them.
    pub fn freeze_watches(&self) {
        for (_, is_frozen) in lock(&self.state.watches).iter() {
            is_frozen.store(true, Ordering::Relaxed);
        }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Request> {
        lock(&self.state.seen).clone()
    }

    /// How many of `kind` were not passed on.
    pub fn failed(&self, kind: Kind) -> usize {
        let seen = self.seen();
        let of_kind = seen.iter().filter(|request| request.kind == kind);
        of_kind.filter(|request| request.status.is_none()).count()
    }

    /// The writes that the API server took.
    pub fn written(&self) -> Vec<Request> {
        let mut seen = self.seen();
        seen.retain(|it| it.kind == Kind::Write && it.status == Some(200));
        seen
    }
}

fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let (mut request, message) = read(&client)?;
    let fault = lock(&state.faults)
        .iter()
        .find(|(kind, _)| *kind == request.kind)
        .map(|(_, fault)| *fault);
    if let Some(fault) = fault.filter(|fault| *fault != Fault::LostAnswer) {
        lock(&state.seen).push(request);
        return fail(client, fault);
    }
    let mut upstream = TcpStream::connect(&state.upstream)?;
    upstream.write_all(&message)?;
    let mut buffer = [0; 16_384];
    let mut count = upstream.read(&mut buffer)?;
    request.status = String::from_utf8_lossy(&buffer[..count])
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let is_watch = request.kind == Kind::Watch;
    lock(&state.seen).push(request);
    if fault.is_some() {
        return Ok(());
    }
    let is_frozen = Arc::new(AtomicBool::new(false));
    if is_watch {
        let watch = (client.try_clone()?, Arc::clone(&is_frozen));
        lock(&state.watches).push(watch);
    }
    while count > 0 {
        if is_frozen.load(Ordering::Relaxed) {
            return hold(client);
        }
        client.write_all(&buffer[..count])?;
        count = upstream.read(&mut buffer)?;
    }
    client.shutdown(Shutdown::Both)
}

fn fail(mut client: TcpStream, fault: Fault) -> io::Result<()> {
    let (status, kind, body) = match fault {
        // As the API server says it where it is overloaded: no object.
        Fault::Answer(429) => (429, "text/plain", "Too many requests\n".to_owned()),
        Fault::Answer(code) => (code, "application/json", failure(code).to_string()),
        Fault::Expired => {
            let event = json!({"type": "ERROR", "object": failure(410)});
            (200, "application/json", format!("{event}\n"))
        }
        Fault::Silence => return hold(client),
        Fault::Reset | Fault::LostAnswer => return client.shutdown(Shutdown::Both),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} Because\r\nContent-Type: {kind}\r\nRetry-After: 1\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Keeps the connection until the other side gives it up.
fn hold(mut client: TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(600)))?;
    client.read(&mut [0; 1]).map(|_| ())
}

fn failure(code: u16) -> Value {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "made by a test", "reason": reason, "code": code,
    })
}

/// The request, and the message that passes it on and asks for no other on its connection.
fn read(client: &TcpStream) -> io::Result<(Request, Vec<u8>)> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(io::Error::other)?;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let kind = match method.as_str() {
        "GET" if target.contains("watch=") => Kind::Watch,
        "GET" => Kind::Read,
        _ => Kind::Write,
    };
    let request = Request {
        kind,
        target,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        status: None,
    };
    let mut message = format!("{head}Connection: close\r\n\r\n").into_bytes();
    message.extend(body);
    Ok((request, message))
}
