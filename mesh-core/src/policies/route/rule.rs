//! One route: one `http` rule × one match block, compiled.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::{Action, Destination, HeaderOps, Matcher, Mirror, Rewrite, Vars};
use crate::cors::CorsPolicy;
use crate::error::Origin;
use crate::fault::FaultPolicy;
use crate::retry::RetryPolicy;

/// A rule that can serve a request, and everything it does to it.
#[derive(Clone, Debug)]
pub struct Route {
    /// `rule.name`, or `rule.name.match.name` (VS-9); `default` for a service without rules (VS-7).
    pub name: Arc<str>,
    /// Where it was written.
    pub origin: Origin,
    /// Index of the rule in its resource.
    pub rule_index: usize,
    /// Index of the match block in the rule.
    pub match_index: usize,
    /// The requests that it serves.
    pub matcher: Matcher,
    /// The action on them.
    pub action: Action,
    /// How long the whole request may take; `None` is no limit.
    pub timeout: Option<Duration>,
    /// Which failures are tried again.
    pub retry: Arc<RetryPolicy>,
    /// The faults that are injected.
    pub fault: Option<Box<FaultPolicy>>,
    /// Which pages of other origins may read the answers.
    pub cors: Option<Arc<CorsPolicy>>,
    /// The rewrite of path and authority.
    pub rewrite: Option<Box<Rewrite>>,
    /// Operations on request headers.
    pub request_headers: HeaderOps,
    /// Operations on response headers.
    pub response_headers: HeaderOps,
    /// The destinations that get a copy.
    pub mirrors: Vec<Mirror>,
    /// Name of the counters of its own, if it has any (VM-9).
    pub stat_prefix: Option<Arc<str>>,
}

impl Route {
    /// A route that does `action`, with the default retry policy (RT-6) and nothing else.
    #[must_use]
    pub fn new(name: Arc<str>, matcher: Matcher, action: Action) -> Self {
        Self {
            name,
            origin: Origin::default(),
            rule_index: 0,
            match_index: 0,
            matcher,
            action,
            timeout: None,
            retry: Arc::new(RetryPolicy::default_policy()),
            fault: None,
            cors: None,
            rewrite: None,
            request_headers: HeaderOps::default(),
            response_headers: HeaderOps::default(),
            mirrors: Vec::new(),
            stat_prefix: None,
        }
    }

    /// The name of a route from that of its rule and of its match block (VS-9). As in Istio, a block with
    /// a name in a rule without one is called `.block`.
    #[must_use]
    pub fn name_of(rule: &str, block: Option<&str>) -> Arc<str> {
        match block.filter(|block| !block.is_empty()) {
            Some(block) => format!("{rule}.{block}").into(),
            None => rule.into(),
        }
    }

