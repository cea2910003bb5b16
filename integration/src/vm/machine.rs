//! One virtual machine, from its first boot to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::agent::{Agent, Message, Ran};
use super::command::{run, tail};
use super::files::Files;
use super::kernel::{Kernel, KernelFiles};
use super::monitor;
use super::options::{Cgroups, System, VmOptions};
use super::place::Place;
use super::process::Process;
use super::qemu::{self, Layout};
use super::{initramfs, root_disk};

const AGENT: &str = include_str!("../../data/vm/agent.sh");
const AGENT_UNIT: &str = include_str!("../../data/vm/agent.service");

/// Busybox is up in 3 s and systemd in 10 s on two idle CPUs; with ten others on
/// each of them systemd took 250 s.
const BOOT_WITHIN: Duration = Duration::from_secs(600);
/// Units that have no work there and take seconds of each boot.
const MASKED: [&str; 9] = [
    "e2scrub_reap.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
];
/// For a command whose caller names no time.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// What the way to the machine and back may add to a command's own time.
const GRACE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For copying and formatting disks.
const DISK_WITHIN: Duration = Duration::from_secs(120);
/// Sparse.
const DATA_DISK: &str = "512M";
/// How a kernel's last words begin.
const PANIC: &str = "Kernel panic - not syncing";
/// A kernel's last words before it resets the machine.
const RESET: &str = "reboot: Restarting system";
/// The console's lines in an error.
const CONSOLE_LINES: usize = 20;

/// A virtual machine that runs, or whose power was cut. Dropped, it is gone.
#[derive(Debug)]
pub struct Vm {
    options: VmOptions,
    kernel: KernelFiles,
    layout: Layout,
    running: Option<(Process, Agent)>,
    boot_id: String,
    /// The last boot that the machine told of.
    seen: Option<String>,
    /// Whether it has told of any since its power is on.
    is_up: bool,
    // Last: QEMU ends before its files go.
    _place: Place,
}

impl Vm {
    /// Starts one and waits until it takes commands.
    ///
    /// # Errors
    /// When something for it cannot be had or built, or it does not come up;
    /// the message holds the last lines of its console.
    pub fn start(options: &VmOptions) -> Result<Self> {
        let kernel = options.kernel.ensure()?;
        let place = Place::new()?;
        let layout = Layout::new(place.path());
        let mut disk = match (options.system, &options.disk) {
            (System::Busybox, _) => {
                let mut format = Command::new("mke2fs");
                format.args(["-q", "-t", "ext4"]).arg(layout.disk());
                format.arg(DATA_DISK);
                format
            }
            (System::Systemd, given) => {
                let image = given.clone().map_or_else(root_disk::ensure, Ok)?;
                let mut copy = Command::new("cp");
                copy.arg("--sparse=always").arg(image).arg(layout.disk());
                copy
            }
        };
        run(&mut disk, DISK_WITHIN).context("cannot make the machine's disk")?;
        initramfs::write(&layout.initramfs(), &kernel, &with_agent(options))?;
        let mut vm = Self {
            options: options.clone(),
            kernel,
            layout,
            running: None,
            boot_id: String::new(),
            seen: None,
            is_up: false,
            _place: place,
        };
        vm.power_on()?;
        Ok(vm)
    }

    /// The boot that it is in, as this was told last.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Runs a shell script in it, and gives how that ended.
    ///
    /// # Errors
    /// When it does not answer within a minute, reboots meanwhile, or is off.
    pub fn run(&mut self, script: &str) -> Result<Ran> {
        self.run_within(script, RUN_WITHIN)
    }

