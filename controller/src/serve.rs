//! `/metrics`, `/livez` and `/readyz` over plain HTTP.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::lead::lease::Terms;
use crate::metrics::Metrics;

/// OpenMetrics 1.0, which Prometheus reads since 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Connections beyond it wait: scrapers are few.
const CONNECTIONS: usize = 16;
/// One that says nothing for longer is closed.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// A whole connection, with all its requests.
const CONNECTION_WITHIN: Duration = Duration::from_secs(60);

/// A loop that did not turn for longer hangs: no call may take half of it.
const LIVES_FOR: Duration = Duration::from_secs(60);
/// What a standby may take beside a look at the lease and the pause after it.
const SPARE: Duration = Duration::from_secs(10);

/// How the process is, as its loop says.
#[derive(Debug)]
pub struct Health {
    /// For how long the loop may not turn.
    lives_for: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    turned: Instant,
    /// What is missing before it is ready.
    missing: Option<String>,
}

impl Health {
    /// Alive, and not ready yet; `terms` are those of the lease that it looks at.
    #[must_use]
    pub fn new(terms: Terms) -> Arc<Self> {
        let state = State {
            turned: Instant::now(),
            missing: Some("starting".to_owned()),
        };
        Arc::new(Self {
            lives_for: lives_for(terms),
            state: Mutex::new(state),
        })
    }

    /// The loop turned, or did one thing of many.
    pub fn turned(&self) {
        self.with(|state| state.turned = Instant::now());
    }

    /// It does its work: as the leader, or as a standby that could lead.
    pub fn is_ready(&self) {
        self.with(|state| state.missing = None);
    }

    /// It does not, and why.
    pub fn is_not_ready(&self, why: &str) {
        self.with(|state| state.missing = Some(why.to_owned()));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the loop turns.
    ///
    /// # Errors
    /// For how long it has not.
    pub fn live(&self) -> Result<(), String> {
        let idle = self.with(|state| state.turned.elapsed());
        if idle <= self.lives_for {
            return Ok(());
        }
        Err(format!("the loop has not turned for {} s", idle.as_secs()))
    }

    fn ready(&self) -> Result<(), String> {
        self.with(|state| state.missing.clone().map_or(Ok(()), Err))
    }
}

/// A standby turns once a look: its calls take as long as a renewal may, and a pause of up
/// to a fifth more than asked for follows.
fn lives_for(terms: Terms) -> Duration {
    LIVES_FOR.max(terms.renew_deadline + terms.retry * 6 / 5 + SPARE)
}

/// Takes the address. Every address of IPv6 is every one of IPv4 too, on a kernel without
/// IPv6 only those.
///
/// # Errors
/// When it cannot be had.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let mut listener = TcpListener::bind(address).await;
    let is_taken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    if address.ip() == Ipv6Addr::UNSPECIFIED && listener.as_ref().is_err_and(|it| !is_taken(it)) {
        listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await;
    }
    listener.with_context(|| format!("cannot listen on {address} (--listen)"))
}

/// Answers until the process ends.
pub async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (health, metrics) = (Arc::clone(&health), Arc::clone(&metrics));
        tokio::spawn(async move {
            // Whoever hangs up early has no answer to wait for.
            let _ =
                tokio::time::timeout(CONNECTION_WITHIN, connection(stream, health, metrics)).await;
            drop(permit);
        });
    }
}

async fn connection(
    stream: TcpStream,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &health, &metrics);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(
    method: &Method,
    path: &str,
    health: &Health,
    metrics: &Metrics,
) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let only = "only GET is answered\n".to_owned();
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, only);
    }
    let said = match path {
        "/metrics" => return response(StatusCode::OK, OPEN_METRICS, metrics.render()),
        "/livez" => health.live(),
        "/readyz" => health.ready(),
        _ => {
            let known = "not here: /metrics, /livez and /readyz are\n".to_owned();
            return response(StatusCode::NOT_FOUND, PLAIN, known);
        }
    };
    match said {
        Ok(()) => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
        Err(why) => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
    }
}

fn response(status: StatusCode, content: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::metrics::Calls;
    use crate::testing::terms;

    /// What a server of this health answers.
    async fn get(health: &Arc<Health>, request: &str) -> String {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(&Calls::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(health), metrics));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        server.abort();
        text
    }

    #[tokio::test]
    async fn each_page_is_answered() {
        let health = Health::new(terms());
        let metrics = get(&health, "GET /metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
        assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"));
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        let live = get(&health, "GET /livez").await;
        assert!(live.starts_with("HTTP/1.1 200"), "{live}");
        assert!(live.ends_with("\r\n\r\nok\n"), "{live}");
    }

    #[tokio::test]
    async fn it_is_ready_when_its_loop_says_so() {
        let health = Health::new(terms());
        let starting = get(&health, "GET /readyz").await;
        assert!(starting.starts_with("HTTP/1.1 503"), "{starting}");
        assert!(starting.ends_with("\r\n\r\nstarting\n"), "{starting}");
        health.is_ready();
        assert!(
            get(&health, "GET /readyz")
                .await
                .starts_with("HTTP/1.1 200")
        );
        health.is_not_ready("the lease cannot be read");
        let lost = get(&health, "GET /readyz").await;
        assert!(lost.ends_with("the lease cannot be read\n"), "{lost}");
    }

    #[tokio::test]
    async fn a_loop_that_hangs_is_not_alive() {
        let health = Health::new(terms());
        health.with(|state| state.turned -= LIVES_FOR + Duration::from_secs(3));
        let hangs = get(&health, "GET /livez").await;
        assert!(hangs.starts_with("HTTP/1.1 503"), "{hangs}");
        assert!(
            hangs.ends_with("the loop has not turned for 63 s\n"),
            "{hangs}"
        );
        health.turned();
        assert!(get(&health, "GET /livez").await.starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn a_standby_may_look_for_as_long_as_its_lease_says() {
        assert_eq!(lives_for(terms()), LIVES_FOR);
        let longest = Terms {
            duration: Duration::from_secs(300),
            renew_deadline: Duration::from_secs(225),
            retry: Duration::from_secs(60),
        };
        assert_eq!(lives_for(longest).as_secs(), 225 + 72 + 10);
    }

    #[tokio::test]
    async fn other_requests_are_told_what_there_is() {
        let health = Health::new(terms());
        let lost = get(&health, "GET /").await;
        assert!(lost.starts_with("HTTP/1.1 404"), "{lost}");
        assert!(lost.contains("/metrics, /livez and /readyz"));
        let post = get(&health, "POST /metrics").await;
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    }

    #[tokio::test]
    async fn every_address_is_one_of_ipv4_too() {
        let listener = listen("[::]:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let v4 = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        assert!(v4.is_ok(), "{v4:?}");
        // Where the kernel has it.
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
            let v6 = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await;
            assert!(v6.is_ok(), "{v6:?}");
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let first = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let why = format!("{:#}", listen(address).await.unwrap_err());
        assert!(why.contains(&address.to_string()), "{why}");
        assert!(why.contains("--listen"), "{why}");
    }
}
