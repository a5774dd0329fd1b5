//! What a sidecar listens for (SC-4, SC-5, SC-7, SC-8, RT-15).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Compiler;
use super::policies;
use super::protocol::Protocol;
use super::registry::{has_labels, target_port};
use super::rules::Blocks;
use super::scope::EgressScope;
use super::virtual_services::VirtualServices;
use super::workload::{self, WorkloadSource};
use crate::analysis::{Code, Diagnostic};
use crate::api::Resource;
use crate::api::istio::{
    self, CaptureMode, ConnectionPoolSettings, IstioEgressListener, IstioIngressListener, Sidecar,
};
use crate::balance::BalancePolicy;
use crate::endpoint::{Address, ClusterId, Endpoint};
use crate::error::Origin;
use crate::plan::{
    ClusterNode, ClusterPlan, Direction, Discovery, Listener, ListenerProtocol, ListenerRoutes, OutboundMode,
    ServiceIdentity,
};
use crate::route::{Action, Fallback, Forward, Matcher, Route, RouteTable, VirtualHost};

/// What the Sidecar says of calls to unknown hosts (SC-4); `None` leaves it to the mesh.
pub(super) fn outbound_mode(sidecar: &Resource<Sidecar>) -> Option<OutboundMode> {
    let policy = sidecar.spec.outbound_traffic_policy.as_ref()?;
    Some(match policy.mode {
        istio::OutboundMode::RegistryOnly => OutboundMode::RegistryOnly,
        istio::OutboundMode::AllowAny => OutboundMode::AllowAny,
    })
}

/// What is seen through the Sidecar as a whole: by the listener of all ports, else by any.
pub(super) fn egress_scope(sidecar: &Resource<Sidecar>) -> EgressScope {
    let egress = &sidecar.spec.egress;
    let own = &sidecar.meta.namespace;
    match egress.iter().find(|listener| listener.port.is_none()) {
        _ if egress.is_empty() => EgressScope::default(),
        Some(listener) => EgressScope::of(&listener.hosts, own),
        None => EgressScope::of(egress.iter().flat_map(|listener| &listener.hosts), own),
    }
}

/// An inbound port: where it listens, and where the application is.
#[derive(Debug)]
struct Inbound<'a> {
    port: u16,
    bind: Option<IpAddr>,
    protocol: Protocol,
    address: Address,
    service: ServiceIdentity,
    pool: Option<&'a ConnectionPoolSettings>,
    origin: Origin,
}

impl<'a> Compiler<'a> {
    /// The listeners of a sidecar; a library client does without.
    pub(super) fn sidecar_listeners(
        &mut self,
        sidecar: Option<&'a Resource<Sidecar>>,
        virtuals: &VirtualServices<'a>,
    ) -> Vec<Listener> {
        let egress = sidecar.map(|sidecar| sidecar.spec.egress.as_slice()).unwrap_or_default();
        let mut listeners = Vec::new();
        // A Sidecar that lists its outbound ports one by one has no other **[O]**.
        if egress.is_empty() || egress.iter().any(|listener| listener.port.is_none()) {
            let port = self.mesh.listen_port;
            listeners.push(Listener {
                name: format!("outbound|{port}").into(),
                direction: Direction::Outbound,
                port,
                bind: None,
                protocol: ListenerProtocol::Http,
                routes: ListenerRoutes::ByAuthority,
                origin: sidecar.map(Resource::origin).unwrap_or_default(),
            });
        }
        if let Some(sidecar) = sidecar {
            for listener in egress {
                listeners.extend(self.egress_listener(sidecar, listener, virtuals));
            }
        }
        let inbound = match sidecar.filter(|sidecar| !sidecar.spec.ingress.is_empty()) {
            Some(sidecar) => self.written_inbound(sidecar),
            None => self.service_inbound(sidecar),
        };
        listeners.extend(inbound.into_iter().map(|inbound| self.inbound_listener(inbound)));
        listeners
    }

