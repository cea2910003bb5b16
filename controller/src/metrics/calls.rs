//! Every call to the API server, counted where it leaves and comes back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tower::{Layer, Service};

use super::labels::{Call, CallOf};
use super::route::{Route, route};

/// From 1 ms by a factor of two to 33 s, more than any call may take.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(1e-3, 2.0, 16))
}

/// Counts calls by verb, resource and answer. A layer of the client.
#[derive(Debug, Clone)]
pub struct Calls {
    /// How many ended how.
    pub(super) count: Family<Call, Counter>,
    /// How long the API server took to begin its answer; watches are not in it.
    pub(super) seconds: Family<CallOf, Histogram, fn() -> Histogram>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            count: Family::default(),
            seconds: Family::new_with_constructor(durations),
        }
    }
}

impl<S> Layer<S> for Calls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            calls: self.clone(),
        }
    }
}

/// A client whose calls are counted.
pub struct Counted<S> {
    inner: S,
    calls: Calls,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<A>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let uri = request.uri();
        let route = route(request.method().as_str(), uri.path(), uri.query());
        let open = Open {
            calls: self.calls.clone(),
            route,
            began: Instant::now(),
            answer: None,
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            open.ends(answer.as_ref().map(Response::status).map_err(|_| ()));
            answer
        })
    }
}

/// A call that is under way. However it ends it is counted, also when nobody waits
/// for it any more.
struct Open {
    calls: Calls,
    route: Route,
    began: Instant,
    answer: Option<Result<http::StatusCode, ()>>,
}

impl Open {
    /// Remembers the answer, and counts it with the call's end.
    fn ends(mut self, answer: Result<http::StatusCode, ()>) {
        self.answer = Some(answer);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Route { verb, resource } = self.route;
        let code = match self.answer {
            Some(Ok(status)) => status.as_str().to_owned(),
            Some(Err(())) => "error".to_owned(),
            None => "abandoned".to_owned(),
        };
        let call = Call {
            verb,
            resource,
            code,
        };
        self.calls.count.get_or_create(&call).inc();
        if verb != "watch" {
            let seconds = self.calls.seconds.get_or_create(&CallOf { verb, resource });
            seconds.observe(self.began.elapsed().as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn request() -> Request<()> {
        Request::get("/api/v1/nodes/n1").body(()).unwrap()
    }

    fn counted(calls: &Calls, code: &str) -> u64 {
        let call = Call {
            verb: "get",
            resource: "nodes",
            code: code.to_owned(),
        };
        calls.count.get_or_create(&call).get()
    }

    #[tokio::test]
    async fn answers_failures_and_what_nobody_waits_for_are_counted() {
        let calls = Calls::default();
        let answers = tower::service_fn(|_: Request<()>| async {
            let mut answer = Response::new(());
            *answer.status_mut() = http::StatusCode::NOT_FOUND;
            Ok::<_, Infallible>(answer)
        });
        calls.layer(answers).call(request()).await.unwrap();
        let breaks = tower::service_fn(|_: Request<()>| async { Err::<Response<()>, _>("broken") });
        calls.layer(breaks).call(request()).await.unwrap_err();
        let hangs =
            tower::service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, ()>>());
        let call = calls.layer(hangs).call(request());
        let limit = std::time::Duration::from_millis(1);
        tokio::time::timeout(limit, call).await.unwrap_err();
        for code in ["404", "error", "abandoned"] {
            assert_eq!(counted(&calls, code), 1, "{code}");
        }
        assert_eq!(counted(&calls, "200"), 0);
    }
}
