//! The client of the API server.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::client::ClientBuilder;
use kube::{Client, Config};

use crate::metrics::Calls;

/// A call that takes longer than this has failed; watches have their own limit.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// A connection that tells nothing for longer than this is given up. The API server
/// ends a watch by itself after 290 s, as the watcher asks; one whose server is gone
/// would be waited for for ever.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(310);

/// A client that does not retry by itself: kube's default would repeat a write
/// up to 15 times behind our back. The next pass of the loop is the retry, and
/// it looks first. Every call of it is counted in `calls`.
///
/// # Errors
/// When there is neither an in-cluster configuration nor a kubeconfig.
pub async fn connect(calls: &Calls) -> Result<Client> {
    let config = Config::infer().await.context(
        "no way to the API server: run in a pod with a service account, or set KUBECONFIG",
    )?;
    counted(config, calls)
}

/// The same of any configuration, counting nowhere.
///
/// # Errors
/// When no client can be made of it.
pub fn with(config: Config) -> Result<Client> {
    counted(config, &Calls::default())
}

fn counted(mut config: Config, calls: &Calls) -> Result<Client> {
    config.default_retry = false;
    config.connect_timeout = Some(CALL_LIMIT);
    config.write_timeout = Some(CALL_LIMIT);
    config.read_timeout = Some(SILENCE_LIMIT);
    let builder =
        ClientBuilder::try_from(config).context("cannot make a client for the API server")?;
    Ok(builder.with_layer(calls).build())
}

/// Bounds one call.
///
/// # Errors
/// What the call returns, or that it took too long.
pub async fn bounded<T>(
    what: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.with_context(|| what.to_owned()),
        Err(_) => anyhow::bail!("{what}: no answer in {} s", CALL_LIMIT.as_secs()),
    }
}
