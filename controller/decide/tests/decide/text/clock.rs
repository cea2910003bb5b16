//! Times, short where that is clear.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The day on which scenarios begin, which is left out.
const FIRST_DAY: &str = "2026-03-02 ";

/// The time of the day, behind the day where that is another one.
pub fn clock(time: Timestamp) -> String {
    let text = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    text.strip_prefix(FIRST_DAY).unwrap_or(&text).to_owned()
}

/// The same of an API time.
pub fn clock_of(time: &Time) -> String {
    clock(time.0)
}
