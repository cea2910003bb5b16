//! One line of `/proc/PID/stat`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// `PF_KTHREAD`: a thread of the kernel's own.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// The fields that are of use here.
#[derive(Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// The name, at most 64 characters of it, none of them a control character.
    pub name: String,
    /// Whether it is a thread of the kernel, which no process can pretend.
    pub is_kernel_thread: bool,
    /// The ticks that it spent inside the kernel.
    pub system: u64,
    /// When it started, in ticks after boot.
    pub started: u64,
}

/// `pid (name) state ...` (proc(5)); the name may hold anything, also `) R`. `None`
/// for anything but one whole line of it.
#[must_use]
pub fn parse(text: &[u8]) -> Option<ProcessStat> {
    // A line that does not end was cut, and its last number with it.
    let line = text.strip_suffix(b"\n")?;
    if line.contains(&b'\n') {
        return None;
    }
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let name = String::from_utf8_lossy(line.get(open + 1..close)?);
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // After the name: field 3 is the first, so 9 (flags) is the 7th,
    let flags = number(fields.nth(6)?)?;
    // 15 (stime) the 13th,
    let system = number(fields.nth(5)?)?;
    // and 22 (starttime) the 20th.
    let started = number(fields.nth(6)?)?;
    let printable = |c: char| if c.is_control() { '?' } else { c };
    Some(ProcessStat {
        name: name.chars().map(printable).take(64).collect(),
        is_kernel_thread: flags & KERNEL_THREAD != 0,
        system,
        started,
    })
}

/// Decimal digits alone: `parse` would take a sign too.
fn number(field: &str) -> Option<u64> {
    let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| field.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(name: &str, flags: u64, system: &str, started: u64) -> String {
        format!("7 ({name}) S 1 1 1 0 -1 {flags} 0 0 0 0 7 {system} 0 0 20 0 1 0 {started} 0 0\n")
    }

    #[test]
    fn a_name_may_hold_anything() {
        let stat = parse(line("a) R 1 (b\u{1b}", 0x0040_0100, "12", 34).as_bytes()).unwrap();
        let expected = ProcessStat {
            name: "a) R 1 (b?".to_owned(),
            is_kernel_thread: false,
            system: 12,
            started: 34,
        };
        assert_eq!(stat, expected);
    }

    #[test]
    fn threads_of_the_kernel_are_told_by_their_flag() {
        let line = line("ksoftirqd/0", 0x0420_8040, "12", 34);
        assert!(parse(line.as_bytes()).unwrap().is_kernel_thread);
    }

    #[test]
    fn a_cut_line_tells_nothing() {
        let whole = line("x", 0, "12", 34);
        for end in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_sign_and_a_second_line_tell_nothing() {
        assert_eq!(parse(line("x", 0, "+12", 34).as_bytes()), None);
        assert_eq!(
            parse(line("x", 0, "18446744073709551616", 34).as_bytes()),
            None
        );
        let two = line("x", 0, "12", 34) + &line("y", 0, "99", 35);
        assert_eq!(parse(two.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
