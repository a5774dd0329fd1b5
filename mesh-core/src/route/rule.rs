//! One route: one `http` rule × one match block, compiled.

use std::sync::Arc;
use std::time::Duration;

use super::{Action, HeaderOps, Matcher, Mirror, Rewrite};
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
    /// What requests it serves.
    pub matcher: Matcher,
    /// What it does with them.
    pub action: Action,
    /// How long the whole request may take; `None` is no limit.
    pub timeout: Option<Duration>,
    /// Which failures are tried again.
    pub retry: Arc<RetryPolicy>,
    /// What is injected.
    pub fault: Option<FaultPolicy>,
    /// What becomes of path and authority.
    pub rewrite: Option<Rewrite>,
    /// What happens to request headers.
    pub request_headers: HeaderOps,
    /// What happens to response headers.
    pub response_headers: HeaderOps,
    /// Who gets a copy.
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
            rewrite: None,
            request_headers: HeaderOps::default(),
            response_headers: HeaderOps::default(),
            mirrors: Vec::new(),
            stat_prefix: None,
        }
    }
}
