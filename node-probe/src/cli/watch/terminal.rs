//! The screen and the keys of a terminal, given back as they were.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::frame::Screen;
use crate::cli::is_color_wanted;

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What a terminal is where it does not say.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A terminal in use; dropping it gives it back.
pub struct Terminal {
    keys: Option<Termios>,
}

impl Terminal {
    /// Takes the terminal, if standard output is one.
    pub fn take() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let stdin = io::stdin();
        let before = stdin
            .is_terminal()
            .then(|| tcgetattr(&stdin).ok())
            .flatten();
        if let Some(before) = &before {
            let mut keys = before.clone();
            // Keys come at once and unseen, Ctrl-C as one of them.
            keys.local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            // A terminal that refuses still shows; a signal ends it then.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &keys);
        }
        write(ENTER);
        Some(Self { keys: before })
    }

    /// How the screen is now: it may have been resized.
    pub fn screen(&self) -> Screen {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.map(|size| (size.ws_col, size.ws_row));
        let (columns, rows) = size
            .filter(|it| it.0 > 0 && it.1 > 0)
            .unwrap_or((COLUMNS, ROWS));
        Screen {
            width: columns.into(),
            height: rows.into(),
            has_color: is_color_wanted(),
            is_unicode: is_unicode(),
        }
    }

    /// Shows `frame` from the upper left corner on; what was there and is not any
    /// more is cleared line by line, which does not flicker.
    pub fn show(&self, frame: &str) {
        let lines = frame.replace('\n', "\x1b[K\r\n");
        write(&format!("\x1b[H{lines}\x1b[K\x1b[J"));
    }

    /// Waits for a key up to `time`; true if it is one that ends.
    pub fn is_ended(&self, time: Duration) -> bool {
        let stdin = io::stdin();
        let Some(_) = self.keys else {
            std::thread::sleep(time);
            return false;
        };
        let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        let time = Timespec::try_from(time).ok();
        // A signal cuts the wait short.
        if !matches!(poll(&mut fds, time.as_ref()), Ok(1..)) {
            return false;
        }
        let mut keys = [0; 16];
        match stdin.lock().read(&mut keys) {
            // The other side of the terminal is gone.
            Ok(0) => true,
            Ok(count) => keys[..count].iter().any(|key| is_end(*key, count)),
            Err(_) => false,
        }
    }
}

/// q, Q, Ctrl-C, Ctrl-D; and Esc when it begins nothing, as arrow keys do.
fn is_end(key: u8, count: usize) -> bool {
    matches!(key, b'q' | b'Q' | 3 | 4) || key == 27 && count == 1
}

impl Drop for Terminal {
    fn drop(&mut self) {
        write(LEAVE);
        if let Some(keys) = &self.keys {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, keys);
        }
    }
}

/// A terminal that is gone shows nothing, and that is no failure.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// By the variables of setlocale(3), in their order.
fn is_unicode() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut set = names.iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_key_does_not_end_and_escape_does() {
        assert!(is_end(b'q', 1) && is_end(3, 1) && is_end(27, 1));
        assert!(!is_end(27, 3) && !is_end(b'[', 3) && !is_end(b'A', 3));
    }
}
