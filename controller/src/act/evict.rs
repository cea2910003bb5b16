//! One eviction or deletion of one pod, and never of another one of its name.
//!
//! kube's own `Api::evict` sends `delete_options`, which the API server does not
//! know: UID and grace period would be ignored.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use kube::client::Body;
use kube::core::Request;
use kube::{Client, Resource};
use unstall_decide::drain::Do;
use unstall_decide::{EvictionAnswer, PodRef, Said};

use super::actor::params;
use super::evict_answer::{Answer, answer};
use crate::machine;

/// An admission webhook may take 30 s until the API server gives it up. What it
/// says then is worth more than that nobody answered, so this is a little longer.
pub const LIMIT: Duration = Duration::from_secs(35);

/// What is read of an answer at most. A refusal is some hundred bytes; a deleted
/// pod may be large, and is not looked at.
const BODY: usize = 64 * 1024;

/// Makes the call, once: whoever decided on it looks before the next one.
pub async fn carry_out(client: &Client, call: &Do) -> EvictionAnswer {
    match call {
        Do::Evict { pod, grace } => evict(client, pod, *grace).await,
        Do::Delete { pod, grace } => delete(client, pod, *grace).await,
    }
}

/// Asks the API server to evict `pod`; no grace period means the pod's own.
pub async fn evict(client: &Client, pod: &PodRef, grace: Option<i64>) -> EvictionAnswer {
    tracing::info!(pod = path(pod), uid = pod.uid, grace, "evicting");
    let eviction = Eviction {
        metadata: ObjectMeta {
            namespace: Some(pod.namespace.clone()),
            name: Some(pod.name.clone()),
            ..ObjectMeta::default()
        },
        delete_options: Some(options(pod, grace)),
    };
    let request = serde_json::to_vec(&eviction)
        .map_err(|error| error.to_string())
        .and_then(|body| {
            requests(pod)
                .create_subresource("eviction", &pod.name, &params(), body)
                .map_err(|error| error.to_string())
        });
    ask(client, pod, request).await
}

/// Deletes `pod`, past its `PodDisruptionBudget`; no grace period means the
/// pod's own.
pub async fn delete(client: &Client, pod: &PodRef, grace: Option<i64>) -> EvictionAnswer {
    tracing::info!(pod = path(pod), uid = pod.uid, grace, "deleting");
    let request = serde_json::to_vec(&options(pod, grace))
        .map_err(|error| error.to_string())
        .and_then(|body| {
            let request = requests(pod).delete(&pod.name, &Default::default());
            let request = request.map_err(|error| error.to_string())?;
            Ok(request.map(|_| body))
        });
    ask(client, pod, request).await
}

fn requests(pod: &PodRef) -> Request {
    Request::new(Pod::url_path(&(), Some(&pod.namespace)))
}

fn path(pod: &PodRef) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// The pod of this UID alone, and never without grace.
fn options(pod: &PodRef, grace: Option<i64>) -> DeleteOptions {
    DeleteOptions {
        grace_period_seconds: grace.map(|grace| grace.max(1)),
        preconditions: Some(Preconditions {
            uid: Some(pod.uid.clone()),
            resource_version: None,
        }),
        ..DeleteOptions::default()
    }
}

async fn ask(
    client: &Client,
    pod: &PodRef,
    request: Result<http::Request<Vec<u8>>, String>,
) -> EvictionAnswer {
    let Answer {
        said,
        message,
        budget,
    } = match request {
        // Without a UID there is no telling which pod is meant.
        Ok(_) if pod.uid.is_empty() => Answer::plain(Said::Refused, "the pod has no UID"),
        Ok(request) => match tokio::time::timeout(LIMIT, exchange(client, request)).await {
            Ok(Ok((code, body))) => answer(code, &body),
            Ok(Err(error)) => Answer::plain(Said::Unknown, &error),
            Err(_) => {
                let text = format!("no answer in {} s", LIMIT.as_secs());
                Answer::plain(Said::Unknown, &text)
            }
        },
        Err(error) => Answer::plain(Said::Refused, &format!("no request can be made: {error}")),
    };
    tracing::info!(
        pod = path(pod),
        uid = pod.uid,
        ?said,
        text = message,
        "answered"
    );
    EvictionAnswer {
        at: machine::now(),
        said,
        message,
        budget,
        asked_again: None,
    }
}

/// Status code and body of the answer.
async fn exchange(
    client: &Client,
    request: http::Request<Vec<u8>>,
) -> Result<(u16, Vec<u8>), String> {
    let response = client.send(request.map(Body::from)).await;
    let response = response.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
    let code = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY).collect().await;
    match body {
        Ok(body) => Ok((code, body.to_bytes().to_vec())),
        // The code alone says enough where it says yes.
        Err(_) if response_is_success(code) => Ok((code, Vec::new())),
        Err(error) => Err(format!("the answer {code} broke off: {error}")),
    }
}

const fn response_is_success(code: u16) -> bool {
    matches!(code, 200..=299)
}
