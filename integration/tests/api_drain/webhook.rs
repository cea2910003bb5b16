//! An admission webhook in the API server's own network namespace, where alone that can reach it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use nix::sched::{CloneFlags, setns};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use unstall_integration::cluster::Cluster;
use unstall_integration::testing::skip;

use crate::place::{Place, create};
use crate::tls::tls;

/// What it does with the review of an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Says no, with this status code.
    Denies(u16),
    /// Says nothing, and keeps the connection.
    Hangs,
}

/// A webhook for the evictions of one namespace.
pub struct Webhook<'a> {
    place: &'a Place,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl<'a> Webhook<'a> {
    /// Starts one, and waits until it is asked. None, and the test counts as skipped, where the API
    /// server's network cannot be entered.
    pub async fn start(place: &'a Place, manner: Manner) -> Option<Self> {
        let listener = match listen() {
            Ok(listener) => listener,
            Err(why) => {
                skip(&why);
                return None;
            }
        };
        let port = listener.local_addr().unwrap().port();
        let (tls, certificate) = tls();
        let seen = Arc::default();
        serve(listener, tls, manner, Arc::clone(&seen));
        let webhook = Self { place, seen };
        webhook.configure(port, &certificate).await;
        Some(webhook)
    }

    async fn configure(&self, port: u16, authority: &str) {
        let name = &self.place.namespace;
        let rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["pods/eviction"],
        });
        // And a kind that nobody else makes here, which is denied at once: it tells when the API
        // server begins to ask.
        let probe = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["serviceaccounts"],
        });
        let authority = serde_json::to_value(k8s_openapi::ByteString(authority.into())).unwrap();
        let webhook = json!({
            "name": "guard.example.org",
            "clientConfig": {"url": format!("https://127.0.0.1:{port}/"), "caBundle": authority},
            "rules": [rule, probe],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            // The longest that the API takes.
            "timeoutSeconds": 30,
        });
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.place.client.clone());
        create(
            &api,
            json!({"metadata": {"name": name}, "webhooks": [webhook]}),
        )
        .await;
        self.until_asked().await;
    }

    async fn until_asked(&self) {
        let accounts: Api<ServiceAccount> = self.place.api();
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let probe: ServiceAccount =
            serde_json::from_value(json!({"metadata": {"name": "probe"}})).unwrap();
        self.place
            .until("the webhook to be asked", async || {
                accounts.create(&dry_run, &probe).await.is_err()
            })
            .await;
    }

    /// The evictions that it was asked about.
    pub fn seen(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let evictions = seen.iter().filter(|it| it["kind"]["kind"] == "Eviction");
        evictions.cloned().collect()
    }
}

impl Drop for Webhook<'_> {
    fn drop(&mut self) {
        let name = &self.place.namespace;
        self.place.delete("validatingwebhookconfiguration", name);
    }
}

/// A listener on the loopback device of the API server's network namespace.
fn listen() -> Result<TcpListener, String> {
    let cluster = Cluster::find(&format!("api-{}", std::process::id()));
    let cluster = cluster.map_err(|error| format!("{error:#}"))?;
    let Some(cluster) = cluster else {
        return Err(
            "the API server of UNSTALL_TEST_KUBECONFIG cannot reach a webhook of a test".into(),
        );
    };
    let mut components = cluster.state().components.iter();
    let server = components.find(|it| it.name == "kube-apiserver").unwrap();
    let path = format!("/proc/{}/ns/net", server.pid);
    // A thread of its own: the namespace is that of a thread, and a socket's for good.
    let listener = std::thread::spawn(move || {
        let namespace = std::fs::File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)
            .map_err(|error| format!("a webhook in the cluster's network needs root: {error}"))?;
        TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())
    });
    listener.join().unwrap()
}

/// Serves in threads that end with the program.
fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    manner: Manner,
    seen: Arc<Mutex<Vec<Value>>>,
) {
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (tls, seen) = (Arc::clone(&tls), Arc::clone(&seen));
            // A connection that breaks is the API server's business.
            std::thread::spawn(move || drop(review(client, tls, manner, &seen)));
        }
    });
}

fn review(
    client: TcpStream,
    tls: Arc<ServerConfig>,
    manner: Manner,
    seen: &Mutex<Vec<Value>>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, client));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body)?;
    let request = request["request"].clone();
    let uid = request["uid"].clone();
    let is_eviction = request["kind"]["kind"] == "Eviction";
    let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(request);
    drop(all);
    let code = match manner {
        Manner::Denies(code) => code,
        // Until the API server gives it up.
        Manner::Hangs if is_eviction => return stream.read(&mut [0; 1]).map(drop),
        Manner::Hangs => 403,
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": false, "status": {"code": code, "message": "not today"}},
    })
    .to_string();
    let length = answer.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{answer}"
    )?;
    stream.flush()
}
