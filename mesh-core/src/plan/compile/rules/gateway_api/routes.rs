//! From rules to routes, and their order on a host (GA-4 to GA-10).

use std::sync::Arc;

use http::StatusCode;

use super::filters;
use super::matches::Specificity;
use super::rule::Rule;
use super::{Problem, RouteDocument};
use crate::diagnostic::{Code, Diagnostic};
use crate::endpoint::ClusterId;
use crate::error::Origin;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::missing::Missing;
use crate::plan::compile::rules::gateway_api::reference::Destined;
use crate::route::{Action, Destination, Forward, Matcher, Mirror, Route};

/// Answers 500 (GA-6).
fn nowhere() -> Forward {
    let mut forward = Forward::to(ClusterId::UNKNOWN);
    forward.unknown_cluster = StatusCode::INTERNAL_SERVER_ERROR;
    forward
}

/// Where rules are compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// The port of the listener, or of the Service.
    pub(crate) port: u16,
    /// Whether references to other namespaces need a grant.
    pub(crate) gateway: bool,
}

/// A route with its place among others (GA-4).
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    specificity: Specificity,
    /// Position of its document: age, then name.
    document: usize,
    pub(crate) route: Arc<Route>,
}

/// The routes of one document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) routes: Vec<Ranked>,
    /// Whether a destination is not there, or a rule was dropped (Y-12).
    pub(crate) lost: bool,
    /// Whether a destination may not be referred to: what was good before must not stay.
    pub(crate) forbidden: bool,
}

/// Puts the most specific first; the oldest document, then its first rule, among equals.
pub(crate) fn sort(routes: &mut [Ranked]) {
    routes.sort_by(|a, b| {
        let place = |one: &Ranked| (one.document, one.route.rule_index, one.route.match_index);
        b.specificity.cmp(&a.specificity).then_with(|| place(a).cmp(&place(b)))
    });
}

impl Compiler<'_> {
    /// The routes of a document at a site.
    pub(crate) fn document_routes(
        &mut self,
        index: usize,
        document: &RouteDocument<'_>,
        site: Site,
    ) -> Compiled {
        let mut compiled = Compiled { lost: !document.dropped.is_empty(), ..Compiled::default() };
        for rule in &document.rules {
            let mut base = self.base(rule, site, &mut compiled);
            if let Some(refused) = &document.refused {
                base.action = Action::Refused(Arc::clone(refused));
                compiled.lost = true;
            }
            for (match_index, one) in rule.matches.iter().enumerate() {
                let mut route = base.clone();
                route.matcher = one.matcher.clone();
                route.match_index = match_index;
                // Validated: both are what they should be. If ever they are not, the request fails rather
                // than go where it was not meant to, as with an unknown filter (GA-7).
                if let Some(redirect) = &rule.redirect
                    && !rule.lacks_filter()
                {
                    let redirect = filters::redirect(redirect, one.prefix, site.port);
                    route.action = redirect.map_or_else(|_| Action::Forward(nowhere()), Action::Redirect);
                }
                if let Some(rewrite) = &rule.rewrite {
                    match filters::rewrite(rewrite, one.prefix) {
                        Ok(rewrite) => route.rewrite = Some(rewrite.into()),
                        Err(_) => route.action = Action::Forward(nowhere()),
                    }
                }
                compiled.routes.push(Ranked {
                    specificity: one.specificity,
                    document: index,
                    route: Arc::new(route),
                });
            }
        }
        compiled
    }

    /// The route of a rule, whatever it matches.
    fn base(&mut self, rule: &Rule, site: Site, compiled: &mut Compiled) -> Route {
        compiled.lost |= rule.lacks_filter();
        let mut forward = if rule.lacks_filter() { nowhere() } else { self.forward_to(rule, site, compiled) };
        forward.unknown_cluster = StatusCode::INTERNAL_SERVER_ERROR;
        let forward = self.keyed(forward, &rule.origin.resource);
        let mut route = Route::new(Arc::clone(&rule.name), Matcher::any(), Action::Forward(forward));
        route.origin = rule.origin.clone();
        route.rule_index = rule.index;
        route.timeout = rule.timeout;
        route.retry = rule.retry.clone().unwrap_or_else(|| Arc::clone(&self.mesh.retry));
        self.stay_with_key(&mut route, rule.retry.as_ref().map(|_| false));
        route.cors = rule.cors.clone();
        route.request_headers = rule.request_headers.clone();
        route.response_headers = rule.response_headers.clone();
        for (target, percent) in &rule.mirrors {
            let mut aside = Compiled::default();
            let cluster = self.cluster_of(target, &rule.origin, site, &mut aside);
            compiled.forbidden |= aside.forbidden;
            // A mirror that leads nowhere is reported, and costs the request nothing.
            if cluster != ClusterId::UNKNOWN {
                route.mirrors.push(Mirror { cluster, percent: *percent });
            }
        }
        route.levelled()
    }

    /// GA-6: the share of what leads nowhere gets 500, as does everything if nothing has a share.
    fn forward_to(&mut self, rule: &Rule, site: Site, compiled: &mut Compiled) -> Forward {
        let mut destinations = Vec::with_capacity(rule.backends.len());
        for backend in rule.backends.iter().filter(|backend| backend.weight > 0) {
            let cluster = self.cluster_of(&backend.target, &backend.origin, site, compiled);
            destinations.push(Destination {
                weight: backend.weight,
                request_headers: backend.request_headers.clone(),
                response_headers: backend.response_headers.clone(),
                origin: backend.origin.clone(),
                ..Destination::new(cluster)
            });
        }
        Forward::new(destinations).unwrap_or_else(|_| Forward::to(ClusterId::UNKNOWN))
    }

    fn cluster_of(
        &mut self,
        target: &Result<Destined, Problem>,
        origin: &Origin,
        site: Site,
        compiled: &mut Compiled,
    ) -> ClusterId {
        let Ok(destined) = target else {
            compiled.lost = true;
            return ClusterId::UNKNOWN;
        };
        if site.gateway && destined.forbidden.is_some() {
            compiled.forbidden = true;
            return ClusterId::UNKNOWN;
        }
        let (host, port) = (&destined.host, destined.port);
        let found = self.resolve(host, port, "");
        found.unwrap_or_else(|missing| {
            compiled.lost = true;
            if matches!(missing, Missing::Refused(_)) {
                return ClusterId::UNKNOWN;
            }
            // It is there, or the reference had not been resolved: it is not for this namespace.
            let message = format!("{host} is not exported to namespace {}", self.workload.namespace);
            self.out.push(Diagnostic::new(Code::ReferencedResourceNotFound, origin.clone(), message));
            ClusterId::UNKNOWN
        })
    }
}