    /// Whether it only says that a document is refused.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.action, Action::Refused(_))
    }

    /// The destinations; none for a route that does not forward.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        match &self.action {
            Action::Forward(forward) => forward.destinations(),
            Action::Passthrough | Action::Redirect(_) | Action::DirectResponse(_) | Action::Refused(_) => &[],
        }
    }

    /// Makes one level of the header operations of the rule and of its only destination, which has them
    /// all afterwards (VA-5). Compilers end with it: a request then meets one list.
    #[must_use]
    pub fn levelled(mut self) -> Self {
        if let Action::Forward(forward) = &mut self.action
            && let Some(lone) = forward.lone()
        {
            lone.request_headers = self.request_headers.merged(&lone.request_headers);
            lone.response_headers = self.response_headers.merged(&lone.response_headers);
            (self.request_headers, self.response_headers) = Default::default();
        }
        self
    }

    /// Applies the header operations of rule and destination to a request on its way to destination
    /// number `destination`; returns the new authority, if there is one.
    ///
    /// The destination's come first, so that the rule wins; those of an only destination are one level with
    /// the rule's ([`levelled`](Self::levelled)), where the destination wins (VA-5). The authority is the
    /// rewrite's, else the rule's, else the destination's.
    #[must_use = "the new authority is for the caller to set"]
    pub fn apply_request(
        &self,
        destination: usize,
        headers: &mut HeaderMap,
        vars: &impl Vars,
    ) -> Option<HeaderValue> {
        let chosen = self.destinations().get(destination);
        let of_destination =
            chosen.and_then(|destination| destination.request_headers.apply_request(headers, vars));
        let of_rule = self.request_headers.apply_request(headers, vars);
        let of_rewrite = self.rewrite.as_ref().and_then(|rewrite| rewrite.authority.as_ref());
        of_rewrite
            .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
            .or(of_rule)
            .or(of_destination)
    }

    /// Applies the header operations of rule and destination to a response, in the order of
    /// [`Route::apply_request`].
    pub fn apply_response(&self, destination: usize, headers: &mut HeaderMap, vars: &impl Vars) {
        if let Some(chosen) = self.destinations().get(destination) {
            chosen.response_headers.apply_response(headers, vars);
        }
        self.response_headers.apply_response(headers, vars);
    }

    /// Whether a response on its way back from destination number `destination` is changed.
    #[must_use]
    pub fn changes_response(&self, destination: usize) -> bool {
        let chosen = self.destinations().get(destination);
        !self.response_headers.is_empty()
            || chosen.is_some_and(|destination| !destination.response_headers.is_empty())
    }

    /// Whether an operation of the rule or of destination number `destination` asks about the request.
    #[must_use]
    pub fn has_variables(&self, destination: usize) -> bool {
        let rule = [&self.request_headers, &self.response_headers];
        let chosen = self.destinations().get(destination);
        let chosen = chosen.map(|destination| [&destination.request_headers, &destination.response_headers]);
        rule.into_iter().chain(chosen.into_iter().flatten()).any(HeaderOps::has_variables)
    }

    /// Whether one of the operations on responses from destination number `destination` does so.
    #[must_use]
    pub fn response_has_variables(&self, destination: usize) -> bool {
        let chosen = self.destinations().get(destination).map(|destination| &destination.response_headers);
        self.response_headers.has_variables() || chosen.is_some_and(HeaderOps::has_variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ClusterId;
    use crate::route::{Direction, Forward};

    fn ops(set: &[(&str, &str)], add: &[(&str, &str)]) -> HeaderOps {
        HeaderOps::build(Direction::Request, [], set.iter().copied(), add.iter().copied()).unwrap()
    }

    fn route(destinations: usize) -> Route {
        let mut destinations: Vec<_> = (0..destinations).map(|_| Destination::new(ClusterId(0))).collect();
        destinations[0].request_headers = ops(&[("x", "destination"), ("host", "destination")], &[]);
        destinations[0].response_headers = ops(&[("x", "destination")], &[]);
        let forward = Forward::new(destinations).unwrap();
        let mut route = Route::new("r".into(), Matcher::any(), Action::Forward(forward));
        route.request_headers = ops(&[("x", "rule"), ("host", "rule")], &[("y", "rule")]);
        route.response_headers = ops(&[("x", "rule")], &[]);
        route.levelled()
    }

    #[test]
    fn va_5_the_only_destination_wins_but_the_rule_wins_over_several() {
        for (count, winner) in [(1, "destination"), (2, "rule")] {
            let route = route(count);
            let mut request = HeaderMap::new();
            let authority = route.apply_request(0, &mut request, &());
            assert_eq!(request["x"], winner);
            assert_eq!(request["y"], "rule");
            assert_eq!(authority.unwrap(), "rule");
            let mut response = HeaderMap::new();
            route.apply_response(0, &mut response, &());
            assert_eq!(response["x"], winner);
        }
    }

    #[test]
    fn va_5_authority_of_rewrite_then_rule_then_destination() {
        let mut route = route(2);
        route.rewrite = Some(Rewrite { path: None, authority: Some("rewrite".parse().unwrap()) }.into());
        assert_eq!(route.apply_request(0, &mut HeaderMap::new(), &()).unwrap(), "rewrite");
        route.rewrite = None;
        route.request_headers = HeaderOps::default();
        assert_eq!(route.apply_request(0, &mut HeaderMap::new(), &()).unwrap(), "destination");
        assert_eq!(route.apply_request(1, &mut HeaderMap::new(), &()), None);
    }

    #[test]
    fn vs_9_route_names() {
        assert_eq!(&*Route::name_of("rule", None), "rule");
        assert_eq!(&*Route::name_of("rule", Some("")), "rule");
        assert_eq!(&*Route::name_of("rule", Some("block")), "rule.block");
        assert_eq!(&*Route::name_of("", Some("block")), ".block");
    }

    #[test]
    fn routes_are_shared_between_threads() {
        const fn shared<T: Send + Sync + 'static>() {}
        shared::<Route>();
        shared::<crate::route::RouteTable>();
    }
}
