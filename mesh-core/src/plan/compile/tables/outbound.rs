//! What a sidecar or library client knows: a table for each service port (H-6, VS-3, VS-7).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::mesh_routes::MeshRules;
use super::retain::last_host;
use crate::api::Resource;
use crate::api::istio::VirtualService;
use crate::diagnostic::{Code, Diagnostic, Level};
use crate::endpoint::{Address, ClusterId};
use crate::error::Origin;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::missing::Missing;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::inputs::scope::EgressScope;
use crate::plan::compile::registry;
use crate::plan::compile::rules::gateway_api::GatewayApi;
use crate::plan::compile::rules::place::{Place, Routes};
use crate::plan::compile::rules::virtual_services::{Claim, VirtualServices};
use crate::plan::{Discovery, OutboundMode, Plan};
use crate::route::{Action, Fallback, Forward, Matcher, Route, RouteTable, VirtualHost, VirtualHostKey};

/// The port where hosts without a service are looked for.
const DEFAULT_PORT: u16 = 80;

/// Tables under construction. The first virtual host that claims a domain has it.
#[derive(Debug, Default)]
struct Tables {
    tables: BTreeMap<u16, (Vec<VirtualHost>, HashSet<String>)>,
}

/// A port that rules apply to.
#[derive(Clone, Copy, Debug)]
struct Port {
    number: u16,
    grpc_web: bool,
}

impl Port {
    fn of(written: &registry::Port) -> Option<Self> {
        let grpc_web = written.protocol == Protocol::GrpcWeb;
        written.protocol.is_routed().then_some(Self { number: written.number, grpc_web })
    }
}

impl Tables {
    fn add(
        &mut self,
        port: Port,
        host: &Arc<str>,
        names: &[String],
        routes: Vec<Arc<Route>>,
        origin: Origin,
    ) {
        let Port { number: port, grpc_web } = port;
        let (hosts, claimed) = self.tables.entry(port).or_default();
        let mut domains = Vec::with_capacity(names.len() * 2);
        for name in names {
            for domain in [name.clone(), format!("{name}:{port}")] {
                // As the table compares them.
                if claimed.insert(domain.to_ascii_lowercase()) {
                    domains.push(domain);
                }
            }
        }
        if !domains.is_empty() {
            let key = VirtualHostKey::host(Arc::clone(host), port);
            hosts.push(VirtualHost { key, domains, routes, grpc_web, origin });
        }
    }
}

impl<'a> Compiler<'a> {
    /// The treatment of a call to an undeclared host (H-8).
    pub(crate) const fn unknown_host(&self) -> Fallback {
        match self.mesh.settings.outbound_mode {
            OutboundMode::AllowAny => Fallback::Passthrough,
            OutboundMode::RegistryOnly => Fallback::BlackHole,
        }
    }

    /// The tables of all ports, as far as `scope` lets services be seen.
    pub(crate) fn outbound(
        &mut self,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
        scope: &EgressScope,
    ) -> BTreeMap<u16, Arc<RouteTable>> {
        self.outbound_on(None, virtuals, api, scope)
    }

