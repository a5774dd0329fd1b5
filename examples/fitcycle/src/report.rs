//! report-server: a service written before there was a mesh, and left as it is.
//!
//! It links nothing of ours: an ordinary HTTP client that honours `http_proxy`, an ordinary listener. What
//! the mesh does for it, a sidecar does from outside: `GET /report` reaches it through the sidecar's inbound
//! listener, and its own call to the API leaves through the outbound one. The report counts the newest
//! sign-ups by the domain of their e-mail address.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::front::Front;
use crate::model::Signup;

/// The whole service.
pub(crate) fn router(front: Front) -> Router {
    Router::new().route("/report", get(report)).route("/healthz", get(async || "ok\n")).with_state(front)
}

async fn report(State(front): State<Front>) -> Response {
    front
        .json(|list, by| json!({ "signups": list.signups.len(), "domains": by_domain(&list.signups), "api": by }))
        .await
}

fn by_domain(signups: &[Signup]) -> BTreeMap<String, usize> {
    let mut domains = BTreeMap::new();
    for signup in signups {
        let domain = signup.email.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase();
        *domains.entry(domain).or_default() += 1;
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_counted_without_regard_to_case() {
        let signup =
            |email: &str| Signup { id: 1, firstname: "A".into(), lastname: "B".into(), email: email.into() };
        let counted = by_domain(&[signup("a@x.org"), signup("b@X.org"), signup("c@y.org")]);
        assert_eq!(counted, BTreeMap::from([("x.org".to_owned(), 2), ("y.org".to_owned(), 1)]));
    }
}
