//! A host's files: what boots it next, and whether its distribution asks for it.
//!
//! The first file of an input lays `/boot` out: names, one a line, and marks of
//! what else is there (`@grub`, `@entries`, `@systemd`, `@ostree`, `@asked`,
//! `@folder`, `@link NAME`). Then `os-release`, `grubenv`, `grub.cfg`, an entry
//! and `loader.conf`.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use node_probe::host_state::{HostFiles, look};

use super::next_boot_files::{
    Entry, default_entry, distribution, entry, first_kernel, fits, loader_default, release,
    variables,
};
use super::rig::{Rig, agree, files, names};

const NAMES_MAX: usize = 24;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// What the first file lays out.
struct Layout<'a> {
    names: Vec<&'a str>,
    link: Option<&'a str>,
    marks: Vec<&'a str>,
}

impl<'a> Layout<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let is_name = |name: &str| {
            (1..=80).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
                && !matches!(name, "." | ".." | "grub" | "loader" | "ostree" | "vmlinuz")
        };
        let lines: Vec<&str> = text.split('\n').take(NAMES_MAX).collect();
        let mut names: Vec<&str> = lines.iter().copied().filter(|name| is_name(name)).collect();
        names.sort_unstable();
        names.dedup();
        let link = lines.iter().find_map(|line| line.strip_prefix("@link "));
        Self {
            names,
            link: link.filter(|name| is_name(name)),
            marks: lines,
        }
    }

    fn has(&self, mark: &str) -> bool {
        self.marks.contains(&mark)
    }

    fn make(&self, rig: &Rig) {
        let boot = rig.path("host/boot");
        fs::create_dir_all(&boot).unwrap();
        for name in &self.names {
            fs::write(boot.join(name), "").unwrap();
        }
        if let Some(name) = self.link {
            std::os::unix::fs::symlink(name, boot.join("vmlinuz")).unwrap();
        }
        if self.has("@ostree") {
            fs::create_dir(boot.join("ostree")).unwrap();
        }
        let run = rig.path("host/run");
        fs::create_dir(&run).unwrap();
        if self.has("@asked") {
            fs::write(run.join("reboot-required"), "").unwrap();
        } else if self.has("@folder") {
            fs::create_dir(run.join("reboot-required")).unwrap();
        }
    }

    fn kernels(&self) -> Vec<&'a str> {
        let is_other = |name: &str| {
            [
                ".dpkg-",
                ".rpmsave",
                ".rpmnew",
                ".sig",
                ".old",
                ".bak",
                ".hmac",
                ".efi.signed",
            ]
            .iter()
            .any(|part| name.contains(part))
        };
        let kernels = self
            .names
            .iter()
            .filter_map(|name| name.strip_prefix("vmlinuz-"));
        kernels.filter(|it| !is_other(it) && release(it)).collect()
    }

    /// The first entry of a menu, by the distribution's rule.
    fn first(&self, id: &str, menu: &str) -> Option<String> {
        let kernels = self.kernels();
        let newest = *kernels
            .iter()
            .max_by_key(|it| (numbers(it), it.len(), it.to_string()))?;
        let disk = |kernel: &str| {
            ["initrd.img-K", "initrd-K", "initramfs-K.img"]
                .iter()
                .any(|name| self.names.contains(&&*name.replace('K', kernel)))
        };
        let is_half = !disk(newest) && kernels.iter().any(|it| disk(it));
        if is_half || first_kernel(menu)? != format!("vmlinuz-{newest}") {
            return None;
        }
        let flavour = |kernel: &str| kernel.split('-').skip(2).collect::<Vec<_>>().join("-");
        let holds = match id {
            "debian" => true,
            "ubuntu" => kernels.iter().all(|it| flavour(it) == flavour(newest)),
            "sles" | "opensuse-leap" | "opensuse-tumbleweed" => {
                self.link == Some(&format!("vmlinuz-{newest}"))
            }
            _ => false,
        };
        holds.then(|| newest.to_owned())
    }
}

/// The numbers that kernels are ordered by.
fn numbers(kernel: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for part in kernel.split(['.', '-', '_', '~', '+']).take(8) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { break };
        numbers.push(number);
        if digits.len() < part.len() {
            break;
        }
    }
    numbers.resize(8, 0);
    numbers
}

