//! (pure) Who forbids a reboot. systemd itself lets root pass block inhibitors before version 257,
//! and so does nobody else ask: we do, on every version.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

/// The longest name or reason that is repeated.
const MAX_WORDS: usize = 80;

/// One lock, as `ListInhibitors` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibitor {
    /// What is held up, with colons between: `shutdown:sleep`.
    pub what: String,
    /// Who holds it, in its own words.
    pub who: String,
    /// Why, in its own words.
    pub why: String,
    /// `block` forbids, `delay` only takes its time. `block-weak` of later versions is meant not
    /// to hold up root.
    pub mode: String,
    /// The holder's user.
    pub uid: u32,
    /// The holder's process.
    pub pid: u32,
}

impl From<(String, String, String, String, u32, u32)> for Inhibitor {
    fn from(row: (String, String, String, String, u32, u32)) -> Self {
        let (what, who, why, mode, uid, pid) = row;
        Self {
            what,
            who,
            why,
            mode,
            uid,
            pid,
        }
    }
}

impl Inhibitor {
    fn forbids_a_reboot(&self) -> bool {
        self.mode == "block" && self.what.split(':').any(|what| what == "shutdown")
    }
}

impl fmt::Display for Inhibitor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |text: &str| text.chars().take(MAX_WORDS).collect::<String>();
        write!(
            out,
            "{:?} (uid {}, pid {}): {:?}",
            cut(&self.who),
            self.uid,
            self.pid,
            cut(&self.why)
        )
    }
}

/// Who forbids a reboot and why, as a sentence; `None` if nobody does.
#[must_use]
pub fn block(inhibitors: &[Inhibitor]) -> Option<String> {
    let mut blocks = inhibitors.iter().filter(|one| one.forbids_a_reboot());
    let first = blocks.next()?;
    let others = match blocks.count() {
        0 => String::new(),
        count => format!("; and {count} more"),
    };
    Some(format!(
        "an inhibitor blocks shutdown: {first}{others}; end it, or wait until it does \
         (systemd-inhibit --list on the node)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inhibitor(what: &str, who: &str, mode: &str) -> Inhibitor {
        let text = str::to_owned;
        (text(what), text(who), text("because"), text(mode), 7, 42).into()
    }

    #[test]
    fn a_block_of_shutdown_forbids_wherever_it_stands() {
        for what in [
            "shutdown",
            "sleep:shutdown",
            "shutdown:sleep",
            "idle:shutdown:sleep",
        ] {
            let sentence = block(&[inhibitor(what, "backup", "block")]).unwrap();
            assert!(
                sentence.contains("\"backup\" (uid 7, pid 42): \"because\""),
                "{sentence}"
            );
        }
    }

    #[test]
    fn a_delay_and_a_block_of_something_else_do_not() {
        let others = [
            inhibitor("shutdown", "kubelet", "delay"),
            inhibitor("shutdown", "desktop", "block-weak"),
            inhibitor("sleep:handle-power-key", "x", "block"),
            inhibitor("shutdown-later", "x", "block"),
            inhibitor("", "x", "block"),
        ];
        assert_eq!(block(&others), None);
        assert_eq!(block(&[]), None);
    }

    #[test]
    fn one_is_named_and_the_rest_counted_within_bounds() {
        let long = "w".repeat(5_000);
        let all = [
            inhibitor("shutdown", "kubelet", "delay"),
            inhibitor("shutdown", &long, "block"),
            inhibitor("shutdown", "b", "block"),
            inhibitor("shutdown", "c", "block"),
        ];
        let sentence = block(&all).unwrap();
        assert!(sentence.contains("; and 2 more;"), "{sentence}");
        assert!(sentence.len() < 400, "{}", sentence.len());
    }
}
