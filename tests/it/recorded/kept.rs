//! The differences that stay: what Istio did, and the exact answer that we give instead.

use serde_json::{Value, json};

use super::case::Case;

/// A difference that is wanted.
pub(super) struct Kept {
    pub(super) name: &'static str,
    /// The words that begin its entry in `docs/differences-from-envoy.md`.
    pub(super) page: &'static str,
    /// What we answer to such a case; `None` if it is not one.
    pub(super) instead: fn(Case<'_>) -> Option<Value>,
}

/// Istio opens no listener where the workload sees no service on its port.
pub(super) const OPEN_LISTENER: Kept = Kept {
    name: "a listener without a service is open",
    page: "A Sidecar's listener is open",
    instead: |case| (case.observed["error"] == "ConnectionRefusedError").then(|| unknown_host(case)),
};

/// What a call to a host gets that nobody knows (H-8): nothing goes there, or DNS knows no such name.
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

/// Where a rewrite by a regular expression leaves none, Istio sends a path without a slash.
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
