//! Values of options: what is accepted, and what is said of anything else.

use std::net::SocketAddr;
use std::time::Duration;

use unstall_crds::units::GoDuration;

/// A duration between two others.
pub fn duration(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let read = |text: &str| text.parse().map(|duration: GoDuration| duration.get());
        let value = read(text).map_err(|error| error.to_string())?;
        let bounds = [least, most].map(|bound| read(bound).unwrap_or_default());
        if value < bounds[0] || value > bounds[1] {
            return Err(format!("{text} is out of range: write {least} to {most}"));
        }
        Ok(value)
    }
}

/// A count between two others.
pub fn count(
    least: usize,
    most: usize,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let value = text.parse().ok();
        let value = value.filter(|value| (least..=most).contains(value));
        value
            .ok_or_else(|| format!("{text:?} is no count that is allowed: write {least} to {most}"))
    }
}

/// An address to listen on.
pub fn socket(text: &str) -> Result<SocketAddr, String> {
    let advice = || format!("{text:?}: write an address and a port, such as [::]:9470");
    text.parse().map_err(|_| advice())
}

/// The name of an object in Kubernetes: a DNS label.
pub fn name(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = !text.is_empty()
        && text.len() <= 63
        && text.chars().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    let advice = "write lower-case letters, digits and hyphens, at most 63";
    is_label
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no name: {advice}"))
}

/// The address of a server.
pub fn url(text: &str) -> Result<http::Uri, String> {
    let advice = "write http:// or https:// and a host, such as http://prometheus.monitoring:9090";
    let uri: Option<http::Uri> = text.parse().ok();
    let has_scheme = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let uri = uri.filter(|uri| has_scheme(uri) && uri.host().is_some_and(|host| !host.is_empty()));
    uri.ok_or_else(|| format!("{text:?} is no address of a server: {advice}"))
}
