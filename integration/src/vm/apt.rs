//! Debian packages of a suite that this machine need not have: by an apt with
//! configuration, lists and downloads of its own, from the mirror that this
//! machine's apt uses. The machine's own apt sees nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::command::run;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// For one call of apt, on a slow network.
const LIMIT: Duration = Duration::from_secs(600);

/// One suite's packages.
#[derive(Debug)]
pub struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Fetches the list of `suite` below `dir`, which the caller removes.
    ///
    /// # Errors
    /// When this machine has no Debian mirror, or the suite cannot be reached.
    pub fn update(dir: &Path, suite: &str) -> Result<Self> {
        let apt = Self {
            dir: dir.to_owned(),
        };
        let path = |name: &str| dir.join(name).display().to_string();
        for name in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(path(name))?;
        }
        fs::write(path("status"), "")?;
        fs::write(path("sources.list"), source(suite)? + "\n")?;
        let conf = format!(
            "{}Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
             Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n\
             Dir::State \"{}\";\nDir::State::lists \"{}\";\nDir::State::status \"{}\";\n\
             Dir::Cache \"{}\";\nAPT::Sandbox::User \"root\";\nAPT::Architecture \"amd64\";\n",
            acquire()?,
            path("sources.list"),
            path("state"),
            path("lists"),
            path("status"),
            path("cache"),
        );
        fs::write(path("apt.conf"), conf)?;
        apt.call("apt-get", &["update", "-qq"])
            .with_context(|| format!("cannot fetch Debian's list of {suite}"))?;
        Ok(apt)
    }

    /// The newest packages that make up what the kernel's meta package
    /// `package` stands for.
    ///
    /// # Errors
    /// When the suite lacks it.
    pub fn kernel_packages(&self, package: &str) -> Result<Vec<String>> {
        let tree = self.call(
            "apt-cache",
            &[
                "depends",
                "--recurse",
                "--no-recommends",
                "--no-suggests",
                "--no-conflicts",
                "--no-breaks",
                "--no-replaces",
                "--no-enhances",
                package,
            ],
        )?;
        let packages = kernel_parts(&tree);
        if packages.is_empty() {
            bail!("{package} stands for no kernel in this suite");
        }
        Ok(packages)
    }

    /// Downloads the newest of each package and unpacks all into `to`.
    ///
    /// # Errors
    /// When one cannot be had.
    pub fn unpack(&self, packages: &[String], to: &Path) -> Result<()> {
        let downloads = self.dir.join("downloads");
        fs::create_dir_all(&downloads)?;
        let mut download = self.command("apt-get");
        download.current_dir(&downloads).args(["download", "-qq"]);
        run(download.args(packages), LIMIT)?;
        for entry in fs::read_dir(&downloads)? {
            let mut unpack = Command::new("dpkg-deb");
            run(unpack.arg("-x").arg(entry?.path()).arg(to), LIMIT)?;
        }
        Ok(())
    }

    fn call(&self, program: &str, args: &[&str]) -> Result<String> {
        run(self.command(program).args(args), LIMIT)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.dir.join("apt.conf"));
        command
    }
}

/// The line for `sources.list` that names `suite` on this machine's mirror.
///
/// # Errors
/// When this machine has none.
pub fn source(suite: &str) -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release names no release: virtual machines need Debian's apt")?;
    let format = "$(ORIGIN) $(RELEASE) $(COMPONENT) $(REPO_URI)";
    let targets = run(
        Command::new("apt-get").args(["indextargets", "--format", format, "Created-By: Packages"]),
        LIMIT,
    )?;
    let mirror = mirror(&targets, codename, suite.ends_with("-security"))
        .with_context(|| format!("apt's sources on this machine have no Debian {codename} main"))?;
    Ok(format!("deb [signed-by={KEYRING}] {mirror} {suite} main"))
}

/// How this machine's apt reaches the network: proxies and the like.
///
/// # Errors
/// When apt-config cannot be run.
pub fn acquire() -> Result<String> {
    let all = run(Command::new("apt-config").args(["dump", "Acquire"]), LIMIT)?;
    let kept = all
        .lines()
        .filter(|line| !line.contains("::IndexTargets") && !line.contains("::Changelogs"));
    Ok(kept.map(|line| format!("{line}\n")).collect())
}

/// The mirror of Debian's `codename` among apt's `targets` (origin, release,
/// component, URI), or that of its security updates.
fn mirror(targets: &str, codename: &str, security: bool) -> Option<String> {
    let of = |wanted: &str| {
        let rows = targets.lines().filter_map(|line| {
            let mut fields = line.split_whitespace();
            let origin = fields.next()?;
            let is_it = fields.next()? == wanted && fields.next()? == "main";
            is_it.then_some((origin != "Debian", fields.next()?))
        });
        // A repository of others may call its release by the same name.
        rows.min().map(|(_, uri)| uri.to_owned())
    };
    if security {
        let same_host = || Some(of(codename)?.replace("/debian/", "/debian-security/"));
        return of(&format!("{codename}-security")).or_else(same_host);
    }
    of(codename)
}

/// Image, binary and modules by the names of their packages.
fn kernel_parts(tree: &str) -> Vec<String> {
    let is_part = |name: &&str| {
        ["linux-image-", "linux-binary-", "linux-modules-"]
            .iter()
            .filter_map(|kind| name.strip_prefix(kind))
            .any(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    tree.lines()
        .filter(|line| !line.starts_with([' ', '|']))
        .filter(is_part)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "Other bookworm main http://pkg.example/\n\
        Debian bookworm main http://mirror.example/debian/\n\
        Debian bookworm-security main http://security.example/\n";

    #[test]
    fn the_mirror_is_the_machines_own() {
        let found = |security| mirror(TARGETS, "bookworm", security).unwrap();
        assert_eq!(found(false), "http://mirror.example/debian/");
        assert_eq!(found(true), "http://security.example/");
        assert_eq!(mirror(TARGETS, "trixie", false), None);
        let one = "$(ORIGIN) sid main http://mirror.example/debian/\n";
        let guess = mirror(one, "sid", true).unwrap();
        assert_eq!(guess, "http://mirror.example/debian-security/");
    }

    #[test]
    fn a_kernel_is_its_image_and_its_modules() {
        let tree = "linux-image-cloud-amd64\n  Depends: linux-image-7.2.1-cloud-amd64\n\
            linux-image-7.2.1-cloud-amd64\n  Depends: linux-binary-7.2.1-cloud-amd64\n\
            linux-binary-7.2.1-cloud-amd64\nlinux-modules-7.2.1-cloud-amd64\nlinux-base\n";
        assert_eq!(
            kernel_parts(tree),
            [
                "linux-image-7.2.1-cloud-amd64",
                "linux-binary-7.2.1-cloud-amd64",
                "linux-modules-7.2.1-cloud-amd64"
            ]
        );
    }
}