/// The parts of one input.
struct Fed<'a> {
    layout: Layout<'a>,
    os: Option<(String, bool, bool)>,
    env: &'a [u8],
    menu: &'a [u8],
    entry: Option<Entry>,
    loader: &'a [u8],
    root: &'a Path,
}

impl Fed<'_> {
    fn staged(&self) -> Option<String> {
        let layout = &self.layout;
        let is_image = self.os.as_ref().is_some_and(|(_, _, is_image)| *is_image);
        if is_image || layout.has("@ostree") {
            return None;
        }
        match (layout.has("@grub"), layout.has("@systemd")) {
            (true, false) => self.grub(),
            (false, true) => self.systemd_boot(),
            _ => None,
        }
    }

    fn grub(&self) -> Option<String> {
        let env = variables(self.env)?;
        let get = |name: &str| {
            let found = env.iter().rfind(|(known, _)| known == name)?;
            Some(found.1.as_str()).filter(|value| !value.is_empty())
        };
        if get("env_block").or(get("boot_counter")).is_some() {
            return None;
        }
        let menu = std::str::from_utf8(self.menu).ok()?;
        let by_entries = self.layout.has("@entries");
        let default = default_entry(menu);
        let wanted = match (get("next_entry"), default?) {
            (Some(entry), _) => entry,
            (None, "${saved_entry}") if by_entries => get("saved_entry")?,
            (None, _) if by_entries => return None,
            (None, "${saved_entry}") => get("saved_entry").unwrap_or("0"),
            (None, entry) => entry,
        };
        if by_entries {
            let entry = self.entry.as_ref()?;
            let is_meant = wanted == "m-1" || entry.title.as_deref() == Some(wanted);
            return is_meant.then(|| entry.release(self.root)).flatten();
        }
        let last = wanted.rsplit('>').next().unwrap();
        if wanted == "0" || last.starts_with("gnulinux-simple-") {
            let (id, ..) = self.os.as_ref()?;
            return self.layout.first(id, menu);
        }
        let id = last
            .strip_prefix("gnulinux-")
            .and_then(|it| it.split_once("-advanced-"));
        let named = match id {
            Some((kernel, _)) => kernel,
            None => last.rsplit_once(", with Linux ")?.1,
        };
        self.layout
            .kernels()
            .contains(&named)
            .then(|| named.to_owned())
    }

    fn systemd_boot(&self) -> Option<String> {
        let pattern = loader_default(self.loader)?;
        if !self.layout.has("@entries") || !(fits(&pattern, "m-1") || fits(&pattern, "m-1.conf")) {
            return None;
        }
        self.entry.as_ref()?.release(self.root)
    }

    fn asked(&self) -> Option<bool> {
        if self.layout.has("@asked") {
            return Some(true);
        }
        let (_, is_dpkg, _) = self.os.as_ref()?;
        (*is_dpkg && !self.layout.has("@folder")).then_some(false)
    }
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [layout, os, env, menu, fed_entry, loader] = files(bytes);
    RIG.with_borrow(|rig| {
        let root = rig.path("host");
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let layout = Layout::of(layout);
        layout.make(rig);
        rig.write("host/etc/os-release", os);
        if layout.has("@grub") {
            rig.write("host/boot/grub/grubenv", env);
            rig.write("host/boot/grub/grub.cfg", menu);
        }
        if layout.has("@entries") {
            rig.write("host/boot/loader/entries/m-1.conf", fed_entry);
        }
        if layout.has("@systemd") {
            rig.write("host/boot/loader/loader.conf", loader);
        }
        let seen = look(&HostFiles {
            root: root.clone(),
            sentinel: None,
        });
        let fed = Fed {
            layout,
            os: distribution(os),
            env,
            menu,
            entry: entry(fed_entry),
            loader,
            root: &root,
        };
        let staged = seen.staged.map(|it| it.release.to_string());
        if let Err(why) = &staged {
            names("host/", &why.to_string());
        }
        agree("host/", staged, fed.staged());
        agree("host/", seen.reboot_required, fed.asked());
    });
}
