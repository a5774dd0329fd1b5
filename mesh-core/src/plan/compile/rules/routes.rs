//! From HTTP rules to routes: one for each rule and match block that can apply here (VS-5, VS-8, VS-9).

use std::sync::Arc;

use super::actions;
use super::known::{KnownRoutes, Trace};
use super::matches;
use super::place::{Place, Routes};
use super::virtual_services::{Rule, Virtual};
use crate::analysis::blocks;
use crate::api::istio::{Destination as WrittenDestination, HttpMatchRequest};
use crate::diagnostic::{Code, Diagnostic};
use crate::endpoint::ClusterId;
use crate::error::Origin;
use crate::fault::FaultPolicy;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::missing::Missing;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::registry::Port;
use crate::retry::RetryPolicy;
use crate::route::{Action, Destination, Forward, Matcher, Mirror, Route, Vantage};
use crate::units::Percent;

impl Compiler<'_> {
    /// The routes of a VirtualService at `place`; those of the last compile, where they would be made of the same.
    pub(crate) fn routes(&mut self, one: &Virtual<'_>, place: Place<'_>) -> Routes {
        let Some(document) = one.place.filter(|_| one.names.is_plain) else {
            return self.made_routes(one, place);
        };
        let before = self.changes.virtual_services.at(document);
        let known = before.and_then(|before| {
            self.memo.routes.get(before)?.as_slice().iter().find(|known| known.is_of(place))
        });
        if let Some(known) = known.and_then(|known| known.again(&mut self.surroundings())) {
            self.out.extend(known.findings().iter().cloned());
            let routes = known.routes().clone();
            self.routes[document].push(known);
            return routes;
        }
        let found = self.out.len();
        let outer = self.trace.replace(Trace::default());
        let routes = self.made_routes(one, place);
        let trace = std::mem::replace(&mut self.trace, outer).unwrap_or_default();
        let findings = self.out.as_slice()[found..].into();
        if let Some(known) = KnownRoutes::new(place, trace, &routes, findings, &self.surroundings()) {
            self.routes[document].push(Arc::new(known));
        }
        routes
    }

    fn made_routes(&mut self, one: &Virtual<'_>, place: Place<'_>) -> Routes {
        let workload = Arc::clone(&self.workload);
        let vantage = Vantage {
            gateway: place.gateway,
            port: place.port,
            labels: &workload.labels,
            namespace: &workload.namespace,
        };
        if let Some(refused) = &one.refused {
            let routes = refused_routes(one, refused, &vantage);
            return Routes { lost: !routes.is_empty(), routes, ..Routes::default() };
        }
        let mut routes = Routes { lost: one.lost, ..Routes::default() };
        // What stands behind a catch-all never takes part, also where several share a host (VS-3). It is
        // compiled for what there is to say of it.
        let mut dead = false;
        for rule in one.rules() {
            let scopes = &rule.scopes;
            let admitted: Vec<usize> = (0..scopes.len())
                .filter(|block| scopes[*block].admits(&vantage, &one.names.gateways))
                .collect();
            if !scopes.is_empty() && admitted.is_empty() {
                continue;
            }
            let mut lost = false;
            let base = self.rule(rule, place, &mut lost);
            routes.lost |= lost && !dead;
            let Some(base) = base else {
                routes.dropped = true;
                continue;
            };
            if scopes.is_empty() {
                if !dead {
                    routes.routes.push(Arc::new(base));
                }
                dead = true;
                continue;
            }
            for block in admitted {
                match matched(rule, &rule.written.r#match[block], &base, place) {
                    Ok(_) if dead => {}
                    Ok(route) => {
                        dead = route.matcher.is_catch_all();
                        let match_index = rule.blocks[block];
                        routes.routes.push(Arc::new(Route { match_index, ..route }));
                    }
                    Err(diagnostic) => {
                        self.out.push(diagnostic);
                        routes.lost |= !dead;
                    }
                }
            }
        }
        routes
    }

    /// The route of a rule, whatever it matches.
    fn rule(&mut self, of: &Rule<'_>, place: Place<'_>, lost: &mut bool) -> Option<Route> {
        let (resource, rule) = (of.resource, &*of.written);
        if let Some(refused) = &of.refused {
            *lost = true;
            let origin = resource.locate(resource.spec.at.item("http", of.index));
            let route = Arc::unwrap_or_clone(refusal::route(refused, origin));
            return Some(Route { rule_index: of.index, ..route });
        }
        let refuse = |at: Origin, reason: String| {
            Diagnostic::new(Code::SchemaValidationError, resource.locate(at), reason)
        };
        let action = if let Some(redirect) = &rule.redirect {
            match actions::redirect(redirect, None, place.port) {
                Ok(redirect) => Action::Redirect(redirect),
                // Another 3xx: the rule is dropped. Of one that was read this was told when it was (VA-8).
                Err(reason) => {
                    if !redirect.at.is_written("redirectCode") {
                        let at = resource.locate(redirect.at.origin());
                        self.out.push(Diagnostic::new(Code::SchemaWarning, at, reason));
                    }
                    return None;
                }
            }
        } else if let Some(direct) = &rule.direct_response {
            match blocks::direct_response(direct) {
                Ok(direct) => Action::DirectResponse(direct),
                Err(findings) => {
                    self.refused(resource, findings);
                    *lost = true;
                    Action::Forward(Forward::to(ClusterId::UNKNOWN))
                }
            }
        } else {
            self.refused_destination = None;
            let forward = self.forward(of, place, lost);
            let nowhere = |one: &Destination| one.cluster == ClusterId::UNKNOWN;
            match self.refused_destination.take() {
                Some(document) if forward.destinations().iter().all(nowhere) => Action::Refused(document),
                _ => Action::Forward(self.keyed(forward, resource.label())),
            }
        };
        let name = if rule.name.is_empty() { Arc::default() } else { rule.name.as_str().into() };
        let mut route = Route::new(name, Matcher::any(), action);
        route.origin = resource.locate(resource.spec.at.item("http", of.index));
        route.rule_index = of.index;
        route.timeout = rule.timeout.filter(|timeout| !timeout.is_zero());
        route.retry = match &rule.retries {
            None => Arc::clone(&self.mesh.retry),
            Some(written) => match blocks::retry(written, &RetryPolicy::default_policy()) {
                Ok(policy) => {
                    Arc::new(RetryPolicy { origin: resource.locate(written.at.origin()), ..policy })
                }
                Err(findings) => {
                    self.refused(resource, findings);
                    *lost = true;
                    Arc::clone(&self.mesh.retry)
                }
            },
        };
        let told = rule.retries.as_ref().map(|written| written.retry_ignore_previous_hosts.is_some());
        self.stay_with_key(&mut route, told);
        if let Some(fault) = &rule.fault {
            match blocks::fault(fault) {
                Ok(policy) => {
                    let origin = resource.locate(fault.at.origin());
                    route.fault = (!policy.is_empty()).then(|| FaultPolicy { origin, ..policy }.into());
                }
                Err(findings) => {
                    self.refused(resource, findings);
                    *lost = true;
                }
            }
        }
        if let Some(cors) = &rule.cors_policy {
            match actions::cors(cors) {
                Ok(policy) => route.cors = Some(Arc::new(policy)),
                Err(reason) => {
                    self.out.push(refuse(cors.at.origin(), reason));
                    *lost = true;
                }
            }
        }
        match actions::header_ops(rule.headers.as_deref()) {
            Ok((request, response)) => {
                route.request_headers = request;
                route.response_headers = response;
            }
            Err(reason) => {
                self.out.push(refuse(rule.at.field("headers"), reason));
                *lost = true;
            }
        }
        match actions::rewrite(rule.rewrite.as_deref(), None) {
            Ok(rewrite) => route.rewrite = rewrite.map(Box::new),
            Err(reason) => {
                self.out.push(refuse(rule.at.field("rewrite"), reason));
                *lost = true;
            }
        }
        route.mirrors = self.mirrors(of, place);
        Some(route.levelled())
    }

    fn forward(&mut self, of: &Rule<'_>, place: Place<'_>, lost: &mut bool) -> Forward {
        let rule = &*of.written;
        let mut destinations = Vec::with_capacity(rule.route.len());
        let lone = rule.route.len() == 1;
        for (index, written) in rule.route.iter().enumerate() {
            let origin = of.resource.locate(rule.at.item("route", index));
            let cluster = match &written.destination {
                Some(destination) => self.destination(of, destination, place.port, "host"),
                None => ClusterId::UNKNOWN,
            };
            *lost |= cluster == ClusterId::UNKNOWN;
            let weight = match written.weight {
                None if lone => 1,
                weight => u32::try_from(weight.unwrap_or_default()).unwrap_or_default(),
            };
            let mut destination = Destination { weight, origin, ..Destination::new(cluster) };
            match actions::header_ops(written.headers.as_deref()) {
                Ok((request, response)) => {
                    destination.request_headers = request;
                    destination.response_headers = response;
                }
                Err(reason) => {
                    let origin = of.resource.locate(written.at.field("headers"));
                    self.out.push(Diagnostic::new(Code::SchemaValidationError, origin, reason));
                    *lost = true;
                }
            }
            destinations.push(destination);
        }
        Forward::new(destinations).unwrap_or_else(|error| {
            let origin = of.resource.locate(rule.at.field("route"));
            self.out.push(Diagnostic::new(Code::SchemaValidationError, origin, error.to_string()));
            *lost = true;
            Forward::to(ClusterId::UNKNOWN)
        })
    }

    fn mirrors(&mut self, of: &Rule<'_>, place: Place<'_>) -> Vec<Mirror> {
        let rule = &*of.written;
        let mut mirrors = Vec::new();
        let whole = rule.mirror_percent.map(f64::from);
        let first = rule.mirror.as_deref().map(|destination| {
            (destination, rule.mirror_percentage.as_ref().map(|percent| percent.value).or(whole))
        });
        let more = rule.mirrors.iter().filter_map(|mirror| {
            Some((mirror.destination.as_ref()?, mirror.percentage.as_ref().map(|percent| percent.value)))
        });
        for (destination, percent) in first.into_iter().chain(more) {
            let cluster = self.destination(of, destination, place.port, "mirror host");
            let percent = percent.map_or(Ok(Percent::HUNDRED), Percent::or_never);
            match percent {
                // A mirror that leads nowhere is reported, and costs the request nothing.
                Ok(percent) if cluster != ClusterId::UNKNOWN && !percent.is_zero() => {
                    mirrors.push(Mirror { cluster, percent });
                }
                Ok(_) => {}
                Err(error) => {
                    let origin = of.resource.locate(destination.at.origin());
                    self.out.push(Diagnostic::new(Code::SchemaValidationError, origin, error.to_string()));
                }
            }
        }
        mirrors
    }

    /// The cluster of a destination (VA-1); [`ClusterId::UNKNOWN`] and a finding if there is none.
    fn destination(
        &mut self,
        of: &Rule<'_>,
        written: &WrittenDestination,
        came_on: u16,
        what: &'static str,
    ) -> ClusterId {
        let host = names::resolve(&written.host, of.namespace(), &self.mesh.settings.domain_suffix);
        let given = written.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
        let port = match given.filter(|port| *port > 0) {
            Some(port) => port,
            None => {
                let service = self.look_up(&host);
                match service.map(|index| self.registry.get(index).ports.as_slice()).unwrap_or_default() {
                    [only] => only.number,
                    several => {
                        // One that the service does not have is no remark, but an error below.
                        if several.iter().any(|port| port.number == came_on) {
                            let origin = of.resource.locate(written.at.origin());
                            self.out.push(several_ports(&host, several, origin));
                        }
                        came_on
                    }
                }
            }
        };
        let found = self.resolve(&host, port, &written.subset);
        found.unwrap_or_else(|missing| {
            if let Missing::Refused(document) = missing {
                self.refused_destination = Some(document);
                return ClusterId::UNKNOWN;
            }
            let finding = self.missing(of.resource, written, &host, port, what, &missing);
            self.out.push(finding);
            ClusterId::UNKNOWN
        })
    }
}

