//! Host names, and who sees what (H-1 to H-6, N-4).

use std::net::Ipv6Addr;

use crate::plan::compile::MESH;

/// A host as a resource of `namespace` writes it, in full and lower case (H-1, H-2).
pub(crate) fn resolve(host: &str, namespace: &str, suffix: &str) -> String {
    let host = host.to_ascii_lowercase();
    // `*.` fits no name, and must not become `*`.
    let host = host.strip_suffix('.').filter(|host| *host != "*").unwrap_or(&host);
    if host.is_empty() || host.starts_with('*') || host.contains(['.', ':']) {
        host.to_owned()
    } else {
        of_service(host, namespace, suffix)
    }
}

/// The host of a Kubernetes Service (SE-1).
pub(crate) fn of_service(name: &str, namespace: &str, suffix: &str) -> String {
    format!("{name}.{namespace}.svc.{suffix}").to_ascii_lowercase()
}

/// Whether every name that fits `narrow` fits `wide` (H-3, H-4).
pub(crate) fn is_within(narrow: &str, wide: &str) -> bool {
    match (narrow.strip_prefix('*'), wide.strip_prefix('*')) {
        (None, None) => narrow == wide,
        (None, Some(suffix)) => narrow.len() >= suffix.len() && narrow.ends_with(suffix),
        (Some(_), None) => false,
        (Some(narrow), Some(wide)) => narrow.ends_with(wide),
    }
}

/// The names that fit both, if one of the two holds the other (GW-2).
pub(crate) fn narrower<'a>(a: &'a str, b: &'a str) -> Option<&'a str> {
    if is_within(a, b) {
        Some(a)
    } else if is_within(b, a) {
        Some(b)
    } else {
        None
    }
}

/// A Gateway as a VirtualService of `namespace` names it: `namespace/name`, or `mesh` (H-5).
pub(crate) fn gateway(written: &str, namespace: &str, suffix: &str) -> String {
    if written == MESH {
        return written.to_owned();
    }
    if let Some((owner, name)) = written.split_once('/') {
        let owner = if owner == "." { namespace } else { owner };
        return format!("{owner}/{name}");
    }
    let legacy = written.strip_suffix(suffix).and_then(|head| head.strip_suffix(".svc."));
    match legacy.and_then(|head| head.rsplit_once('.')) {
        Some((name, owner)) => format!("{owner}/{name}"),
        None => format!("{namespace}/{written}"),
    }
}

/// Namespace and host of `[namespace/]host`, as a server of a Gateway writes it.
pub(crate) fn server_host<'h>(entry: &'h str, own: &'h str) -> (&'h str, String) {
    match entry.split_once('/') {
        Some((".", host)) => (own, host.to_ascii_lowercase()),
        Some((namespace, host)) => (namespace, host.to_ascii_lowercase()),
        None => ("*", entry.to_ascii_lowercase()),
    }
}

/// How a client sees a resource; what is nearer comes first (VS-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Visibility {
    /// Because it is of the same namespace, and only that sees it.
    Private,
    /// Because its namespace is named.
    Exported,
    /// Because everybody does.
    Public,
}

/// Whether a resource of `owner` is seen from `client`, and why (N-4, N-5).
pub(crate) fn visibility(
    export_to: &[String],
    default: &[String],
    owner: &str,
    client: &str,
) -> Option<Visibility> {
    let list = if export_to.is_empty() { default } else { export_to };
    if list.is_empty() || list.iter().any(|entry| entry == "*") {
        return Some(Visibility::Public);
    }
    let own = |entry: &String| entry == "." || entry == owner;
    if owner == client && list.iter().any(own) {
        return Some(if list.iter().all(own) { Visibility::Private } else { Visibility::Exported });
    }
    list.iter().any(|entry| entry == client).then_some(Visibility::Exported)
}

/// The domains that a client of `client` namespace may call a host by, without ports (H-6).
pub(crate) fn domains(host: &str, client: &str, suffix: &str) -> Vec<String> {
    let mut domains = vec![bracketed(host)];
    let head = host.strip_suffix(suffix).and_then(|head| head.strip_suffix(".svc."));
    if let Some((name, namespace)) = head.and_then(|head| head.rsplit_once('.')) {
        domains.push(format!("{host}."));
        domains.push(format!("{name}.{namespace}"));
        domains.push(format!("{name}.{namespace}.svc"));
        if namespace == client {
            domains.push(name.to_owned());
        }
    }
    domains
}

