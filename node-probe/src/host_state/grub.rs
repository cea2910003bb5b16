//! What GRUB boots next.

use super::bls;
use super::error::{Untold, shown};
use super::grub_default::{MenuDefault, Named, first_kernel};
use super::grub_file::Environment;
use super::kernels::Kernels;
use super::os_release::{FirstEntry, OsRelease};
use super::staged::Staged;
use super::tree::Tree;

/// `grubenv` has 1,024 bytes, or a few times that.
const ENVIRONMENT_MAX: usize = 64 * 1024;

/// A menu of hundreds of kernels.
const MENU_MAX: usize = 1024 * 1024;

/// Where the entries of the Boot Loader Specification are, by which Fedora's GRUB
/// and its like make their menu.
const ENTRIES: &str = "boot/loader/entries";

/// A host's GRUB.
pub struct Grub<'a> {
    pub tree: &'a Tree,
    /// Its folder in the tree, as `boot/grub`.
    pub dir: &'a str,
    /// What the host is; it decides by which rule GRUB takes its first entry.
    pub os: &'a Result<OsRelease, Untold>,
}

/// Who asks for an entry, to follow its kernel or its name.
const NEXT: &str = "for which grubenv's next_entry asks";
const SAVED: &str = "for which grubenv's saved_entry asks";
const PINNED: &str = "for which GRUB_DEFAULT asks";

/// An entry that is asked for, and by whom.
struct Wanted<'a> {
    entry: &'a str,
    by: &'static str,
}

