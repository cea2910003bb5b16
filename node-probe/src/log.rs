//! One line per event on standard error: time, level, message, then fields as `name="value"`.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;

/// Something that an operator may want to follow.
pub fn info(message: &str, fields: &[(&str, &dyn Display)]) {
    write("info", message, fields);
}

/// Something that an operator should look at.
pub fn warn(message: &str, fields: &[(&str, &dyn Display)]) {
    write("warn", message, fields);
}

fn write(level: &str, message: &str, fields: &[(&str, &dyn Display)]) {
    let line = line(Timestamp::now(), level, message, fields);
    // Without a place to log to there is nobody to tell, and acting does not depend on it.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Values are quoted and escaped: what a caller sent cannot forge a line.
fn line(now: Timestamp, level: &str, message: &str, fields: &[(&str, &dyn Display)]) -> String {
    let mut line = format!("time={now:.3} level={level} msg={message:?}");
    for (name, value) in fields {
        // Writing to a String cannot fail.
        let _ = write!(line, " {name}={:?}", value.to_string());
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_forge_a_line() {
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let line = line(
            now,
            "info",
            "command refused",
            &[("id", &"a\"\nlevel=info")],
        );
        assert_eq!(
            line,
            "time=2026-01-02T03:04:05.678Z level=info msg=\"command refused\" \
             id=\"a\\\"\\nlevel=info\"\n"
        );
    }
}
