//! A logind for tests: a real `dbus-daemon` of its own, and on it an object with logind's name that
//! answers as the test says.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::oneshot;

/// `(what, who, why, mode, uid, pid)`
pub type Row = (String, String, String, String, u32, u32);

/// What it does when it is asked to reboot.
#[derive(Clone, Copy)]
pub enum Reply {
    /// Takes it and is shutting down from then on.
    Take,
    /// Says yes and does nothing.
    TakeAndForget,
    /// Says no.
    Refuse,
    /// Does not answer.
    Hang,
}

/// What it says, and what it was asked.
pub struct Script {
    pub inhibitors: Vec<Row>,
    pub can_reboot: &'static str,
    pub reply: Reply,
    pub is_preparing: bool,
    /// Every `ListInhibitors` after so many takes so long.
    pub slow_after: (usize, Duration),
    pub calls: Vec<&'static str>,
}

/// The daemon and the object; both end with it.
pub struct Logind {
    dir: TempDir,
    daemon: Child,
    script: Arc<Mutex<Script>>,
    stop: Option<oneshot::Sender<()>>,
    object: Option<thread::JoinHandle<()>>,
}

struct Manager(Arc<Mutex<Script>>);

/// Whether the daemon is installed. The reason goes where that of the rig goes.
pub fn lacking() -> bool {
    if super::rig::lacking() {
        return true;
    }
    if Command::new("dbus-daemon")
        .arg("--version")
        .output()
        .is_ok()
    {
        return false;
    }
    let why = "skipped: a system bus of the test's own takes dbus-daemon (Debian: dbus-daemon)";
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("{why}");
    true
}

pub fn inhibitor(what: &str, who: &str, why: &str, mode: &str) -> Row {
    let text = str::to_owned;
    (text(what), text(who), text(why), text(mode), 0, 4_711)
}

impl Logind {
    /// One that would reboot; the kubelet delays, as it does.
    pub fn new() -> Self {
        let mut logind = Self::bus_alone();
        let (stop, stopped) = oneshot::channel();
        let (address, script) = (logind.address(), Arc::clone(&logind.script));
        let (ready, is_ready) = std::sync::mpsc::channel();
        logind.stop = Some(stop);
        logind.object = Some(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let _connection = zbus::connection::Builder::address(address.as_str())
                    .serve_at("/org/freedesktop/login1", Manager(script))
                    .name("org.freedesktop.login1")
                    .build()
                    .await
                    .unwrap();
                ready.send(()).unwrap();
                let _ = stopped.await;
            });
        }));
        is_ready.recv_timeout(Duration::from_secs(20)).unwrap();
        logind
    }

    /// A bus on which there is no logind.
    pub fn bus_alone() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("system_bus_socket");
        let config = dir.path().join("bus.conf");
        fs::write(
            &config,
            format!(
                "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
                 <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\
                 <allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy>\
                 </busconfig>",
                socket.display()
            ),
        )
        .unwrap();
        let daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "no bus");
            thread::sleep(Duration::from_millis(5));
        }
        let script = Script {
            inhibitors: vec![inhibitor("shutdown", "kubelet", "pods", "delay")],
            can_reboot: "yes",
            reply: Reply::Take,
            is_preparing: false,
            slow_after: (usize::MAX, Duration::ZERO),
            calls: Vec::new(),
        };
        Self {
            dir,
            daemon,
            script: Arc::new(Mutex::new(script)),
            stop: None,
            object: None,
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("system_bus_socket")
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// How often it was asked for `call`.
    pub fn count(&self, call: &str) -> usize {
        self.script().calls.iter().filter(|c| **c == call).count()
    }

    pub fn wait_for(&self, call: &str, count: usize) {
        let started = Instant::now();
        while self.count(call) < count {
            assert!(started.elapsed() < Duration::from_secs(30), "{call}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The daemon with all its connections, gone.
    pub fn kill_the_bus(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Drop for Logind {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(object) = self.object.take() {
            let _ = object.join();
        }
        self.kill_the_bus();
    }
}

impl Manager {
    fn note(&self, call: &'static str) -> MutexGuard<'_, Script> {
        let mut script = self.0.lock().unwrap();
        script.calls.push(call);
        script
    }
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    async fn list_inhibitors(&self) -> Vec<Row> {
        let pause = {
            let script = self.note("ListInhibitors");
            let lists = script.calls.iter().filter(|c| **c == "ListInhibitors");
            let is_slow = lists.count() > script.slow_after.0;
            is_slow.then_some(script.slow_after.1)
        };
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        self.0.lock().unwrap().inhibitors.clone()
    }

    fn can_reboot(&self) -> &'static str {
        self.note("CanReboot").can_reboot
    }

    async fn reboot(&self, interactive: bool) -> zbus::fdo::Result<()> {
        assert!(!interactive);
        let reply = self.note("Reboot").reply;
        match reply {
            Reply::Take => self.0.lock().unwrap().is_preparing = true,
            Reply::TakeAndForget => {}
            Reply::Refuse => {
                let why = "There's already a shutdown or sleep operation in progress".to_owned();
                return Err(zbus::fdo::Error::Failed(why));
            }
            Reply::Hang => std::future::pending().await,
        }
        Ok(())
    }

    #[zbus(property)]
    fn preparing_for_shutdown(&self) -> bool {
        self.note("PreparingForShutdown").is_preparing
    }
}

/// A bus that takes connections and says nothing.
pub fn silent_bus(path: &Path) -> std::os::unix::net::UnixListener {
    std::os::unix::net::UnixListener::bind(path).unwrap()
}