    /// An egress listener with a port of its own (SC-2, SC-8).
    fn egress_listener(
        &mut self,
        sidecar: &Resource<Sidecar>,
        written: &IstioEgressListener,
        virtuals: &VirtualServices<'a>,
    ) -> Option<Listener> {
        let port = written.port.as_ref()?;
        let number = u16::try_from(port.number).ok()?;
        let protocol = Protocol::named(&port.protocol);
        let routes = match protocol {
            // A proxy is told the port of the service with each request.
            Some(Protocol::HttpProxy) => ListenerRoutes::ByAuthority,
            Some(protocol) if protocol.is_http() => {
                let scope = EgressScope::of(&written.hosts, &sidecar.meta.namespace);
                let table = self.outbound(virtuals, &scope).remove(&number);
                ListenerRoutes::Table(table.unwrap_or_else(|| self.empty_table(number)))
            }
            _ => {
                let message = format!("protocol {} of an egress listener is not implemented", port.protocol);
                let origin = sidecar.locate(port.at.field("protocol"));
                self.out.push(Diagnostic::new(Code::NotImplemented, origin, message));
                return None;
            }
        };
        let loopback = || (written.capture_mode == CaptureMode::None).then_some(Ipv4Addr::LOCALHOST.into());
        Some(Listener {
            name: format!("outbound|{number}").into(),
            direction: Direction::Outbound,
            port: number,
            bind: written.bind.parse().ok().or_else(loopback),
            protocol: ListenerProtocol::Http,
            routes,
            origin: sidecar.locate(written.at.origin()),
        })
    }

    fn empty_table(&self, port: u16) -> Arc<RouteTable> {
        let fallback = match self.mesh.settings.outbound_mode {
            OutboundMode::AllowAny => Fallback::Passthrough,
            OutboundMode::RegistryOnly => Fallback::BlackHole,
        };
        let table = RouteTable::build(port.to_string().into(), Vec::new(), fallback);
        Arc::new(table.expect("no host, no conflict"))
    }

    /// The Sidecar's own inbound listeners (SC-5).
    fn written_inbound(&mut self, sidecar: &'a Resource<Sidecar>) -> Vec<Inbound<'a>> {
        let mut inbound = Vec::new();
        for written in &sidecar.spec.ingress {
            let Some(port) = &written.port else { continue };
            let Ok(number) = u16::try_from(port.number) else { continue };
            let protocol = Protocol::named(&port.protocol).or_else(|| Protocol::of_port_name(&port.name));
            let protocol = protocol.unwrap_or_else(|| Protocol::untold(number));
            let Some(address) = self.application(sidecar, written, number) else { continue };
            let mine = self.own_service(number);
            inbound.push(Inbound {
                port: number,
                bind: written.bind.parse().ok(),
                protocol,
                address,
                pool: written
                    .connection_pool
                    .as_ref()
                    .or(sidecar.spec.inbound_connection_pool.as_ref())
                    .or_else(|| mine.as_ref().and_then(|mine| self.pool_of(mine, number))),
                service: mine.unwrap_or_default(),
                origin: sidecar.locate(written.at.origin()),
            });
        }
        inbound
    }

    /// Where the application listens, by `defaultEndpoint`.
    fn application(
        &mut self,
        sidecar: &Resource<Sidecar>,
        written: &IstioIngressListener,
        port: u16,
    ) -> Option<Address> {
        let text = written.default_endpoint.as_str();
        if text.is_empty() {
            return Some(Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            return Some(Address::Unix(path.into()));
        }
        let address = text
            .parse::<SocketAddr>()
            .ok()
            .filter(|address| address.ip().is_loopback() || address.ip().is_unspecified());
        let Some(mut address) = address else {
            let message = format!("defaultEndpoint {text:?} is neither local nor unix://");
            let origin = sidecar.locate(written.at.field("defaultEndpoint"));
            self.out.push(
                Diagnostic::new(Code::SchemaValidationError, origin, message)
                    .hint("such as 127.0.0.1:8080, 0.0.0.0:8080 or unix:///path"),
            );
            return None;
        };
        if address.ip().is_unspecified() {
            // The instance's own address; where it is unknown, the loopback reaches it as well.
            address.set_ip(self.workload.ip.unwrap_or(Ipv4Addr::LOCALHOST.into()));
        }
        Some(Address::Socket(address))
    }

    /// Inbound listeners by the Services of the workload.
    fn service_inbound(&self, sidecar: Option<&'a Resource<Sidecar>>) -> Vec<Inbound<'a>> {
        let documents = self.documents;
        let document = match &self.options.workload {
            WorkloadSource::Named(name) => workload::find(documents, name),
            WorkloadSource::Explicit(_) | WorkloadSource::Unknown => None,
        };
        let mut inbound: Vec<Inbound<'a>> = Vec::new();
        let mut taken = BTreeSet::new();
        let selects = |service: &&Resource<crate::api::kubernetes::Service>| {
            service.meta.namespace == self.workload.namespace
                && !service.spec.selector.is_empty()
                && has_labels(&self.workload.labels, &service.spec.selector)
        };
        for service in documents.services.iter().filter(selects) {
            for port in &service.spec.ports {
                let Ok(number) = u16::try_from(port.port) else { continue };
                let target = match document {
                    Some(document) => target_port(port, document),
                    None => target_port(port, &Resource::new(Default::default(), Default::default())),
                };
                let protocol = Protocol::of_service_port(port, number);
                let Some(target) = target.filter(|target| protocol.is_routed() && taken.insert(*target))
                else {
                    continue;
                };
                let host = format!(
                    "{}.{}.svc.{}",
                    service.meta.name, service.meta.namespace, self.mesh.settings.domain_suffix
                );
                let identity = self.identity(&host);
                inbound.push(Inbound {
                    port: target,
                    bind: None,
                    protocol,
                    address: Address::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, target))),
                    pool: sidecar
                        .and_then(|sidecar| sidecar.spec.inbound_connection_pool.as_ref())
                        .or_else(|| self.pool_of(&identity, number)),
                    service: identity,
                    origin: service.locate(port.at.origin()),
                });
            }
        }
        inbound
    }

