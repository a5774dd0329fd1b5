//! The differences that stay: Istio's behaviour, and the exact answer that we give instead.

use serde_json::{Value, json};

use super::case::Case;

/// A wanted difference.
pub(super) struct Kept {
    pub(super) name: &'static str,
    /// The words that begin its entry in `docs/differences-from-envoy.md`.
    pub(super) page: &'static str,
    /// Our answer to such a case; `None` if the case is another.
    pub(super) instead: fn(Case<'_>) -> Option<Value>,
}

/// Istio opens no listener on a port without a service that the workload sees.
pub(super) const OPEN_LISTENER: Kept = Kept {
    name: "a listener without a service is open",
    page: "A Sidecar's listener is open",
    instead: |case| (case.observed["error"] == "ConnectionRefusedError").then(|| unknown_host(case)),
};

/// The outcome of a call to an undeclared host (H-8): it goes nowhere, or DNS has no such name.
fn unknown_host(case: Case<'_>) -> Value {
    let mut documents = case.configuration.documents().iter();
    let sidecar = documents.find(|document| document["kind"] == "Sidecar").expect("each has one");
    if sidecar["spec"]["outboundTrafficPolicy"]["mode"] == "ALLOW_ANY" {
        return json!({
            "status": 503, "response": {"content-type": "text/plain"}, "body": "no healthy upstream"
        });
    }
    json!({"status": 502, "response": {}, "body": ""})
}

/// If a rewrite by a regular expression leaves no slash, Istio sends a path without one.
pub(super) const SLASH: Kept = Kept {
    name: "a path begins with a slash",
    page: "A rewritten path always begins with `/`",
    instead: |case| {
        let path = case.observed["path"].as_str().filter(|path| !path.starts_with('/'))?;
        let mut instead = case.observed.clone();
        instead["path"] = format!("/{path}").into();
        Some(instead)
    },
};

/// Istio leaves out a redirect's `port` if it is the scheme's default, and so loses an explicit port.
pub(super) const EXPLICIT_PORT: Kept = Kept {
    name: "an explicit port of a redirect counts",
    page: "Redirects leave out default ports",
    instead: |case| {
        let (scheme, authority, path) = location(case)?;
        let (host, _) = authority.rsplit_once(':')?;
        let default = default_port(scheme);
        let is_it = |redirect: &Value| {
            redirect["port"] == default && redirect["authority"].as_str().is_none_or(|own| own == authority)
        };
        redirects(case).any(is_it).then(|| moved(case, &format!("{scheme}://{host}{path}")))
    },
};

/// Envoy appends the port to an authority that has one.
pub(super) const ONE_PORT: Kept = Kept {
    name: "a redirect has one port",
    page: "Redirects leave out default ports",
    instead: |case| {
        let (scheme, authority, path) = location(case)?;
        let (host, port) = authority.rsplit_once(':')?;
        let (host, _) = host.rsplit_once(':')?;
        let port = if port == default_port(scheme).to_string() { String::new() } else { format!(":{port}") };
        Some(moved(case, &format!("{scheme}://{host}{port}{path}")))
    },
};

/// Scheme, authority and the rest of Istio's `Location`.
fn location(case: Case<'_>) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = case.observed["response"]["location"].as_str()?.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((scheme, authority, path))
}

/// Istio's answer, with another `Location`.
fn moved(case: Case<'_>, to: &str) -> Value {
    let mut instead = case.observed.clone();
    instead["response"]["location"] = to.into();
    instead
}

/// All redirects of the configuration.
fn redirects(case: Case<'_>) -> impl Iterator<Item = &Value> {
    let rules = case.configuration.documents().iter().filter_map(|one| one["spec"]["http"].as_array());
    rules.flatten().map(|rule| &rule["redirect"]).filter(|redirect| !redirect.is_null())
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}
