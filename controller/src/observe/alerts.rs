//! Firing alerts, asked of Prometheus.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Request;
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::{Client, Config};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use unstall_decide::Alerts;

use crate::machine;

/// How often it is asked while a policy names alerts.
const EVERY: Duration = Duration::from_secs(15);
/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What is read of an answer at most: thousands of alerts.
const BODY: usize = 16 << 20;

/// How to reach Prometheus.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    /// Its address, such as `http://prometheus.monitoring:9090`.
    pub url: http::Uri,
    /// A file with a bearer token, read anew for each call.
    pub token_file: Option<PathBuf>,
    /// A file with the certificates of its authority, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// Asks Prometheus, while a policy names alerts.
pub struct Prometheus {
    client: Client,
    latest: Arc<Mutex<Alerts>>,
    task: Option<JoinHandle<()>>,
}

/// The answer of `/api/v1/alerts`.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    state: String,
}

impl Prometheus {
    /// Makes a client, and asks nothing yet.
    ///
    /// # Errors
    /// When a file cannot be read, the address is none, or nobody vouches for it.
    pub fn new(options: PrometheusOptions) -> Result<Self> {
        let is_plain = options.url.scheme_str() != Some("https");
        let mut config = Config::new(options.url);
        // Without it the client wants the machine's certificates, and an image holds none:
        // neither plain HTTP nor an authority of its own needs them.
        config.root_cert = (is_plain || options.ca_file.is_some()).then(Vec::new);
        config.default_retry = false;
        config.connect_timeout = Some(LIMIT);
        config.read_timeout = Some(LIMIT);
        config.root_cert_file = options.ca_file;
        let token = options
            .token_file
            .map(|path| path.to_string_lossy().into_owned());
        config.auth_info.token_file = token;
        let client = Client::try_from(config).context(
            "cannot make a client for Prometheus: an https address needs --prometheus-ca-file where the machine has no \
             certificates",
        )?;
        Ok(Self::of(client))
    }

    /// Asks whom `client` reaches, and nothing yet.
    #[must_use]
    pub fn of(client: Client) -> Self {
        let why = "Prometheus was not asked yet".to_owned();
        Self {
            client,
            latest: Arc::new(Mutex::new(Alerts::Unknown { why })),
            task: None,
        }
    }

    /// Asks while it `is_wanted`.
    pub fn want(&mut self, is_wanted: bool, changed: &Arc<Notify>) {
        if !is_wanted {
            self.stop();
        } else if self.task.is_none() {
            let (client, latest) = (self.client.clone(), Arc::clone(&self.latest));
            let changed = Arc::clone(changed);
            self.task = Some(machine::spawn(async move {
                loop {
                    let alerts = ask(&client).await;
                    if is_new(&latest, alerts) {
                        changed.notify_one();
                    }
                    tokio::time::sleep(EVERY).await;
                }
            }));
        }
    }

    /// What it said last.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let why = "Prometheus was not asked yet".to_owned();
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = Alerts::Unknown { why };
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Keeps what it says; whether it said something else before.
fn is_new(latest: &Mutex<Alerts>, alerts: Alerts) -> bool {
    let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = *latest != alerts;
    *latest = alerts;
    is_new
}

async fn ask(client: &Client) -> Alerts {
    let request = match Request::get("/api/v1/alerts").body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return unknown(&format!("the request cannot be made: {error}")),
    };
    match tokio::time::timeout(LIMIT, text(client, request)).await {
        Err(_) => unknown(&format!(
            "Prometheus does not answer within {} s",
            LIMIT.as_secs()
        )),
        Ok(Err(error)) => unknown(&format!("Prometheus: {error:#}")),
        Ok(Ok(text)) => read(&text),
    }
}

async fn text(client: &Client, request: Request<Vec<u8>>) -> Result<String> {
    let response = client.send(request.map(Body::from)).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("its answer {status}: {error}"))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if !status.is_success() {
        let first: String = text.chars().take(200).collect();
        bail!("it answers {status}: {}", first.trim());
    }
    Ok(text)
}

/// What an answer says.
fn read(text: &str) -> Alerts {
    match serde_json::from_str::<Answer>(text) {
        Ok(answer) => {
            let alerts = answer.data.alerts.into_iter();
            let firing = alerts.filter(|alert| alert.state == "firing");
            Alerts::Firing(firing.map(|alert| alert.labels).collect())
        }
        Err(error) => unknown(&format!("Prometheus answers what cannot be read: {error}")),
    }
}

fn unknown(why: &str) -> Alerts {
    tracing::debug!(why, "no alert can be ruled out");
    Alerts::Unknown {
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fires_counts() {
        let text = r#"{"status": "success", "data": {"alerts": [
            {"labels": {"alertname": "A", "severity": "page"}, "annotations": {}, "state": "firing",
             "activeAt": "2026-03-02T12:00:00Z", "value": "1e+00"},
            {"labels": {"alertname": "B"}, "annotations": {}, "state": "pending"}]}}"#;
        let Alerts::Firing(firing) = read(text) else {
            panic!("not read");
        };
        assert_eq!(firing.len(), 1);
        assert_eq!(firing[0]["alertname"], "A");
    }

    #[test]
    fn the_same_is_no_news() {
        let latest = Mutex::new(unknown("not asked"));
        let fires = || Alerts::Firing(vec![BTreeMap::from([("a".to_owned(), "b".to_owned())])]);
        assert!(is_new(&latest, fires()));
        assert!(!is_new(&latest, fires()));
        assert!(is_new(&latest, Alerts::Firing(Vec::new())));
    }

    #[test]
    fn what_cannot_be_read_rules_nothing_out() {
        for text in ["", "<html>", r#"{"status": "error"}"#, r#"{"data": {}}"#] {
            assert!(matches!(read(text), Alerts::Unknown { .. }), "{text}");
        }
    }
}
