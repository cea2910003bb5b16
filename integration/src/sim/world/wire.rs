//! The way of a process to the API server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::mpsc::UnboundedReceiver;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::Value;
use tower::Service;

use super::Sim;
use super::request::Way;
use crate::sim::api::reply::Reply;
use crate::sim::api::route::Call;

/// A line of a watch on its way.
pub type Line = Result<Frame<Bytes>, Infallible>;
type Answer = Either<Full<Bytes>, StreamBody<UnboundedReceiver<Line>>>;

/// The wire of one process.
#[derive(Clone)]
pub struct Wire {
    pub sim: Arc<Sim>,
    pub process: usize,
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Answer>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { sim, process } = self.clone();
        let (parts, body) = request.into_parts();
        let call = Call::of(&parts);
        // It is asked for now. What follows waits where the process is stopped, as what a
        // process has just asked its kernel for does.
        if let Some(call) = &call {
            sim.with(|world| world.law_asked(process, call));
        }
        Box::pin(async move {
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            if let Some(reply) = sim.with(|world| world.beside(process, parts.uri.path())) {
                return plain(&reply.ok_or_else(reset)?);
            }
            let Some(call) = call else {
                let text = format!("{} {} is not played", parts.method, parts.uri);
                return plain(&Reply::not_found(&text));
            };
            let body: Value = if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body)?
            };
            match sim.with(|world| world.ask(process, call, body)) {
                Way::Answered(answer) => {
                    // A sender that is gone is a connection that was.
                    let reply = answer.await.map_err(|_| reset())?;
                    plain(&reply)
                }
                Way::Watching(lines) => response(200, Either::Right(StreamBody::new(lines))),
            }
        })
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection broke")
}

fn plain(reply: &Reply) -> io::Result<Response<Answer>> {
    response(reply.code, Either::Left(Full::new(reply.body.clone())))
}

fn response(code: u16, body: Answer) -> io::Result<Response<Answer>> {
    let built = Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, "application/json");
    built.body(body).map_err(io::Error::other)
}