impl Grub<'_> {
    /// The kernel that it boots next.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn staged(&self) -> Result<Staged, Untold> {
        let environment = self.environment()?;
        if self.tree.is_folder(ENTRIES)? {
            return self.by_entries(&environment);
        }
        let menu = self.menu()?;
        let default = self.default(menu.as_deref())?;
        let kernels = Kernels::among(self.tree.names("boot")?);
        let first = || self.first(&kernels, menu.as_deref());
        let Some(wanted) = wanted(&environment, &default) else {
            return first();
        };
        let named = match Named::of(wanted.entry) {
            Named::First => return first(),
            Named::Kernel(release) => release,
            Named::Nothing => return Err(self.unknown(&wanted)),
        };
        if !kernels.has(&named) {
            let why = format!("GRUB is to boot {named}, and there is no vmlinuz-{named}");
            return Err(Untold::open(&self.tree.shown("boot"), why));
        }
        let may_not_count = wanted.by == SAVED && default == MenuDefault::Hidden;
        if may_not_count && !first().is_ok_and(|it| it.release.as_str() == named.as_str()) {
            let why = format!(
                "saved_entry names {named}, and whether it counts is in grub.cfg, which this user may not read"
            );
            return Err(self.open("grubenv", &why));
        }
        Ok(Staged::new(named, wanted.by))
    }

    /// By the entries of the Boot Loader Specification: GRUB sorts them by their
    /// names, of which the machine's id is a part, so that only a name tells.
    fn by_entries(&self, environment: &Environment) -> Result<Staged, Untold> {
        let menu = match self.menu() {
            // Up to RHEL 8 it is on the firmware's partition, which is root's alone.
            Err(error) if error.is_missing() => None,
            menu => menu?,
        };
        let is_for_once = environment.get("next_entry").is_some();
        if !is_for_once
            && let MenuDefault::First | MenuDefault::Entry(_) = self.default(menu.as_deref())?
        {
            let why =
                "its default is not GRUB_DEFAULT=saved: only GRUB knows the order of its entries";
            return Err(self.open("grub.cfg", why));
        }
        let Some(wanted) = wanted(environment, &MenuDefault::Saved) else {
            let why = "it names no saved_entry: only GRUB knows the order of its entries";
            return Err(self.open("grubenv", why));
        };
        match bls::named(self.tree, ENTRIES, wanted.entry)? {
            Some(release) => Ok(Staged::new(release, wanted.by)),
            None => Err(self.unknown(&wanted)),
        }
    }

    /// The first entry of a menu that `grub-mkconfig` made.
    fn first(&self, kernels: &Kernels, menu: Option<&str>) -> Result<Staged, Untold> {
        let boot = self.tree.shown("boot");
        let os = self.os.as_ref().map_err(Clone::clone)?;
        let Some(rule) = os.first_entry() else {
            let why = format!(
                "by which rule GRUB takes its default on {} is not known",
                os.id
            );
            return Err(Untold::open(&boot, why));
        };
        let Some(newest) = kernels.newest() else {
            return Err(Untold::open(&boot, "it holds no vmlinuz-VERSION"));
        };
        if kernels.is_half_installed(&newest) {
            let why = format!(
                "vmlinuz-{newest} has no initial RAM disk yet: its installation has not ended"
            );
            return Err(Untold::open(&boot, why));
        }
        let made = menu.map(|text| first_kernel(text).unwrap_or_default());
        if let Some(other) = made.filter(|it| *it != format!("vmlinuz-{newest}")) {
            let why = format!(
                "its first kernel is {:?} and not vmlinuz-{newest}, the newest: run update-grub",
                shown(other)
            );
            return Err(self.open("grub.cfg", &why));
        }
        match rule {
            FirstEntry::Newest => {}
            FirstEntry::NewestOfFlavour => {
                let flavours = kernels.flavours();
                if flavours.len() > 1 {
                    let why = format!(
                        "it holds kernels of several flavours ({}): GRUB_FLAVOUR_ORDER decides",
                        shown(&flavours.join(", "))
                    );
                    return Err(Untold::open(&boot, why));
                }
            }
            FirstEntry::NewestAndLinked => {
                let link = self.tree.link("boot/vmlinuz")?;
                let expected = format!("vmlinuz-{newest}");
                let is_same = link.as_ref().is_some_and(|it| *it == *expected);
                if !is_same || !self.tree.is_file("boot/vmlinuz")? {
                    let why =
                        format!("it does not lead to {expected}, the newest kernel beside it");
                    return Err(Untold::open(&self.tree.shown("boot/vmlinuz"), why));
                }
            }
        }
        Ok(Staged::new(newest, "the newest in /boot, which GRUB takes"))
    }

    /// The variables; none where there is no such file.
    fn environment(&self) -> Result<Environment, Untold> {
        let path = self.path("grubenv");
        let environment = match self.tree.text(&path, ENVIRONMENT_MAX) {
            Ok(text) => Environment::parse(&self.tree.shown(&path), &text)?,
            // A link that leads nowhere is to a partition that is not mounted here.
            Err(error) if error.is_missing() && self.tree.link(&path)?.is_none() => {
                Environment::default()
            }
            Err(error) => return Err(error),
        };
        if environment.get("env_block").is_some() {
            let why = "GRUB keeps its variables outside of this file (env_block), as on btrfs";
            return Err(self.open("grubenv", why));
        }
        if environment.get("boot_counter").is_some() {
            let why = "GRUB counts boots that fail (boot_counter) and may take another entry";
            return Err(self.open("grubenv", why));
        }
        Ok(environment)
    }

    /// The menu; `None` where this user may not read it.
    fn menu(&self) -> Result<Option<String>, Untold> {
        match self.tree.text(&self.path("grub.cfg"), MENU_MAX) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.is_forbidden() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the menu sets as its default.
    fn default(&self, menu: Option<&str>) -> Result<MenuDefault, Untold> {
        let Some(text) = menu else {
            return Ok(MenuDefault::Hidden);
        };
        MenuDefault::parse(text)
            .ok_or_else(|| self.open("grub.cfg", "it sets no default entry, or is cut"))
    }

    fn unknown(&self, wanted: &Wanted<'_>) -> Untold {
        let why = format!(
            "no kernel is known by {:?}, {}: name an entry by its id",
            shown(wanted.entry),
            wanted.by
        );
        Untold::open(&self.tree.shown(self.dir), why)
    }

    fn open(&self, file: &str, why: &str) -> Untold {
        Untold::open(&self.tree.shown(&self.path(file)), why)
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.dir)
    }
}

/// The entry that is asked for; `None` for the first one. That for one boot comes
/// before all others.
fn wanted<'a>(environment: &'a Environment, default: &'a MenuDefault) -> Option<Wanted<'a>> {
    let (entry, by) = match (environment.get("next_entry"), default) {
        (Some(entry), _) => (entry, NEXT),
        (None, MenuDefault::First) => return None,
        (None, MenuDefault::Entry(entry)) => (entry.as_str(), PINNED),
        (None, MenuDefault::Saved | MenuDefault::Hidden) => {
            (environment.get("saved_entry")?, SAVED)
        }
    };
    Some(Wanted { entry, by })
}
