//! A Prometheus that speaks TLS, wants a token, and says what alerts it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::tls::tls;

const TOKEN: &str = "the-token-of-the-test";

/// One; its threads end with the test.
pub struct Prometheus {
    firing: Arc<Mutex<Vec<String>>>,
    /// What a controller is told of it.
    pub args: Vec<String>,
}

impl Prometheus {
    /// Starts one, with nothing that fires; its files go into `dir`.
    pub fn start(dir: &Path) -> Self {
        let (tls, certificate) = tls();
        let file = |name: &str, text: &str| -> PathBuf {
            let path = dir.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let authority = file("prometheus.pem", &certificate);
        let token = file("prometheus.token", TOKEN);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let firing = Arc::default();
        let shared = Arc::clone(&firing);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (tls, firing) = (Arc::clone(&tls), Arc::clone(&shared));
                // A connection that breaks is the controller's business.
                std::thread::spawn(move || drop(answer(client, tls, &firing)));
            }
        });
        Self {
            firing,
            args: vec![
                format!("--prometheus-url=https://127.0.0.1:{port}"),
                format!("--prometheus-ca-file={}", authority.display()),
                format!("--prometheus-token-file={}", token.display()),
            ],
        }
    }

    /// Lets these alerts fire, and no others.
    pub fn fires(&self, alerts: &[&str]) {
        let mut firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        *firing = alerts.iter().map(|it| (*it).to_owned()).collect();
    }
}

fn answer(
    client: TcpStream,
    tls: Arc<ServerConfig>,
    firing: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, client));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    let is_known = head.contains(&format!("authorization: bearer {TOKEN}"));
    let is_asked = head[0].starts_with("get /api/v1/alerts ");
    let firing = firing
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let alert = |name: &String| json!({"labels": {"alertname": name}, "state": "firing"});
    let alerts: Vec<_> = firing.iter().map(alert).collect();
    let (status, body) = match (is_known, is_asked) {
        (false, _) => ("401 Unauthorized", json!({"status": "error"})),
        (true, false) => ("404 Not Found", json!({"status": "error"})),
        (true, true) => (
            "200 OK",
            json!({"status": "success", "data": {"alerts": alerts}}),
        ),
    };
    let body = body.to_string();
    let length = body.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}
