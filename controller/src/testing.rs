//! What tests share.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use unstall_decide::Snapshot;

use crate::lead::lease::Terms;

/// A cluster in which much is going on.
pub const CLUSTER: &str = include_str!("../tests/data/cluster.yaml");

/// The same, read.
pub fn cluster() -> Snapshot {
    crate::simulate::read(CLUSTER).unwrap()
}

/// What an API server is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    /// What is written; null with a read.
    pub body: Value,
}

/// A client of an API server that answers so; its watches tell nothing.
pub fn served<F>(answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Client
where
    F: Future<Output = (u16, Value)> + Send + 'static,
{
    let answer = Arc::new(answer);
    let server = tower::service_fn(move |request: Request<Body>| {
        let answer = Arc::clone(&answer);
        async move {
            let (of, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let asked = Asked {
                method: of.method,
                path: of.uri.path().to_owned(),
                query: of.uri.query().unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            let is_watch = asked.query.contains("watch=");
            let (code, told) = answer(asked).await;
            let silence = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
            let body = match is_watch && code == 200 {
                true => StreamBody::new(silence).boxed_unsync(),
                false => Full::from(told.to_string()).boxed_unsync(),
            };
            let answer = Response::builder().status(code).body(body).unwrap();
            Ok::<_, Infallible>(answer)
        }
    });
    Client::new(server, "default")
}

/// What an API server says of a call that it refuses.
pub fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})
}

/// What the API server of an empty cluster answers: what is written stays.
pub fn empty(asked: &Asked) -> (u16, Value) {
    let is_list = asked.query.contains("limit=") || asked.query.contains("watch=");
    match (asked.method.clone(), is_list) {
        (Method::GET, true) => (
            200,
            json!({"metadata": {"resourceVersion": "7"}, "items": []}),
        ),
        (Method::GET, false) => (404, refusal(404, "NotFound", "not here")),
        _ => (200, asked.body.clone()),
    }
}

/// The terms of a lease by default.
pub const fn terms() -> Terms {
    Terms {
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_secs(2),
    }
}