    /// As [`Self::run`], for a script that may take `limit`; then it is killed,
    /// which gives code 137.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_within(&mut self, script: &str, limit: Duration) -> Result<Ran> {
        let (_, agent) = self.running.as_mut().context("the machine is off")?;
        let sent = agent.send(script, limit)?;
        let until = Instant::now() + limit + GRACE;
        loop {
            match self.receive(until)? {
                Some(Message::Done(id, ran)) if id == sent => return Ok(ran),
                Some(Message::Done(..)) => {}
                Some(Message::Ready(boot)) => {
                    bail!("the machine came up anew (boot {boot}) during: {script}");
                }
                None => {
                    return Err(self.failed(&format!("no answer within {limit:?} to: {script}")));
                }
            }
        }
    }

    /// Runs a script that must succeed, and gives what it printed, trimmed.
    ///
    /// # Errors
    /// As [`Self::run`], and when its exit code is not 0.
    pub fn check(&mut self, script: &str) -> Result<String> {
        let ran = self.run(script)?;
        if ran.code != 0 {
            bail!(
                "{script}: exit code {}: {}{}",
                ran.code,
                ran.stdout,
                ran.stderr
            );
        }
        Ok(ran.stdout.trim().to_owned())
    }

    /// Waits until it is up in another boot than before.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or QEMU ends for another reason than
    /// a reboot.
    pub fn wait_reboot(&mut self, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        loop {
            if let Some(boot) = self.seen.take_if(|boot| *boot != self.boot_id) {
                self.boot_id = boot;
                return Ok(());
            }
            match self.receive(until) {
                Ok(Some(_)) => {}
                Err(_) if self.has_reset() && Instant::now() < until => self.switch_on()?,
                Err(error) => return Err(error),
                Ok(None) => {
                    return Err(self.failed(&format!("it is in no other boot after {limit:?}")));
                }
            }
        }
    }

    /// Its disk's image.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.layout.disk()
    }

    /// Where a kernel that was taken from its disk may be put.
    #[must_use]
    pub fn next_kernel(&self) -> PathBuf {
        self.layout.next_kernel()
    }

    /// Its next boot has this kernel, whose image is `image`.
    ///
    /// # Errors
    /// When the initial root file system cannot be written.
    pub fn set_kernel(&mut self, kernel: Kernel, cgroups: Cgroups, image: &Path) -> Result<()> {
        self.kernel = kernel.ensure()?;
        image.clone_into(&mut self.kernel.image);
        self.options.kernel = kernel;
        self.options.cgroups = cgroups;
        // The caller's files are on its disk since its first boot.
        initramfs::write(&self.layout.initramfs(), &self.kernel, &Files::default())
    }

    /// Plugs its network in, or out.
    ///
    /// # Errors
    /// When it is off, or has none.
    pub fn set_link(&self, up: bool) -> Result<()> {
        let arguments = serde_json::json!({"name": qemu::CARD, "up": up});
        monitor::execute(&self.layout.monitor(), "set_link", &arguments)
    }

    /// Hears what it says, for `limit` at most; whether it takes commands.
    ///
    /// # Errors
    /// When it is off, or its kernel panicked.
    pub fn listen(&mut self, limit: Duration) -> Result<bool> {
        if !self.is_up {
            self.receive(Instant::now() + limit)?;
        }
        if let Some(boot) = self.seen.take() {
            self.boot_id = boot;
        }
        Ok(self.is_up)
    }

    /// Whether its system ended by a reboot.
    #[must_use]
    pub fn has_reset(&self) -> bool {
        !self.is_on() && self.console(1).contains(RESET)
    }

    /// Cuts its power: what it had not written to its disk is lost. Waits until
    /// it is off.
    pub fn power_cut(&mut self) {
        self.running = None;
    }

    /// Switches it on, with its disk as it is, and waits until it takes commands.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn power_on(&mut self) -> Result<()> {
        self.switch_on()?;
        self.wait_reboot(BOOT_WITHIN)
            .with_context(|| format!("Linux {} did not come up", self.options.kernel))
    }

    /// Switches it on, and does not wait.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn switch_on(&mut self) -> Result<()> {
        self.running = None;
        let command = qemu::command(&self.options, &self.kernel.image, &self.layout);
        let process = Process::start(command, &self.layout.log())?;
        let agent = Agent::connect(&self.layout.agent()).map_err(|error| {
            let log = fs::read_to_string(self.layout.log()).unwrap_or_default();
            error.context(format!("QEMU said: {}", tail(&log, CONSOLE_LINES)))
        })?;
        self.running = Some((process, agent));
        self.seen = None;
        self.is_up = false;
        Ok(())
    }

    /// Whether QEMU runs: it ends when the machine switches itself off.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|(process, _)| process.is_running())
    }

    /// QEMU's process number, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|(process, _)| process.pid())
    }

    /// The last `lines` lines of its console.
    #[must_use]
    pub fn console(&self, lines: usize) -> String {
        let text = fs::read(self.layout.console()).unwrap_or_default();
        tail(&String::from_utf8_lossy(&text), lines)
    }

    /// The next message before `until`.
    fn receive(&mut self, until: Instant) -> Result<Option<Message>> {
        loop {
            let (process, agent) = self.running.as_ref().context("the machine is off")?;
            let is_running = process.is_running();
            if let Some(message) = agent.receive(LOOK_EVERY) {
                if let Message::Ready(boot) = &message {
                    self.seen = Some(boot.clone());
                    self.is_up = true;
                }
                return Ok(Some(message));
            }
            if !is_running {
                return Err(self.failed("QEMU ended"));
            }
            if self.console(CONSOLE_LINES).contains(PANIC) {
                return Err(self.failed("its kernel panicked"));
            }
            if Instant::now() > until {
                return Ok(None);
            }
        }
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let log = fs::read_to_string(self.layout.log()).unwrap_or_default();
        anyhow!(
            "{what}; QEMU said: {}; the console's end:\n{}",
            tail(&log, CONSOLE_LINES),
            self.console(CONSOLE_LINES)
        )
    }
}

/// The caller's files and the agent.
fn with_agent(options: &VmOptions) -> Files {
    let mut files = options.files.clone();
    files.bytes("/usr/local/lib/unstall-agent", AGENT, 0o755);
    if options.system == System::Systemd {
        files.unit("unstall-agent.service", AGENT_UNIT);
        for unit in MASKED {
            files.link(&format!("/etc/systemd/system/{unit}"), "/dev/null");
        }
    }
    files
}
