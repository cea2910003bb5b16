//! `/metrics`, `/healthz` and `/readyz` over plain HTTP.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::log;

/// OpenMetrics 1.0, which Prometheus reads since 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Connections beyond it wait: scrapers are few.
const CONNECTIONS: usize = 16;
/// One that says nothing for longer is closed.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// A whole connection, with all its requests.
const CONNECTION_WITHIN: Duration = Duration::from_secs(60);

/// A page that the probe's loop is asked for; that it answers is what shows
/// that it lives.
#[derive(Debug)]
pub enum Page {
    /// All metrics.
    Metrics(oneshot::Sender<String>),
    /// What is missing before its word counts; nothing when it is ready.
    Ready(oneshot::Sender<Result<(), String>>),
    /// Whether it answers at all.
    Health(oneshot::Sender<()>),
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port on every address, of both families where there are both.
    Every(u16),
    /// One address.
    One(SocketAddr),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.strip_prefix(':') {
            Some(port) => port.parse().ok().map(Self::Every),
            None => text.parse().ok().map(Self::One),
        };
        address.ok_or_else(|| {
            format!("{text} is no address: write :9469 for every address, or 127.0.0.1:9469")
        })
    }
}

/// Takes the address.
///
/// # Errors
/// A sentence that names it.
pub async fn listen(address: Address) -> Result<TcpListener, String> {
    let (first, second) = match address {
        // Linux gives IPv4 to the unspecified address of IPv6 too, but there are
        // kernels without IPv6.
        Address::Every(port) => (
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        ),
        Address::One(address) => (address, None),
    };
    let failed = |error| format!("cannot listen on {first} (--listen): {error}");
    match (TcpListener::bind(first).await, second) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), Some(second)) if error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind(second).await.map_err(failed)
        }
        (Err(error), _) => Err(failed(error)),
    }
}

/// Answers until the probe ends.
pub async fn serve(listener: TcpListener, pages: mpsc::Sender<Page>) {
    let free = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = std::sync::Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::warn("cannot take a connection", &[("error", &error)]);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let pages = pages.clone();
        tokio::spawn(async move {
            // Whoever hangs up early has no answer to wait for.
            let _ = tokio::time::timeout(CONNECTION_WITHIN, connection(stream, pages)).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, pages: mpsc::Sender<Page>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let pages = pages.clone();
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &pages).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(method: &Method, path: &str, pages: &mpsc::Sender<Page>) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return response(
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "only GET is answered\n".to_owned(),
        );
    }
    let gone = || {
        response(
            StatusCode::SERVICE_UNAVAILABLE,
            PLAIN,
            "the probe is ending\n".to_owned(),
        )
    };
    match path {
        "/metrics" => ask(pages, Page::Metrics)
            .await
            .map_or_else(gone, |text| response(StatusCode::OK, OPEN_METRICS, text)),
        "/healthz" => ask(pages, Page::Health).await.map_or_else(gone, |()| {
            response(StatusCode::OK, PLAIN, "ok\n".to_owned())
        }),
        "/readyz" => ask(pages, Page::Ready)
            .await
            .map_or_else(gone, |ready| match ready {
                Ok(()) => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
                Err(why) => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
            }),
        _ => {
            let known = "not here: /metrics, /healthz and /readyz are\n".to_owned();
            response(StatusCode::NOT_FOUND, PLAIN, known)
        }
    }
}

async fn ask<T>(
    pages: &mpsc::Sender<Page>,
    page: impl FnOnce(oneshot::Sender<T>) -> Page,
) -> Option<T> {
    let (send, receive) = oneshot::channel();
    pages.send(page(send)).await.ok()?;
    receive.await.ok()
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

    /// What a server whose probe is `ready` answers.
    async fn get(request: &str, ready: Result<(), &'static str>) -> String {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, mut asked) = mpsc::channel(1);
        tokio::spawn(serve(listener, pages));
        tokio::spawn(async move {
            while let Some(page) = asked.recv().await {
                match page {
                    Page::Metrics(answer) => drop(answer.send("# EOF\n".to_owned())),
                    Page::Ready(answer) => drop(answer.send(ready.map_err(str::to_owned))),
                    Page::Health(answer) => drop(answer.send(())),
                }
            }
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn each_page_is_answered() {
        let metrics = get("GET /metrics", Ok(())).await;
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
        assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"));
        assert!(metrics.ends_with("\r\n\r\n# EOF\n"));
        assert!(
            get("GET /healthz", Err("no"))
                .await
                .ends_with("\r\n\r\nok\n")
        );
        assert!(get("GET /readyz", Ok(())).await.starts_with("HTTP/1.1 200"));
        let unready = get("GET /readyz", Err("no NodeHealth yet")).await;
        assert!(unready.starts_with("HTTP/1.1 503"), "{unready}");
        assert!(unready.ends_with("no NodeHealth yet\n"));
    }

    #[tokio::test]
    async fn other_requests_are_told_what_there_is() {
        let lost = get("GET /", Ok(())).await;
        assert!(lost.starts_with("HTTP/1.1 404"), "{lost}");
        assert!(lost.contains("/metrics, /healthz and /readyz"));
        let post = get("POST /metrics", Ok(())).await;
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
        let odd = get("\u{1}\u{2}", Ok(())).await;
        assert!(odd.starts_with("HTTP/1.1 400"), "{odd}");
    }

    #[tokio::test]
    async fn a_port_alone_is_every_address() {
        let listener = listen(":0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        );
        for bad in ["9469", ":", ":99999", "localhost:9469", ""] {
            let why = bad.parse::<Address>().unwrap_err();
            assert!(why.contains(":9469 for every address"), "{bad}: {why}");
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let first = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let why = listen(Address::One(address)).await.unwrap_err();
        assert!(why.contains(&address.to_string()), "{why}");
        assert!(why.contains("--listen"), "{why}");
    }
}
