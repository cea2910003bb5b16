//! What a controller asked of the API server.

use std::collections::BTreeMap;

use unstall_integration::fleet::Replica;

/// Counts by verb, resource and code.
pub type Calls = BTreeMap<String, u64>;

/// All calls so far.
pub fn of(replica: &Replica) -> Calls {
    let page = replica.page("/metrics").unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("unstall_controller_api_calls_total"));
    rows.map(|row| {
        let (labels, count) = row.rsplit_once(' ').unwrap();
        (labels.to_owned(), count.parse().unwrap())
    })
    .collect()
}

/// Those of `after` that are not of `before`.
pub fn since(before: &Calls, after: &Calls) -> Calls {
    let rose = after.iter().map(|(what, count)| {
        let earlier = before.get(what).copied().unwrap_or_default();
        (what.clone(), count - earlier)
    });
    rose.filter(|(_, count)| *count > 0).collect()
}
