//! A wire between a controller and the API server that can be cut: nothing comes
//! through, nothing is refused, and what was on its way arrives once it is mended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::Kubeconfig;

/// How often it is looked whether the wire is whole.
const LOOK: Duration = Duration::from_millis(20);

/// A wire; its threads end with the process.
#[derive(Debug)]
pub struct Wire {
    is_cut: Arc<AtomicBool>,
    kubeconfig: PathBuf,
}

impl Wire {
    /// Lays one to the API server of `kubeconfig`; one that goes through it is
    /// written into `dir`.
    ///
    /// # Errors
    /// When `kubeconfig` names no server, or no port is free.
    pub fn to(kubeconfig: &Path, dir: &Path, name: &str) -> Result<Self> {
        let text = std::fs::read_to_string(kubeconfig)?;
        let config = Kubeconfig::from_yaml(&text)?;
        let cluster = config.clusters.first().and_then(|it| it.cluster.as_ref());
        let server = cluster.and_then(|it| it.server.clone());
        let server = server.context("the kubeconfig names no server")?;
        let upstream = server.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let own = dir.join(format!("{name}.kubeconfig"));
        let through = listener.local_addr()?.to_string();
        std::fs::write(&own, text.replace(&upstream, &through))?;
        let wire = Self {
            is_cut: Arc::default(),
            kubeconfig: own,
        };
        let is_cut = Arc::clone(&wire.is_cut);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Where the API server is gone, its clients see that.
                let _ = join(near, &upstream, &is_cut);
            }
        });
        Ok(wire)
    }

    /// By which the API server is reached through it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

fn join(near: TcpStream, upstream: &str, is_cut: &Arc<AtomicBool>) -> std::io::Result<()> {
    let far = TcpStream::connect(upstream)?;
    let ends = [
        (near.try_clone()?, far.try_clone()?),
        (far.try_clone()?, near.try_clone()?),
    ];
    for (from, to) in ends {
        let is_cut = Arc::clone(is_cut);
        // A connection that breaks is the two ends' business.
        std::thread::spawn(move || drop(carry(from, to, &is_cut)));
    }
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) -> std::io::Result<()> {
    from.set_read_timeout(Some(LOOK))?;
    let mut buffer = [0; 16_384];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        while is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            return to.shutdown(Shutdown::Write);
        };
        to.write_all(read)?;
    }
}
