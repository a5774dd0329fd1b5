//! A rule that delegates, and a rule of the delegate, as one rule (VA-13).
//!
//! The delegate's owner says what happens, within what the root leaves: each of its matches must fit into
//! one of the root's, and what results asks for both. What the delegate does not set, the root does.

use crate::api::istio::{HttpMatchRequest, HttpRoute, StringMatch};
use crate::text_map::TextMap;

/// The rule that both make together, and which block of which list each of its matches was written as;
/// `None` if a match of `leaf` fits nowhere.
///
/// Gateways are compared as written: names must be full.
pub(super) fn rules(root: &HttpRoute, leaf: &HttpRoute) -> Option<(HttpRoute, Vec<usize>)> {
    let (blocks, written) = matches(&root.r#match, &leaf.r#match)?;
    let mut rule = leaf.clone();
    rule.name = joined(&root.name, &leaf.name);
    rule.r#match = blocks;
    inherit(&mut rule.rewrite, &root.rewrite);
    inherit(&mut rule.timeout, &root.timeout);
    inherit(&mut rule.retries, &root.retries);
    inherit(&mut rule.fault, &root.fault);
    inherit(&mut rule.cors_policy, &root.cors_policy);
    inherit(&mut rule.headers, &root.headers);
    if rule.mirror.is_none() && rule.mirrors.is_empty() {
        rule.mirror.clone_from(&root.mirror);
        rule.mirrors.clone_from(&root.mirrors);
    }
    if rule.mirror_percent.is_none() && rule.mirror_percentage.is_none() {
        rule.mirror_percent = root.mirror_percent;
        rule.mirror_percentage.clone_from(&root.mirror_percentage);
    }
    Some((rule, written))
}

fn inherit<T: Clone>(own: &mut Option<T>, root: &Option<T>) {
    if own.is_none() {
        own.clone_from(root);
    }
}

fn joined(root: &str, leaf: &str) -> String {
    match (root, leaf) {
        ("", name) | (name, "") => name.to_owned(),
        (root, leaf) => format!("{root}-{leaf}"),
    }
}

fn matches(
    root: &[HttpMatchRequest],
    leaf: &[HttpMatchRequest],
) -> Option<(Vec<HttpMatchRequest>, Vec<usize>)> {
    if root.is_empty() || leaf.is_empty() {
        let only = if root.is_empty() { leaf } else { root };
        return Some((only.to_vec(), (0..only.len()).collect()));
    }
    let (mut blocks, mut written) = (Vec::new(), Vec::new());
    for (index, leaf) in leaf.iter().enumerate() {
        let before = blocks.len();
        blocks.extend(root.iter().filter(|root| fits(root, leaf)).map(|root| both(root, leaf)));
        written.resize(blocks.len(), index);
        if blocks.len() == before {
            return None;
        }
    }
    Some((blocks, written))
}

/// Whether the requests that `leaf` asks for are some of those that `root` leaves to it.
fn fits(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> bool {
    let texts = [
        (&root.uri, &leaf.uri),
        (&root.scheme, &leaf.scheme),
        (&root.method, &leaf.method),
        (&root.authority, &leaf.authority),
    ];
    let maps = [
        (&root.headers, &leaf.headers),
        (&root.without_headers, &leaf.without_headers),
        (&root.query_params, &leaf.query_params),
    ];
    let ports = [root.port, leaf.port].map(|port| port.filter(|port| *port > 0));
    let labels = &root.source_labels;
    texts.into_iter().all(|(root, leaf)| text_fits(root.as_deref(), leaf.as_deref()))
        && maps
            .into_iter()
            .all(|(root, leaf)| leaf.iter().all(|(name, want)| text_fits(root.get(name), Some(want))))
        && root.ignore_uri_case == leaf.ignore_uri_case
        && !matches!(ports, [Some(root), Some(leaf)] if root != leaf)
        && (root.source_namespace.is_empty() || root.source_namespace == leaf.source_namespace)
        && leaf.source_labels.iter().all(|(name, value)| labels.get(name).is_none_or(|root| root == value))
        && (root.gateways.is_empty() || leaf.gateways.iter().all(|gateway| root.gateways.contains(gateway)))
}

/// A text of the leaf must be the root's, or go on where the root's prefix ends. Expressions aren't
/// compared, and presence isn't either: two of them on one thing conflict.
fn text_fits(root: Option<&StringMatch>, leaf: Option<&StringMatch>) -> bool {
    let (Some(root), Some(leaf)) = (root, leaf) else { return true };
    if root.regex.is_some() || leaf.regex.is_some() {
        return false;
    }
    match (&root.exact, &root.prefix, &leaf.exact, &leaf.prefix) {
        (Some(root), _, Some(leaf), _) => root == leaf,
        (None, Some(root), Some(leaf), _) | (None, Some(root), None, Some(leaf)) => leaf.starts_with(&**root),
        _ => false,
    }
}

/// What both ask for, given that the leaf's fits: where both speak of one thing, the leaf's is narrower.
fn both(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> HttpMatchRequest {
    let mut block = leaf.clone();
    block.name = joined(&root.name, &leaf.name);
    inherit(&mut block.uri, &root.uri);
    inherit(&mut block.scheme, &root.scheme);
    inherit(&mut block.method, &root.method);
    inherit(&mut block.authority, &root.authority);
    complete(&mut block.headers, &root.headers);
    complete(&mut block.query_params, &root.query_params);
    complete(&mut block.source_labels, &root.source_labels);
    // What the root excludes is more than what the leaf does.
    block.without_headers.extend(root.without_headers.clone());
    if block.port.is_none_or(|port| port == 0) {
        block.port = root.port;
    }
    if block.source_namespace.is_empty() {
        block.source_namespace.clone_from(&root.source_namespace);
    }
    if block.gateways.is_empty() {
        block.gateways.clone_from(&root.gateways);
    }
    if block.stat_prefix.is_empty() {
        block.stat_prefix.clone_from(&root.stat_prefix);
    }
    block
}

fn complete<V: Clone>(own: &mut TextMap<V>, root: &TextMap<V>) {
    for (name, value) in root {
        own.insert_new(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Option<Box<StringMatch>> {
        Some(StringMatch { exact: Some(text.into()), ..StringMatch::default() }.into())
    }

    fn prefix(text: &str) -> Option<Box<StringMatch>> {
        Some(StringMatch { prefix: Some(text.into()), ..StringMatch::default() }.into())
    }

    fn regex(text: &str) -> Option<Box<StringMatch>> {
        Some(StringMatch { regex: Some(text.into()), ..StringMatch::default() }.into())
    }

    fn uri(uri: Option<Box<StringMatch>>) -> HttpMatchRequest {
        HttpMatchRequest { uri, ..HttpMatchRequest::default() }
    }

    #[test]
    fn va_13_a_text_fits_if_it_is_the_same_or_longer() {
        let fit = [
            (None, exact("/a")),
            (exact("/a"), None),
            (exact("/a"), exact("/a")),
            (prefix("/a"), exact("/ab")),
            (prefix("/a"), prefix("/a")),
            (prefix("/a"), prefix("/a/b")),
            (regex("/a"), None),
        ];
        for (root, leaf) in fit {
            assert!(text_fits(root.as_deref(), leaf.as_deref()), "{root:?} {leaf:?}");
        }
        let conflicts = [
            (exact("/a"), exact("/b")),
            (exact("/a"), prefix("/a")),
            (prefix("/a/b"), prefix("/a")),
            (prefix("/a"), exact("/b")),
            (regex("/a"), exact("/a")),
            (regex("/a"), regex("/a")),
            (prefix("/a"), regex("/a.*")),
            (Some(Box::default()), exact("a")),
            (prefix("a"), Some(Box::default())),
        ];
        for (root, leaf) in conflicts {
            assert!(!text_fits(root.as_deref(), leaf.as_deref()), "{root:?} {leaf:?}");
        }
    }

    #[test]
    fn va_13_each_other_condition_may_conflict() {
        let any = HttpMatchRequest::default;
        let labels = |value: &str| TextMap::from([("app".to_owned(), value.to_owned())]);
        let texts = |value: &str| TextMap::from([("x".to_owned(), *exact(value).unwrap())]);
        let ports = |port| HttpMatchRequest { port: Some(port), ..any() };
        let from =
            |source_namespace: &str| HttpMatchRequest { source_namespace: source_namespace.into(), ..any() };
        let labelled = |value| HttpMatchRequest { source_labels: labels(value), ..any() };
        let gateways = |list: &[&str]| HttpMatchRequest {
            gateways: list.iter().map(|&gateway| gateway.to_owned()).collect(),
            ..any()
        };
        let headers = |value| HttpMatchRequest { headers: texts(value), ..any() };
        let without = |value| HttpMatchRequest { without_headers: texts(value), ..any() };
        let query = |value| HttpMatchRequest { query_params: texts(value), ..any() };
        let ignoring = HttpMatchRequest { ignore_uri_case: true, ..any() };
        for (root, leaf) in [
            (ports(80), ports(80)),
            (ports(80), ports(0)),
            (from(""), from("a")),
            (labelled("a"), labelled("a")),
            (labelled("a"), any()),
            (gateways(&["a/b", "mesh"]), gateways(&["mesh"])),
            (gateways(&[]), gateways(&["mesh"])),
            (gateways(&["mesh"]), any()),
            (headers("a"), headers("a")),
            (headers("a"), without("b")),
        ] {
            assert!(fits(&root, &leaf), "{root:?} {leaf:?}");
        }
        for (root, leaf) in [
            (ports(80), ports(81)),
            (from("a"), from("b")),
            (from("a"), any()),
            (labelled("a"), labelled("b")),
            (gateways(&["mesh"]), gateways(&["mesh", "a/b"])),
            (headers("a"), headers("b")),
            (without("a"), without("b")),
            (query("a"), query("b")),
            (any(), ignoring.clone()),
            (ignoring, any()),
            (
                HttpMatchRequest { scheme: exact("http"), ..any() },
                HttpMatchRequest { scheme: exact("https"), ..any() },
            ),
            (
                HttpMatchRequest { method: exact("GET"), ..any() },
                HttpMatchRequest { method: exact("PUT"), ..any() },
            ),
            (
                HttpMatchRequest { authority: exact("a"), ..any() },
                HttpMatchRequest { authority: exact("b"), ..any() },
            ),
        ] {
            assert!(!fits(&root, &leaf), "{root:?} {leaf:?}");
        }
    }

    #[test]
    fn va_13_every_match_of_the_leaf_must_fit_somewhere() {
        let root = [uri(prefix("/a")), uri(prefix("/a/b"))];
        let (blocks, written) = matches(&root, &[uri(prefix("/a/b/c")), uri(exact("/a/x"))]).unwrap();
        let uris: Vec<_> = blocks.iter().map(|block| block.uri.clone()).collect();
        assert_eq!(uris, [prefix("/a/b/c"), prefix("/a/b/c"), exact("/a/x")]);
        assert_eq!(written, [0, 0, 1]);
        assert!(matches(&root, &[uri(prefix("/a/b/c")), uri(exact("/x"))]).is_none());
        assert_eq!(matches(&root, &[]).unwrap().0, root);
        assert_eq!(matches(&[], &root).unwrap().0, root);
    }

    #[test]
    fn va_13_what_results_asks_for_both() {
        let texts =
            |name: &str, want: Option<Box<StringMatch>>| TextMap::from([(name.to_owned(), *want.unwrap())]);
        let root = HttpMatchRequest {
            name: "root".into(),
            method: exact("GET"),
            headers: texts("a", prefix("1")),
            without_headers: texts("w", prefix("1")),
            query_params: texts("q", exact("1")),
            source_labels: TextMap::from([("app".into(), "web".into())]),
            port: Some(80),
            gateways: vec!["mesh".into()],
            stat_prefix: "s".into(),
            ..HttpMatchRequest::default()
        };
        let leaf = HttpMatchRequest {
            name: "leaf".into(),
            uri: prefix("/x"),
            headers: [texts("a", exact("12")), texts("b", exact("2"))].into_iter().flatten().collect(),
            without_headers: texts("w", exact("12")),
            ..HttpMatchRequest::default()
        };
        let expected = HttpMatchRequest {
            name: "root-leaf".into(),
            uri: prefix("/x"),
            headers: leaf.headers.clone(),
            ..root.clone()
        };
        assert_eq!(both(&root, &leaf), expected);
    }

    #[test]
    fn va_13_the_leaf_wins_and_inherits_the_rest() {
        let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
        let to = |host: &str| crate::api::istio::Destination { host: host.into(), ..Default::default() };
        let root = HttpRoute {
            name: "root".into(),
            timeout: seconds(1),
            retries: Some(Default::default()),
            rewrite: Some(Default::default()),
            fault: Some(Default::default()),
            cors_policy: Some(Default::default()),
            headers: Some(Default::default()),
            mirror: Some(to("root").into()),
            mirror_percent: Some(5),
            ..HttpRoute::default()
        };
        let bare = HttpRoute { name: "leaf".into(), ..HttpRoute::default() };
        let expected = HttpRoute { name: "root-leaf".into(), ..root.clone() };
        assert_eq!(rules(&root, &bare).unwrap().0, expected);
        let own = HttpRoute {
            timeout: seconds(2),
            mirrors: vec![Default::default()],
            mirror_percent: Some(7),
            ..HttpRoute::default()
        };
        let merged = rules(&root, &own).unwrap().0;
        assert_eq!((merged.timeout, merged.name.as_str()), (seconds(2), "root"));
        assert_eq!((merged.mirror, merged.mirrors.len(), merged.mirror_percent), (None, 1, Some(7)));
        assert_eq!(merged.retries, root.retries);
    }
}