/// What answers for a VirtualService that is refused (Y-12). At a gateway, where others may share its hosts, that
/// is what its rules match, as far as it can be read; a rule of which it cannot, or that has no match, is for all.
fn refused_routes(one: &Virtual<'_>, document: &Arc<str>, vantage: &Vantage<'_>) -> Vec<Arc<Route>> {
    if vantage.gateway.is_none() || one.shut.is_empty() {
        return vec![refusal::route(document, one.resource.origin())];
    }
    let mut routes = Vec::new();
    for (rule_index, (scopes, rule)) in one.shut.iter().zip(&one.resource.spec.http).enumerate() {
        let origin = one.resource.locate(one.resource.spec.at.item("http", rule_index));
        let whole = Route { rule_index, ..Arc::unwrap_or_clone(refusal::route(document, origin)) };
        if scopes.is_empty() {
            routes.push(Arc::new(whole));
            return routes;
        }
        for (match_index, (scope, block)) in scopes.iter().zip(&rule.r#match).enumerate() {
            if !scope.admits(vantage, &one.names.gateways) {
                continue;
            }
            let matcher = matches::matcher(block).unwrap_or_else(|_| Matcher::any());
            // What stands behind a catch-all never takes part (VS-3).
            let is_last = matcher.is_catch_all();
            routes.push(Arc::new(Route { matcher, match_index, ..whole.clone() }));
            if is_last {
                return routes;
            }
        }
    }
    routes
}