    /// The same, of one port alone if one is named.
    pub(crate) fn outbound_on(
        &mut self,
        only: Option<u16>,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
        scope: &EgressScope,
    ) -> BTreeMap<u16, Arc<RouteTable>> {
        let wanted = |port: u16| only.is_none_or(|only| only == port);
        let mut tables = Tables::default();
        let mut compiled: HashMap<(usize, u16), Routes> = HashMap::new();
        for index in 0..self.registry.services().len() {
            let service = self.registry.get(index);
            let identity = service.identity.clone();
            if !service.visible || !scope.admits(&identity.namespace, &identity.host) {
                continue;
            }
            let origin = service.origin.clone();
            let ports = service.ports.iter().filter_map(Port::of).filter(|port| wanted(port.number));
            let ports: Vec<Port> = ports.collect();
            let mut domains =
                names::domains(&identity.host, &self.workload.namespace, &self.mesh.settings.domain_suffix);
            domains.extend(service.addresses.iter().map(|address| names::bracketed(&address.to_string())));
            if service.headless {
                let pods = names::pods(&domains);
                domains.extend(pods);
                let of_port = service.ports.iter().flat_map(|port| chosen_addresses(&port.discovery));
                domains.extend(of_port.collect::<BTreeSet<_>>());
            }
            let alias = service.alias.clone();
            self.add_all(index);
            for on in ports {
                let port = on.number;
                // Another name of a service has that one's rules, unless it has its own (SE-1).
                let own = self.chosen(virtuals, &identity.host, port, &mut compiled);
                let alias = alias.as_deref().filter(|_| own.is_none());
                let alias = alias.filter(|alias| self.registry.has_port(alias, port));
                let concrete = alias.unwrap_or(&identity.host);
                let chosen = own.or_else(|| self.chosen(virtuals, alias?, port, &mut compiled));
                let attached = self.mesh_rules(api, concrete, port);
                if let (Some(one), Some(rules)) = (chosen, &attached) {
                    self.both(concrete, virtuals.all[one].resource, rules);
                }
                // GA-11: our own namespace's HTTPRoutes, VirtualServices, the service's HTTPRoutes.
                let attached = attached.filter(|rules| rules.own || chosen.is_none());
                let (routes, origin) = match (attached, chosen) {
                    _ if self.shut.is_some() => (self.refused_scope(), origin.clone()),
                    (Some(rules), _) => {
                        let routes = Routes { routes: rules.routes, lost: rules.lost, dropped: false };
                        (self.kept_or(&identity.host, port, &routes), rules.origin)
                    }
                    (None, Some(one)) => {
                        let routes = self.compiled(virtuals, one, port, &mut compiled);
                        (self.kept_or(&identity.host, port, &routes), virtuals.all[one].names.origin.clone())
                    }
                    (None, None) => (vec![self.default_route(concrete, port)], origin.clone()),
                };
                tables.add(on, &identity.host, &domains, routes, origin);
            }
        }
        self.hosts_without_service(only, virtuals, &mut tables, &mut compiled);
        let fallback = self.unknown_host();
        let build = |(port, (hosts, _)): (u16, (Vec<VirtualHost>, HashSet<String>))| {
            let table = RouteTable::build(port.to_string().into(), hosts, fallback);
            (port, Arc::new(table.expect("domains are claimed once")))
        };
        tables.tables.into_iter().map(build).collect()
    }

    /// Hosts that only a VirtualService knows: they stand on the ports of its other hosts, else on 80.
    fn hosts_without_service(
        &mut self,
        only: Option<u16>,
        virtuals: &VirtualServices<'a>,
        tables: &mut Tables,
        compiled: &mut HashMap<(usize, u16), Routes>,
    ) {
        let mut ports_of: HashMap<usize, BTreeMap<u16, bool>> = HashMap::new();
        let routed = |compiler: &Self, host: &str| -> Vec<(u16, bool)> {
            let service = compiler.registry.find_visible(host).map(|index| compiler.registry.get(index));
            let ports = service.map(|service| service.ports.as_slice());
            let ports = ports.unwrap_or_default().iter().filter_map(Port::of);
            ports.map(|port| (port.number, port.grpc_web)).collect()
        };
        for Claim { host, claimants } in &virtuals.claims {
            for one in claimants {
                ports_of.entry(*one).or_default().extend(routed(self, host));
            }
        }
        for Claim { host, claimants } in &virtuals.claims {
            if self
                .registry
                .find_visible(host)
                .is_some_and(|index| *self.registry.get(index).identity.host == **host)
            {
                continue;
            }
            let host: &Arc<str> = &host.as_str().into();
            let domains = names::domains(host, &self.workload.namespace, &self.mesh.settings.domain_suffix);
            // Of each port the first has the domains that has a rule there (VS-3, VS-5).
            let mut taken = BTreeSet::new();
            for one in claimants {
                let mut ports = ports_of.get(one).cloned().unwrap_or_default();
                if ports.is_empty() {
                    ports.insert(DEFAULT_PORT, false);
                }
                let wanted = |port: u16| only.is_none_or(|only| only == port) && !taken.contains(&port);
                let ports: Vec<_> = ports.into_iter().filter(|(port, _)| wanted(*port)).collect();
                for (port, grpc_web) in ports {
                    // What is refused and never was good leaves calls to such a host as they were.
                    let is_known = |plan: &Plan| {
                        let table = plan.outbound.get(&port);
                        table.is_some_and(|table| {
                            last_host(table, &VirtualHostKey::host(Arc::clone(host), port)).is_some()
                        })
                    };
                    if virtuals.all[*one].refused.is_some() && !self.last_good.is_none_or(is_known) {
                        continue;
                    }
                    let routes = self.compiled(virtuals, *one, port, compiled);
                    if !routes.apply() {
                        continue;
                    }
                    taken.insert(port);
                    let routes = match self.shut {
                        Some(_) => self.refused_scope(),
                        None => self.kept_or(host, port, &routes),
                    };
                    let on = Port { number: port, grpc_web };
                    tables.add(on, host, &domains, routes, virtuals.all[*one].names.origin.clone());
                }
            }
        }
    }