    fn identity(&self, host: &str) -> ServiceIdentity {
        self.registry.exact(host).map(|index| self.registry.get(index).identity.clone()).unwrap_or_default()
    }

    /// The service of our workload that has this port.
    fn own_service(&self, port: u16) -> Option<ServiceIdentity> {
        let of_us = self.documents.services.iter().filter(|service| {
            service.meta.namespace == self.workload.namespace
                && !service.spec.selector.is_empty()
                && has_labels(&self.workload.labels, &service.spec.selector)
        });
        let mut of_port =
            of_us.filter(|service| service.spec.ports.iter().any(|written| written.port == u32::from(port)));
        let service = of_port.next()?;
        let suffix = &self.mesh.settings.domain_suffix;
        Some(self.identity(&format!("{}.{}.svc.{suffix}", service.meta.name, service.meta.namespace)))
    }

    /// The limits that a rule for the service sets, which bound its server too (DR-8).
    fn pool_of(&self, service: &ServiceIdentity, port: u16) -> Option<&'a ConnectionPoolSettings> {
        let rule = self.rules.find(&service.host, &service.namespace)?;
        rule.blocks(port, None, &self.mesh).pool
    }

    fn inbound_listener(&mut self, inbound: Inbound<'a>) -> Listener {
        let Inbound { port, bind, protocol, address, service, pool, origin } = inbound;
        let blocks = Blocks { pool, ..Blocks::default() };
        let circuit = policies::circuit(&blocks, &self.mesh, &origin);
        let cluster = self.clusters.insert(ClusterNode {
            policy: Arc::new(ClusterPlan {
                name: format!("inbound|{port}||").into(),
                service,
                port,
                subset: "".into(),
                subset_labels: Default::default(),
                protocol: protocol.upstream(),
                balance: BalancePolicy::default(),
                panic_threshold: 0,
                circuit,
                outlier: None,
                tls: None,
                origin: origin.clone(),
            }),
            discovery: Discovery::Static(vec![Arc::new(local(address))]),
        });
        Listener {
            name: format!("inbound|{port}").into(),
            direction: Direction::Inbound,
            port,
            bind,
            protocol: ListenerProtocol::Http,
            routes: ListenerRoutes::Table(Arc::new(self.inbound_table(port, cluster, &origin))),
            origin,
        }
    }

    fn inbound_table(&self, port: u16, cluster: ClusterId, origin: &Origin) -> RouteTable {
        let action = Action::Forward(Forward::to(cluster));
        let mut route = Route::new(Arc::clone(&self.default_name), Matcher::any(), action);
        route.retry = Arc::clone(&self.mesh.inbound_retry);
        route.origin = origin.clone();
        let name: Arc<str> = format!("inbound|http|{port}").into();
        let host = VirtualHost {
            name: Arc::clone(&name),
            domains: vec!["*".into()],
            routes: vec![Arc::new(route)],
            origin: origin.clone(),
        };
        RouteTable::build(name, vec![host], Fallback::NotFound).expect("one host, no conflict")
    }
}

fn local(address: Address) -> Endpoint {
    Endpoint { address, ..Endpoint::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))) }
}
