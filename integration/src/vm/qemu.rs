//! QEMU's command line: emulated, since KVM cannot be had in most test
//! machines; nothing but a disk, two serial ports and, where asked for, a network.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::options::{Cgroups, System, VmOptions};

/// The network card's name for the monitor.
pub const CARD: &str = "card0";

/// The files of one virtual machine.
#[derive(Debug)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// In `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The disk's image.
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    /// The initial root file system.
    pub fn initramfs(&self) -> PathBuf {
        self.dir.join("initramfs.cpio")
    }

    /// What the first serial port printed in all boots.
    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// The second serial port.
    pub fn agent(&self) -> PathBuf {
        self.dir.join("agent.socket")
    }

    /// QEMU's own monitor.
    pub fn monitor(&self) -> PathBuf {
        self.dir.join("monitor.socket")
    }

    /// A kernel taken from the disk.
    pub fn next_kernel(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }

    /// What QEMU itself printed.
    pub fn log(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }
}

/// How to start the machine of `options`, whose files are ready.
pub fn command(options: &VmOptions, kernel: &Path, layout: &Layout) -> Command {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg,thread=multi", "-machine", "q35"])
        // QEMU 7.2 takes minutes to clear pages that held code before a reset: a
        // reboot ends it, and it is started again.
        .arg("-no-reboot")
        // QEMU 7.2 now and then returns from cmpxchg16b with flags of rubbish, and
        // Linux 6.12 then dies of it in its allocator.
        .args(["-cpu", "Nehalem,-cx16", "-smp", &options.cpus.to_string()])
        .args(["-m", &options.memory.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(layout.initramfs())
        .args(["-append", &kernel_arguments(options)])
        .arg("-chardev")
        .arg(format!(
            "file,id=console,append=on,path={}",
            layout.console().display()
        ))
        .args(["-serial", "chardev:console", "-chardev"])
        .arg(format!(
            "socket,id=agent,server=on,wait=off,path={}",
            layout.agent().display()
        ))
        .args(["-serial", "chardev:agent", "-drive"])
        // What the machine wrote is in this machine's page cache, which a killed
        // QEMU does not lose; what it did not write is lost, as in a power cut.
        .arg(format!(
            "if=virtio,format=raw,cache=unsafe,file={}",
            layout.disk().display()
        ))
        .arg("-qmp")
        .arg(format!(
            "unix:{},server=on,wait=off",
            layout.monitor().display()
        ));
    if options.network {
        // What is not on this machine's loopback it cannot reach: it has no name
        // server and no gateway.
        qemu.args(["-netdev", "user,id=net0", "-device"])
            .arg(format!("virtio-net-pci,id={CARD},netdev=net0"));
    }
    qemu
}

/// A panic stays on the console: a machine that reboots by itself would pass
/// for one that was told to. On a busy host the check of the timer finds none, and
/// the TSC's speed is measured wrong: where services have time limits, time is
/// that of the HPET.
fn kernel_arguments(options: &VmOptions) -> String {
    let (ours, systemd) = match options.cgroups {
        Cgroups::V1 => ("v1", "0"),
        Cgroups::V2 => ("v2", "1"),
    };
    let (system, clock) = match options.system {
        System::Busybox => ("busybox", "tsc=reliable"),
        System::Systemd => ("disk", "clocksource=hpet"),
    };
    format!(
        "console=ttyS0 quiet mitigations=off {clock} no_timer_check panic=0 net.ifnames=0 \
         unstall.system={system} unstall.cgroup={ours} systemd.unified_cgroup_hierarchy={systemd} \
         systemd.show_status=true"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::Kernel;

    #[test]
    fn the_kernel_is_told_its_system_and_hierarchy() {
        let options = VmOptions::new(Kernel::Walk, Cgroups::V1, System::Systemd);
        let told = kernel_arguments(&options);
        for word in ["unstall.system=disk", "unstall.cgroup=v1", "hierarchy=0 "] {
            assert!(told.contains(word), "{told}");
        }
    }
}
