//! A machine that is a node: it stays on like a machine in a rack, comes back by
//! itself after a reboot with the kernel that its disk boots, and is told its
//! misfortunes by tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::agent::Ran;
use super::super::kernel::Kernel;
use super::super::machine::Vm;
use super::super::options::{Cgroups, System, VmOptions};
use super::boot_loader;
use super::disk::{NODE_KERNELS, ensure_disk};
use super::settings::{NodeOptions, files, staging};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For a command whose caller names no time.
const RUN_WITHIN: Duration = Duration::from_secs(120);
/// A boot takes 20 s on an idle CPU.
const UP_WITHIN: Duration = Duration::from_secs(600);

/// A node's machine. Dropped, it is gone.
#[derive(Debug)]
pub struct VmNode {
    name: String,
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    vm: Mutex<Vm>,
    /// The harness is its boot loader as long as this says so.
    reboots: AtomicBool,
    ends: AtomicBool,
    /// What it booted, in order.
    boots: Mutex<Vec<String>>,
    /// Why it could not be booted again.
    trouble: Mutex<Option<String>>,
}

impl VmNode {
    /// Starts one, and waits until it takes commands; the kubelet comes later.
    ///
    /// # Errors
    /// When something for it cannot be had, or it does not come up.
    pub fn start(options: &NodeOptions) -> Result<Self> {
        let kernel = options.kernel.ensure()?;
        let mut machine = VmOptions::new(options.kernel, cgroups(options.kernel), System::Systemd);
        machine.disk = Some(ensure_disk()?);
        machine.network = true;
        machine.cpus = 1;
        machine.memory = options.memory;
        machine.files = files(options, &kernel.image, &kernel.release);
        let vm = Vm::start(&machine).with_context(|| format!("node {}", options.name))?;
        let shared = Arc::new(Shared {
            vm: Mutex::new(vm),
            reboots: AtomicBool::new(true),
            ends: AtomicBool::new(false),
            boots: Mutex::new(vec![kernel.release]),
            trouble: Mutex::new(None),
        });
        let kept = Arc::clone(&shared);
        let keeper = std::thread::Builder::new()
            .name(format!("keeper of {}", options.name))
            .spawn(move || keep(&kept))?;
        Ok(Self {
            name: options.name.clone(),
            shared,
            keeper: Some(keeper),
        })
    }

    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a shell script in it, once it is up.
    ///
    /// # Errors
    /// When it does not come up, or does not answer.
    pub fn run(&self, script: &str) -> Result<Ran> {
        self.run_within(script, RUN_WITHIN)
    }

    /// The same for one that may take `limit`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_within(&self, script: &str, limit: Duration) -> Result<Ran> {
        self.wait_up()?;
        let ran = self.shared.vm().run_within(script, limit);
        ran.with_context(|| format!("node {}", self.name))
    }

    /// Runs a script that must succeed, and gives what it printed, trimmed.
    ///
    /// # Errors
    /// As [`Self::run`], and when its exit code is not 0.
    pub fn check(&self, script: &str) -> Result<String> {
        let ran = self.run(script)?;
        if ran.code != 0 {
            bail!("node {}: {script}: {ran:?}", self.name);
        }
        Ok(ran.stdout.trim().to_owned())
    }

    /// Puts a kernel where its next boot takes it from.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn stage(&self, kernel: Kernel) -> Result<()> {
        self.check(&staging(&kernel.ensure()?.release)).map(drop)
    }

    /// Its boots so far, each by its kernel's release.
    #[must_use]
    pub fn boots(&self) -> Vec<String> {
        lock(&self.shared.boots).clone()
    }

    /// Cuts its power. It stays off until [`Self::power_on`].
    pub fn power_cut(&self) {
        self.shared.reboots.store(false, Ordering::SeqCst);
        self.shared.vm().power_cut();
    }

    /// Lets it go down at its next reboot and never come back.
    pub fn stay_off(&self) {
        self.shared.reboots.store(false, Ordering::SeqCst);
    }

    /// Whether its power is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.shared.vm().is_on()
    }

    /// Switches it on again, with the kernel that its disk boots.
    ///
    /// # Errors
    /// When it has no such kernel or QEMU does not start.
    pub fn power_on(&self) -> Result<()> {
        self.shared.boot()?;
        self.shared.reboots.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Stops it in the middle of whatever it does, its clock included.
    ///
    /// # Errors
    /// When it is off.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is off.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Pulls its network cable.
    ///
    /// # Errors
    /// When it is off.
    pub fn cut_off(&self) -> Result<()> {
        self.shared.vm().set_link(false)
    }

    /// Plugs it in again.
    ///
    /// # Errors
    /// When it is off.
    pub fn reconnect(&self) -> Result<()> {
        self.shared.vm().set_link(true)
    }

    /// The last `lines` lines of its console.
    #[must_use]
    pub fn console(&self, lines: usize) -> String {
        self.shared.vm().console(lines)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.shared.vm().pid().context("the machine is off")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Waits until it takes commands.
    fn wait_up(&self) -> Result<()> {
        let until = Instant::now() + UP_WITHIN;
        loop {
            if let Some(trouble) = lock(&self.shared.trouble).clone() {
                bail!("node {} did not come back: {trouble}", self.name);
            }
            // In slices: whoever keeps it on needs the machine too. Between two
            // boots there is nobody to listen to.
            if let Ok(true) = self.shared.vm().listen(LOOK_EVERY) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(anyhow!(
                    "node {} takes no commands after {UP_WITHIN:?}; the console's end:\n{}",
                    self.name,
                    self.console(20)
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for VmNode {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        if let Some(keeper) = self.keeper.take() {
            // It has nothing to say.
            let _ = keeper.join();
        }
    }
}

impl Shared {
    fn vm(&self) -> MutexGuard<'_, Vm> {
        lock(&self.vm)
    }

    /// Boots what its disk says.
    fn boot(&self) -> Result<()> {
        let mut vm = self.vm();
        let image = vm.next_kernel();
        let release = boot_loader::choose(&vm.disk(), &image)?;
        let kernel = known(&release)?;
        vm.set_kernel(kernel, cgroups(kernel), &image)?;
        vm.switch_on()?;
        lock(&self.boots).push(release);
        Ok(())
    }
}

/// Boots the machine again whenever it has reset itself.
fn keep(shared: &Shared) {
    while !shared.ends.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK_EVERY);
        let is_wanted = shared.reboots.load(Ordering::SeqCst) && shared.vm().has_reset();
        if is_wanted && let Err(error) = shared.boot() {
            *lock(&shared.trouble) = Some(format!("{error:#}"));
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of which kernel a release is.
fn known(release: &str) -> Result<Kernel> {
    for kernel in NODE_KERNELS {
        if kernel.ensure()?.release == release {
            return Ok(kernel);
        }
    }
    bail!("the machine's disk boots {release}, which is none of ours")
}

/// The walk is one of version 1; newer systems are on version 2.
fn cgroups(kernel: Kernel) -> Cgroups {
    match kernel {
        Kernel::Walk | Kernel::WalkAsNewer => Cgroups::V1,
        _ => Cgroups::V2,
    }
}