/// IST0112: a destination that names none of its service's ports (VA-1).
fn several_ports(host: &str, ports: &[Port], origin: Origin) -> Diagnostic {
    let numbers: Vec<String> = ports.iter().map(|port| port.number.to_string()).collect();
    let message = format!(
        "{host} has ports {} and this names none: each call goes on to the port that it came for",
        numbers.join(", ")
    );
    let hint = "leave it so if callers choose the port; with `port.number` calls for all of them go to that one, \
                whatever it speaks";
    let code = Code::VirtualServiceDestinationPortSelectorRequired;
    Diagnostic::new(code, origin, message).hint(hint)
}

/// A rule's route for one of its match blocks.
fn matched(
    of: &Rule<'_>,
    block: &HttpMatchRequest,
    base: &Route,
    place: Place<'_>,
) -> Result<Route, Diagnostic> {
    let (resource, rule) = (of.resource, &*of.written);
    let refuse = |at: Origin, reason: String| {
        Diagnostic::new(Code::SchemaValidationError, resource.locate(at), reason)
    };
    let mut route = base.clone();
    route.matcher = matches::matcher(block).map_err(|error| {
        let field = error.field.split('.').next().unwrap_or_default().to_owned();
        refuse(block.at.field(&field), error.to_string())
    })?;
    if !block.name.is_empty() {
        route.name = match rule.name.as_str() {
            "" => block.name.as_str().into(),
            name => format!("{name}.{}", block.name).into(),
        };
    }
    route.stat_prefix = (!block.stat_prefix.is_empty()).then(|| block.stat_prefix.as_str().into());
    let uri = block.uri.as_deref();
    // One by a regular expression is the same whatever matched.
    if rule.rewrite.as_ref().is_some_and(|rewrite| rewrite.uri_regex_rewrite.is_none()) {
        route.rewrite = actions::rewrite(rule.rewrite.as_deref(), uri)
            .map_err(|reason| refuse(rule.at.field("rewrite"), reason))?
            .map(Box::new);
    }
    if let Some(redirect) = &rule.redirect {
        let redirect = actions::redirect(redirect, uri, place.port)
            .map_err(|reason| refuse(rule.at.field("redirect"), reason))?;
        route.action = Action::Redirect(redirect);
    }
    Ok(route)
}