/// A host as it stands in an authority: an IPv6 address is in its canonical form there, in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

/// Below these, the names of a headless service's pods are found (SE-1).
pub(crate) fn pods(domains: &[String]) -> Vec<String> {
    let names = domains.iter().filter(|domain| !domain.ends_with('.'));
    names.map(|domain| format!("*.{domain}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = "cluster.local";

    #[test]
    fn h_1_only_a_host_without_a_dot_is_completed() {
        assert_eq!(resolve("Reviews", "prod", SUFFIX), "reviews.prod.svc.cluster.local");
        assert_eq!(resolve("reviews.prod", "default", SUFFIX), "reviews.prod");
        assert_eq!(resolve("*", "default", SUFFIX), "*");
        assert_eq!(resolve("::1", "default", SUFFIX), "::1");
    }

    /// H-4
    #[test]
    fn h_3_h_4_wildcards_hold_longer_names_and_longer_wildcards() {
        assert!(is_within("a.foo.com", "*.foo.com"));
        assert!(!is_within("foo.com", "*.foo.com"));
        assert!(is_within("*.a.foo.com", "*.foo.com"));
        assert!(!is_within("*.foo.com", "a.foo.com"));
        assert_eq!(narrower("*", "a.com"), Some("a.com"));
        assert_eq!(narrower("a.com", "b.com"), None);
    }

    /// H-4, and what a gateway serves of two hosts by it: the narrower, whichever side has it.
    #[test]
    fn h_4_one_host_within_another() {
        for (narrow, wide) in [
            ("a.foo.com", "a.foo.com"),
            ("a.foo.com", "*.foo.com"),
            ("b.a.foo.com", "*.foo.com"),
            ("a.foo.com", "*"),
            ("*.foo.com", "*.foo.com"),
            ("*.a.foo.com", "*.foo.com"),
            ("*-a.foo.com", "*a.foo.com"),
            ("*.foo.com", "*"),
            ("*", "*"),
        ] {
            assert!(is_within(narrow, wide), "{narrow} {wide}");
            assert_eq!((narrower(narrow, wide), narrower(wide, narrow)), (Some(narrow), Some(narrow)));
            assert_eq!(is_within(wide, narrow), narrow == wide, "a wildcard holds more than what is in it");
        }
        for (one, other) in [
            ("foo.com", "*.foo.com"),
            ("a.foo.com", "b.foo.com"),
            ("a.foo.com", "*.bar.com"),
            ("*.foo.com", "*.bar.com"),
            ("afoo.com", "*.foo.com"),
            ("foo.com", "a.foo.com"),
        ] {
            assert!(!is_within(one, other) && !is_within(other, one), "{one} {other}");
            assert_eq!(narrower(one, other), None);
        }
    }

    #[test]
    fn h_5_gateway_names_get_their_namespace() {
        for (written, full) in [
            ("mesh", "mesh"),
            ("gw", "prod/gw"),
            ("./gw", "prod/gw"),
            ("edge/gw", "edge/gw"),
            ("gw.edge.svc.cluster.local", "edge/gw"),
        ] {
            assert_eq!(gateway(written, "prod", SUFFIX), full);
        }
    }

    #[test]
    fn h_6_a_short_name_is_for_clients_of_the_same_namespace() {
        let host = "a.ns.svc.cluster.local";
        assert_eq!(domains(host, "ns", SUFFIX), [host, &format!("{host}."), "a.ns", "a.ns.svc", "a"]);
        assert_eq!(domains(host, "other", SUFFIX).len(), 4);
        assert_eq!(domains("api.example.com", "ns", SUFFIX), ["api.example.com"]);
    }

    #[test]
    fn n_4_export_to_says_who_sees() {
        let list = |entries: &[&str]| entries.iter().map(|&e| e.to_owned()).collect::<Vec<_>>();
        let seen = |entries: &[&str], client: &str| visibility(&list(entries), &[], "a", client);
        assert_eq!(seen(&[], "b"), Some(Visibility::Public));
        assert_eq!(seen(&["."], "b"), None);
        assert_eq!(seen(&["."], "a"), Some(Visibility::Private));
        assert_eq!(seen(&["b", "."], "a"), Some(Visibility::Exported));
        assert_eq!(seen(&["b"], "b"), Some(Visibility::Exported));
        assert_eq!(seen(&["b"], "a"), None);
        assert_eq!(seen(&["~"], "b"), None);
        assert_eq!(visibility(&[], &list(&["."]), "a", "b"), None);
    }
}
