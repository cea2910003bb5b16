//! (pure) Which verb and which resource a request is about, in a fixed list of words.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The resources that the controller calls; whatever a policy's templates name beside
/// them is `other`, so that no policy makes a new series.
const RESOURCES: [&str; 21] = [
    "configmaps",
    "customresourcedefinitions",
    "deployments/scale",
    "disruptionledgers",
    "disruptionledgers/status",
    "events",
    "leases",
    "nodehealthpolicies",
    "nodehealthpolicies/status",
    "nodehealths",
    "nodehealths/status",
    "noderemediations",
    "noderemediations/status",
    "nodes",
    "nodes/status",
    "persistentvolumeclaims",
    "poddisruptionbudgets",
    "pods",
    "pods/eviction",
    "secrets",
    "volumeattachments",
];

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The verb, as in RBAC.
    pub verb: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
}

/// What a request is about.
#[must_use]
pub fn route(method: &str, path: &str, query: Option<&str>) -> Route {
    let parts = parts(path);
    let resource = parts.map_or("other", |(resource, _, sub)| known(resource, sub));
    let is_named = parts.is_some_and(|(_, name, _)| name.is_some());
    let is_watch = query.is_some_and(|query| {
        let mut pairs = query.split('&');
        pairs.any(|pair| pair == "watch=true" || pair == "watch=1")
    });
    let verb = match method {
        "GET" | "HEAD" if is_watch => "watch",
        "GET" | "HEAD" if is_named => "get",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if is_named => "delete",
        "DELETE" => "deletecollection",
        _ => "other",
    };
    Route { verb, resource }
}

/// Resource, name and subresource of a path such as
/// `/apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME/SUB`.
fn parts(path: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    let mut words = path.split('/').filter(|word| !word.is_empty()).peekable();
    let skipped = match words.next()? {
        "api" => 1,
        "apis" => 2,
        _ => return None,
    };
    for _ in 0..skipped {
        words.next()?;
    }
    let first = words.next()?;
    if first != "namespaces" {
        return Some((first, words.next(), words.next()));
    }
    let _namespace = words.next();
    let resource = words.next().unwrap_or("namespaces");
    Some((resource, words.next(), words.next()))
}

fn known(resource: &str, sub: Option<&str>) -> &'static str {
    let is_it = |known: &&&str| match (known.split_once('/'), sub) {
        (Some((first, second)), Some(sub)) => first == resource && second == sub,
        (None, None) => **known == resource,
        _ => false,
    };
    RESOURCES.iter().find(is_it).copied().unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_named_as_in_rbac() {
        let cases = [
            ("GET", "/api/v1/nodes", None, "list nodes"),
            ("GET", "/api/v1/nodes/n1", None, "get nodes"),
            (
                "GET",
                "/api/v1/nodes",
                Some("watch=true&x=y"),
                "watch nodes",
            ),
            ("GET", "/api/v1/nodes", Some("x=watch=true"), "list nodes"),
            (
                "PATCH",
                "/api/v1/nodes/n1/status",
                Some(""),
                "patch nodes/status",
            ),
            (
                "POST",
                "/api/v1/namespaces/a/pods/p/eviction",
                None,
                "create pods/eviction",
            ),
            ("DELETE", "/api/v1/namespaces/a/pods/p", None, "delete pods"),
            (
                "PUT",
                "/apis/coordination.k8s.io/v1/namespaces/a/leases/l",
                None,
                "update leases",
            ),
            (
                "PUT",
                "/apis/unstall.dev/v1alpha1/disruptionledgers/cluster/status",
                None,
                "update disruptionledgers/status",
            ),
            (
                "POST",
                "/apis/events.k8s.io/v1/namespaces/default/events",
                None,
                "create events",
            ),
            (
                "POST",
                "/apis/self-node-remediation.medik8s.io/v1alpha1/namespaces/a/selfnoderemediations",
                None,
                "create other",
            ),
            ("GET", "/api/v1/nodes/n1/proxy", None, "get other"),
            ("GET", "/version", None, "list other"),
            ("GET", "/api", None, "list other"),
            ("GET", "/api/v1/namespaces", None, "list other"),
            ("BREW", "", None, "other other"),
        ];
        for (method, path, query, expected) in cases {
            let Route { verb, resource } = route(method, path, query);
            assert_eq!(format!("{verb} {resource}"), expected, "{method} {path}");
        }
    }
}
