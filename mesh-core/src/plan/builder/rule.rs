//! A rule: what it matches, where it leads, what it does.

use std::time::Duration;

use crate::api::istio::{
    Abort, Delay, Destination, HttpFaultInjection, HttpMatchRequest, HttpMirrorPolicy, HttpRetry,
    HttpRewrite, HttpRoute, HttpRouteDestination, Percent, PortSelector, StringMatch,
};

/// A rule for a host. All of its conditions must hold; without any it is for every request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Rule {
    host: String,
    target: String,
    port: Option<u16>,
    route: HttpRoute,
}

impl Rule {
    /// A rule for calls to `host`, which go to that service unless [`Rule::via`] says otherwise.
    pub fn to(host: impl Into<String>) -> Self {
        let host = host.into();
        Self { target: host.clone(), host, port: None, route: HttpRoute::default() }
    }

    /// Sends the calls to another service than the one called.
    pub fn via(mut self, service: impl Into<String>) -> Self {
        self.target = service.into();
        self
    }

    /// The port of the destination, needed if it has several (VA-1).
    pub const fn port(mut self, number: u16) -> Self {
        self.port = Some(number);
        self
    }

    /// A name for logs and explanations.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.route.name = name.into();
        self
    }

    /// Holds for paths that begin with `prefix`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = Some(prefix.into());
        self.matching(|block| block.uri = Some(StringMatch { prefix, ..StringMatch::default() }.into()))
    }

    /// Holds for this path.
    pub fn path(self, path: impl Into<String>) -> Self {
        let want = exact(path);
        self.matching(|block| block.uri = Some(want.into()))
    }

    /// Holds for this method.
    pub fn method(self, method: impl Into<String>) -> Self {
        let want = exact(method);
        self.matching(|block| block.method = Some(want.into()))
    }

    /// Holds for requests whose header is `value`.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, want) = (name.into(), exact(value));
        self.matching(|block| drop(block.headers.insert(name, want)))
    }

    /// Gives a subset of the destination a share of the calls. Without this, all endpoints serve.
    pub fn weighted(mut self, subset: impl Into<String>, weight: u16) -> Self {
        let destination = Destination { subset: subset.into(), ..Destination::default() };
        let weight = Some(weight.into());
        self.route.route.push(HttpRouteDestination {
            destination: Some(destination),
            weight,
            ..HttpRouteDestination::default()
        });
        self
    }

    /// Limits the whole call, its retries included (RT-1).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.route.timeout = Some(timeout);
        self
    }

    /// Tries again up to `attempts` times under these conditions, as in `retryOn` (RT-8). 0 switches
    /// retries off.
    pub fn retries(mut self, attempts: u16, on: &str) -> Self {
        let retry_on = (attempts > 0 && !on.is_empty()).then(|| on.to_owned());
        let attempts = Some(attempts.into());
        self.route.retries = Some(HttpRetry { attempts, retry_on, ..HttpRetry::default() }.into());
        self
    }

    /// Delays a share of the calls, in percent (FI-1).
    pub fn delay(mut self, delay: Duration, percent: f64) -> Self {
        let fault = self.fault();
        fault.delay = Some(Delay {
            fixed_delay: Some(delay),
            percentage: Some(Percent { value: percent, ..Percent::default() }),
            ..Delay::default()
        });
        self
    }

    /// Answers a share of the calls, in percent, with this status instead (FI-1).
    pub fn abort(mut self, status: u16, percent: f64) -> Self {
        let fault = self.fault();
        fault.abort = Some(Abort {
            http_status: Some(status.into()),
            percentage: Some(Percent { value: percent, ..Percent::default() }),
            ..Abort::default()
        });
        self
    }

    /// Sends a copy of a share of the calls, in percent, to another service (VA-10).
    pub fn mirror(mut self, service: impl Into<String>, percent: f64) -> Self {
        let destination = Some(Destination { host: service.into(), ..Destination::default() });
        let percentage = Some(Percent { value: percent, ..Percent::default() });
        self.route.mirrors.push(HttpMirrorPolicy { destination, percentage, ..HttpMirrorPolicy::default() });
        self
    }

    /// Replaces the matched part of the path (VA-7).
    pub fn rewrite(mut self, uri: impl Into<String>) -> Self {
        self.route.rewrite = Some(HttpRewrite { uri: Some(uri.into()), ..HttpRewrite::default() }.into());
        self
    }

    /// Changes the rule as the API has it: for all that has no method here.
    pub fn with(mut self, change: impl FnOnce(&mut HttpRoute)) -> Self {
        change(&mut self.route);
        self
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The subsets that the rule names.
    pub(super) fn subsets(&self) -> impl Iterator<Item = &str> {
        let destinations = self.route.route.iter().filter_map(|route| route.destination.as_ref());
        let ours = destinations.filter(|one| one.host.is_empty() || one.host == self.target);
        ours.map(|one| one.subset.as_str()).filter(|subset| !subset.is_empty())
    }

    pub(super) fn into_route(self) -> HttpRoute {
        let Self { target, port, mut route, .. } = self;
        let acts = route.redirect.is_some() || route.direct_response.is_some();
        if route.route.is_empty() && !acts {
            let destination = Some(Destination::default());
            route.route.push(HttpRouteDestination { destination, ..HttpRouteDestination::default() });
        }
        for destination in route.route.iter_mut().filter_map(|route| route.destination.as_mut()) {
            if destination.host.is_empty() {
                destination.host.clone_from(&target);
            }
            if destination.port.is_none() {
                let selector =
                    |number: u16| PortSelector { number: number.into(), ..PortSelector::default() };
                destination.port = port.map(selector);
            }
        }
        route
    }

    fn matching(mut self, change: impl FnOnce(&mut HttpMatchRequest)) -> Self {
        let blocks = &mut self.route.r#match;
        if blocks.is_empty() {
            blocks.push(HttpMatchRequest::default());
        }
        change(&mut blocks[0]);
        self
    }

    fn fault(&mut self) -> &mut HttpFaultInjection {
        self.route.fault.get_or_insert_default()
    }
}

fn exact(text: impl Into<String>) -> StringMatch {
    StringMatch { exact: Some(text.into()), ..StringMatch::default() }
}
