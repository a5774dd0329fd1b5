//! Routes that are taken over from the last compile.
//!
//! Routes depend on their VirtualService, on the place that they are for, and on every service that was looked up on
//! the way: what was found then must be found again. A [`Trace`] takes notes of that while routes are made.

use std::borrow::Cow;
use std::sync::Arc;

use super::place::{Place, Routes};
use crate::diagnostic::Diagnostic;
use crate::endpoint::ClusterId;
use crate::plan::compile::destinations::callable::Callable;
use crate::plan::compile::destinations::callables::Callables;
use crate::plan::compile::destinations::clusters::Clusters;
use crate::plan::compile::destinations::rules::Rules;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::Registry;
use crate::route::{Action, Route};

/// What was looked up while routes were made.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Each host with the place of its service.
    hosts: Vec<(Box<str>, Option<usize>)>,
    /// The variants of services that are called, and their clusters, in the order in which they were asked for.
    uses: Vec<(usize, usize, ClusterId)>,
    /// Whether something was not there: what is said of it depends on all that is.
    missed: bool,
}

impl Trace {
    /// Notes which service a host is of.
    pub(crate) fn looked_up(&mut self, host: &str, service: Option<usize>) {
        if !self.hosts.iter().any(|(known, _)| **known == *host) {
            self.hosts.push((host.into(), service));
        }
    }

    /// Notes that a variant of a service is called.
    pub(crate) fn used(&mut self, service: usize, variant: usize, id: ClusterId) {
        if !self.uses.contains(&(service, variant, id)) {
            self.uses.push((service, variant, id));
        }
    }

    /// Notes that a destination is not there.
    pub(crate) const fn missed(&mut self) {
        self.missed = true;
    }
}

/// The routes of a VirtualService at a place, and what they depend on besides it.
#[derive(Debug)]
pub(crate) struct KnownRoutes {
    gateway: Option<Box<str>>,
    port: u16,
    /// Each host that was looked up.
    hosts: Box<[Host]>,
    uses: Box<[Use]>,
    routes: Routes,
    findings: Box<[Diagnostic]>,
}

/// A host, with what was found.
#[derive(Clone, Debug)]
struct Host {
    name: Box<str>,
    /// The place of its service, and how that is called.
    found: Option<(usize, Arc<Callable>)>,
}

/// A cluster that routes lead to.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// Which of the hosts that were looked up.
    host: usize,
    variant: usize,
    id: ClusterId,
}

/// What routes are made and taken over by.
#[derive(Debug)]
pub(crate) struct Surroundings<'s, 'a> {
    pub(crate) registry: &'s Registry,
    pub(crate) callables: &'s Callables<'a>,
    pub(crate) rules: &'s Rules<'a>,
    pub(crate) mesh: &'s Mesh<'a>,
    pub(crate) clusters: &'s mut Clusters,
}

impl<'s> Surroundings<'s, '_> {
    fn callable(&self, service: usize) -> &'s Arc<Callable> {
        self.callables.get(service, self.registry, self.rules, self.mesh)
    }
}

impl KnownRoutes {
    /// Remembers routes; `None` for those that depend on more than what was noted.
    pub(crate) fn new(
        place: Place<'_>,
        trace: Trace,
        routes: &Routes,
        findings: Box<[Diagnostic]>,
        surroundings: &Surroundings<'_, '_>,
    ) -> Option<Self> {
        if trace.missed || routes.lost {
            return None;
        }
        let of = |(service, variant, id): &(usize, usize, ClusterId)| {
            let host = trace.hosts.iter().position(|(_, found)| *found == Some(*service))?;
            Some(Use { host, variant: *variant, id: *id })
        };
        let uses = trace.uses.iter().map(of).collect::<Option<_>>()?;
        let found = |service| (service, Arc::clone(surroundings.callable(service)));
        let hosts = trace.hosts.into_iter().map(|(name, service)| Host { name, found: service.map(found) });
        Some(Self {
            gateway: place.gateway.map(Into::into),
            port: place.port,
            hosts: hosts.collect(),
            uses,
            routes: routes.clone(),
            findings,
        })
    }

    /// Whether these are for a place.
    pub(crate) fn is_of(&self, place: Place<'_>) -> bool {
        self.port == place.port && self.gateway.as_deref() == place.gateway
    }

    /// The same with the clusters' numbers of now; `None` if something else would be found.
    pub(crate) fn again(self: &Arc<Self>, surroundings: &mut Surroundings<'_, '_>) -> Option<Arc<Self>> {
        let mut moved = false;
        for host in &self.hosts {
            let before = host.found.as_ref().map(|(place, _)| *place);
            let now = surroundings.registry.find_visible_again(&host.name, before);
            match (now, &host.found) {
                (Some(now), Some((_, known))) if Arc::ptr_eq(surroundings.callable(now), known) => {}
                (None, None) => {}
                (Some(_) | None, Some(_) | None) => return None,
            }
            moved |= now != before;
        }
        let mut hosts = Cow::Borrowed(&self.hosts);
        if moved {
            for host in hosts.to_mut() {
                let now = surroundings.registry.find_visible(&host.name);
                host.found = now.map(|now| (now, Arc::clone(surroundings.callable(now))));
            }
        }
        let mut renumbered = false;
        for one in &self.uses {
            let (service, callable) = hosts[one.host].found.as_ref()?;
            renumbered |= surroundings.clusters.ensure(*service, callable, one.variant) != one.id;
        }
        if !moved && !renumbered {
            return Some(Arc::clone(self));
        }
        let mut uses = self.uses.clone();
        for one in &mut uses {
            let (service, callable) = hosts[one.host].found.as_ref()?;
            one.id = surroundings.clusters.ensure(*service, callable, one.variant);
        }
        let number = |id: ClusterId| {
            let place = self.uses.iter().position(|before| before.id == id);
            place.map_or(id, |place| uses[place].id)
        };
        let renumbered = |route: &Arc<Route>| {
            let mut route = Route::clone(route);
            if let Action::Forward(forward) = &mut route.action {
                forward.renumber(number);
            }
            for mirror in &mut route.mirrors {
                mirror.cluster = number(mirror.cluster);
            }
            Arc::new(route)
        };
        let routes = self.routes.routes.iter().map(renumbered).collect();
        Some(Arc::new(Self {
            gateway: self.gateway.clone(),
            port: self.port,
            hosts: hosts.into_owned(),
            uses,
            routes: Routes { routes, ..self.routes },
            findings: self.findings.clone(),
        }))
    }

    pub(crate) const fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(crate) fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }
}