    /// The VirtualService that has a service's host on a port: one without a rule for here doesn't take it
    /// (VS-5).
    fn chosen(
        &mut self,
        virtuals: &VirtualServices<'a>,
        host: &str,
        port: u16,
        compiled: &mut HashMap<(usize, u16), Routes>,
    ) -> Option<usize> {
        let mut candidates = virtuals.candidates(host).iter().copied();
        candidates.find(|one| self.compiled(virtuals, *one, port, compiled).apply())
    }

    fn compiled(
        &mut self,
        virtuals: &VirtualServices<'a>,
        one: usize,
        port: u16,
        compiled: &mut HashMap<(usize, u16), Routes>,
    ) -> Routes {
        if let Some(routes) = compiled.get(&(one, port)) {
            return routes.clone();
        }
        let routes = self.routes(&virtuals.all[one], Place { gateway: None, port });
        compiled.insert((one, port), routes.clone());
        routes
    }

    /// GA-11: a host has a VirtualService and routes of the Gateway API.
    fn both(&mut self, host: &str, service: &Resource<VirtualService>, rules: &MeshRules) {
        let (used, left) =
            if rules.own { (&*rules.label, service.label()) } else { (service.label(), &*rules.label) };
        let message = format!("host {host} has rules of {used} and of {left}; only the first are used");
        let code = Code::ConflictingMeshGatewayVirtualServiceHosts;
        let finding = Diagnostic::new(code, rules.origin.clone(), message).level(Level::Warning);
        self.out.push(finding.hint("put the rules into resources of one kind"));
    }

    /// The routes, or the last good ones of the host if a reference was lost (Y-12).
    fn kept_or(&mut self, host: &Arc<str>, port: u16, routes: &Routes) -> Vec<Arc<Route>> {
        if routes.lost
            && let Some(table) = self.last_good.and_then(|plan| plan.outbound.get(&port))
            && let Some(kept) = self.keep(table, &VirtualHostKey::host(Arc::clone(host), port))
        {
            return kept;
        }
        routes.routes.clone()
    }

    /// What answers to calls that a refused Sidecar might hide.
    fn refused_scope(&self) -> Vec<Arc<Route>> {
        self.shut.iter().map(|sidecar| refusal::route(&sidecar.source.resource, sidecar.origin())).collect()
    }

    /// The route of a service without rules (VS-7).
    fn default_route(&mut self, host: &str, port: u16) -> Arc<Route> {
        let cluster = self.resolve(host, port, "");
        let cluster = match cluster {
            Ok(cluster) => cluster,
            Err(Missing::Refused(document)) => return refusal::route(&document, Origin::default()),
            Err(_) => ClusterId::UNKNOWN,
        };
        let forward = self.keyed(Forward::to(cluster), host);
        let mut route = Route::new(Arc::clone(&self.default_name), Matcher::any(), Action::Forward(forward));
        route.retry = Arc::clone(&self.mesh.retry);
        if let Some(node) = self.clusters.node(cluster) {
            route.origin = node.policy.origin.clone();
        }
        Arc::new(route)
    }
}

/// The addresses that a caller may choose among.
fn chosen_addresses(discovery: &Discovery) -> impl Iterator<Item = String> {
    let endpoints = match discovery {
        Discovery::Static(endpoints) => endpoints.as_slice(),
        Discovery::Dns(_) | Discovery::DnsFirst(_) | Discovery::Authority => &[],
    };
    endpoints.iter().filter_map(|endpoint| match &endpoint.address {
        Address::Socket(address) => Some(names::bracketed(&address.ip().to_string())),
        Address::Unix(_) => None,
    })
}
