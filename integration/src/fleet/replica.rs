//! A controller that runs as a process.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How a replica is started.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    /// Its name, by which the lease knows it.
    pub name: String,
    /// The controller's program.
    pub program: PathBuf,
    /// How it reaches the API server.
    pub kubeconfig: PathBuf,
    /// The key that it signs with.
    pub key: PathBuf,
    /// Where its log goes.
    pub log: PathBuf,
    /// What else it is told.
    pub args: Vec<String>,
}

/// A controller; it is killed with this value.
#[derive(Debug)]
pub struct Replica {
    child: Child,
    log: PathBuf,
}

impl Replica {
    /// Starts one.
    ///
    /// # Errors
    /// When its program cannot be run.
    pub fn start(options: &ReplicaOptions) -> Result<Self> {
        let log = File::create(&options.log)?;
        let child = Command::new(&options.program)
            .arg("run")
            .arg("--signing-key")
            .arg(&options.key)
            .args(["--identity", &options.name, "--namespace", "unstall-system"])
            // A port that was free a moment ago may be a connection's by now.
            .args(["--listen", "127.0.0.1:0"])
            .args(&options.args)
            .env("KUBECONFIG", &options.kubeconfig)
            // As in its image, which holds no certificates.
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", options.program.display()))?;
        Ok(Self {
            child,
            log: options.log.clone(),
        })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }

    /// Its exit code, once it has ended; nothing else where a signal ended it.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn ended(&mut self) -> Result<Option<Option<i32>>> {
        Ok(self.child.try_wait()?.map(|status| status.code()))
    }

    /// Where it listens, as its log says.
    fn address(&self) -> Result<String> {
        let log = std::fs::read_to_string(&self.log)?;
        let said = log.lines().find_map(|line| {
            let rest = line.split_once("serving /metrics")?.1;
            let address = rest.split_once("address=")?.1;
            address.split_whitespace().next().map(ToOwned::to_owned)
        });
        said.with_context(|| format!("{}: nothing of an address", self.log.display()))
    }

    /// A page of its own.
    ///
    /// # Errors
    /// When it has not said where it listens, or does not answer in 5 s.
    pub fn page(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address()?)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let head = "HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n";
        write!(stream, "GET {path} {head}")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// The sum of a metric's samples whose labels hold all of `labels`.
    ///
    /// # Errors
    /// As [`Replica::page`].
    pub fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let page = self.page("/metrics")?;
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        Ok(samples.filter_map(value).sum())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // A frozen process is killed all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
