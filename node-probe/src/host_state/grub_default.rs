//! Which entry GRUB's menu begins with, where `grub.cfg` may be read. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::kernels::release;
use unstall_crds::units::KernelVersion;

/// What `GRUB_DEFAULT` was when the menu was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MenuDefault {
    /// `0`: the first entry.
    First,
    /// `saved`: what `grubenv` names.
    Saved,
    /// A certain entry.
    Entry(String),
    /// `grub.cfg` may not be read by this user: Debian makes new ones so.
    Hidden,
}

impl MenuDefault {
    /// What the text of a `grub.cfg` sets; `None` if it sets nothing or is cut.
    ///
    /// The first one counts: what Fedora sets further on is for boots that failed.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = text.strip_suffix('\n')?;
        let values = whole.lines().filter_map(|line| {
            let value = line.trim_ascii().strip_prefix("set default=")?;
            Some(value.trim_matches(['"', '\'']))
        });
        // That of grub-reboot comes from grubenv.
        let first = values.into_iter().find(|it| *it != "${next_entry}")?;
        Some(match first {
            "0" => Self::First,
            "${saved_entry}" => Self::Saved,
            entry => Self::Entry(entry.to_owned()),
        })
    }
}

/// The name of the kernel that the first entry of a menu boots.
pub fn first_kernel(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_kernel = matches!(words.next(), Some("linux" | "linuxefi" | "linux16"));
        let path = words.next().filter(|_| is_kernel)?;
        let name = path.rsplit('/').next()?;
        Some(name.strip_suffix(".efi.signed").unwrap_or(name))
    })
}

/// What an entry's name says of its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// It is the first one of the menu.
    First,
    /// It boots this kernel.
    Kernel(KernelVersion),
    /// Only the menu itself tells.
    Nothing,
}

impl Named {
    /// Reads what `grub-mkconfig` calls entries: by an id with the version in it,
    /// by an English title, or by 0. A path through submenus ends with it.
    pub fn of(entry: &str) -> Self {
        let last = entry.rsplit('>').next().unwrap_or_default();
        if entry == "0" || last.starts_with("gnulinux-simple-") {
            return Self::First;
        }
        let by_id = last
            .strip_prefix("gnulinux-")
            .and_then(|rest| rest.split_once("-advanced-"))
            .map(|(version, _)| version);
        let by_title = last
            .rsplit_once(", with Linux ")
            .map(|(_, version)| version);
        by_id
            .or(by_title)
            .and_then(release)
            .map_or(Self::Nothing, Self::Kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "if [ \"${next_entry}\" ] ; then
   set default=\"${next_entry}\"
   set next_entry=
else
   set default=\"DEFAULT\"
fi
if [ \"${boot_counter}\" = \"0\" ]; then
  set default=1
fi
";

    fn with(default: &str) -> Option<MenuDefault> {
        MenuDefault::parse(&HEADER.replace("DEFAULT", default))
    }

    #[test]
    fn the_default_is_the_first_that_is_not_for_one_boot() {
        assert_eq!(with("0"), Some(MenuDefault::First));
        assert_eq!(with("${saved_entry}"), Some(MenuDefault::Saved));
        assert_eq!(with("1>2"), Some(MenuDefault::Entry("1>2".to_owned())));
        assert_eq!(MenuDefault::parse("menuentry 'x' {\n}\n"), None);
        assert_eq!(MenuDefault::parse("set default=\"0"), None, "it was 0>1");
    }

    #[test]
    fn the_first_kernel_is_that_of_the_first_linux_line() {
        let menu = "menuentry 'linux x' {\n\tlinux\t/boot/vmlinuz-6.8.0-53-generic.efi.signed ro\n\tlinux /b\n}\n";
        assert_eq!(first_kernel(menu), Some("vmlinuz-6.8.0-53-generic"));
        assert_eq!(first_kernel("linuxefi /vmlinuz-5.1\n"), Some("vmlinuz-5.1"));
        assert_eq!(first_kernel("echo linux /vmlinuz-5.1\nlinux\n"), None);
    }

    #[test]
    fn names_of_entries_tell_kernels_where_they_hold_one() {
        let uuid = "3d5e1d1c-0000-4000-8000-000000000000";
        let kernel = || Named::Kernel(release("6.1.0-40-amd64").unwrap());
        for (entry, expected) in [
            ("0", Named::First),
            (&format!("gnulinux-simple-{uuid}")[..], Named::First),
            (
                &format!("gnulinux-advanced-{uuid}>gnulinux-6.1.0-40-amd64-advanced-{uuid}"),
                kernel(),
            ),
            (
                "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-40-amd64",
                kernel(),
            ),
            (
                "Debian GNU/Linux, with Linux 6.1.0-40-amd64 (recovery mode)",
                Named::Nothing,
            ),
            ("1>2", Named::Nothing),
            ("2", Named::Nothing),
            ("openSUSE Leap 15.6", Named::Nothing),
            ("gnulinux-advanced-x", Named::Nothing),
        ] {
            assert_eq!(Named::of(entry), expected, "{entry}");
        }
    }
}
