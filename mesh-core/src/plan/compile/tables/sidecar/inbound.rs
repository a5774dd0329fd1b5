//! What a sidecar listens for on the way in (SC-5, SC-7, DR-8, RT-15).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::api::Resource;
use crate::api::istio::{ConnectionPoolSettings, IstioIngressListener, Sidecar};
use crate::api::kubernetes::{Service, ServicePort};
use crate::balance::BalancePolicy;
use crate::diagnostic::{Code, Diagnostic};
use crate::endpoint::{Address, Endpoint};
use crate::error::Origin;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::destination_rules::Blocks;
use crate::plan::compile::destinations::policies;
use crate::plan::compile::inputs::labels::selects;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::workload::{self, WorkloadSource};
use crate::plan::compile::registry::target_port;
use crate::plan::{
    ClusterKey, ClusterNode, ClusterPlan, Direction, Discovery, Listener, ListenerKey, ListenerProtocol,
    ListenerRoutes, ServiceIdentity,
};
use crate::retry::RetryPolicy;
use crate::route::{Action, Fallback, Forward, Matcher, Route, RouteTable, VirtualHost, VirtualHostKey};

/// An inbound port: where it listens, and where the application is.
#[derive(Debug)]
pub(super) struct Inbound<'a> {
    port: u16,
    bind: Option<IpAddr>,
    protocol: Protocol,
    address: Address,
    service: ServiceIdentity,
    pool: Option<&'a ConnectionPoolSettings>,
    origin: Origin,
}

impl Inbound<'_> {
    pub(super) const fn key(&self) -> ListenerKey {
        ListenerKey::port(Direction::Inbound, self.port)
    }

    pub(super) const fn bind(&self) -> Option<IpAddr> {
        self.bind
    }
}

impl<'a> Compiler<'a> {
    /// The Sidecar's own inbound listeners (SC-5).
    pub(super) fn written_inbound(&mut self, sidecar: &'a Resource<Sidecar>) -> Vec<Inbound<'a>> {
        let mut inbound = Vec::new();
        for written in &sidecar.spec.ingress {
            let Some(port) = &written.port else { continue };
            let Ok(number) = u16::try_from(port.number) else { continue };
            let protocol = Protocol::named(&port.protocol).or_else(|| Protocol::of_port_name(&port.name));
            let protocol = protocol.unwrap_or_else(|| Protocol::untold(number));
            if self.refuses_socket(sidecar, &written.at, &written.bind) {
                continue;
            }
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
                    .or_else(|| mine.as_ref().and_then(|(mine, port)| self.pool_of(mine, *port))),
                service: mine.map(|(mine, _)| mine).unwrap_or_default(),
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
        let address = text.rsplit_once(':').and_then(|(host, port)| {
            // An address of either kind may stand in brackets.
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let ip = if bare.is_empty() { Ipv4Addr::LOCALHOST.into() } else { bare.parse().ok()? };
            Some(SocketAddr::new(ip, port.parse().ok()?))
        });
        let address = address.filter(|address| address.ip().is_loopback() || address.ip().is_unspecified());
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
    pub(super) fn service_inbound(&self, sidecar: Option<&'a Resource<Sidecar>>) -> Vec<Inbound<'a>> {
        let documents = self.documents;
        let mut inbound: Vec<Inbound<'a>> = Vec::new();
        let mut taken = BTreeSet::new();
        for service in documents.services.iter().filter(|service| self.is_ours(service)) {
            for port in &service.spec.ports {
                let Ok(number) = u16::try_from(port.port) else { continue };
                let target = self.own_target(port);
                let protocol = Protocol::of_service_port(port, number);
                let Some(target) = target.filter(|target| protocol.is_routed() && taken.insert(*target))
                else {
                    continue;
                };
                let identity = self.identity(service);
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

    fn is_ours(&self, service: &Resource<Service>) -> bool {
        selects(service, &self.workload.namespace, &self.workload.labels)
    }

    /// Our port that a port of a service leads to.
    fn own_target(&self, port: &ServicePort) -> Option<u16> {
        let document = match &self.options.workload {
            WorkloadSource::Named(name) => workload::find(self.documents, name),
            WorkloadSource::Explicit(_) | WorkloadSource::Unknown => None,
        };
        match document {
            Some(document) => target_port(port, document),
            None => target_port(port, &Resource::new(Default::default(), Default::default())),
        }
    }

    fn identity(&self, service: &Resource<Service>) -> ServiceIdentity {
        let (meta, suffix) = (&service.meta, &self.mesh.settings.domain_suffix);
        let host = names::of_service(&meta.name, &meta.namespace, suffix);
        self.registry.exact(&host).map(|index| self.registry.get(index).identity.clone()).unwrap_or_default()
    }

    /// The service of our workload that leads to this port of it, else one that has the port itself; and
    /// which port of the service that is.
    fn own_service(&self, port: u16) -> Option<(ServiceIdentity, u16)> {
        let of_us = self.documents.services.iter().filter(|service| self.is_ours(service));
        let ports: Vec<_> =
            of_us.flat_map(|service| service.spec.ports.iter().map(move |port| (service, port))).collect();
        let leads = ports.iter().find(|(_, written)| self.own_target(written) == Some(port));
        let (service, written) =
            leads.or_else(|| ports.iter().find(|(_, written)| written.port == u32::from(port)))?;
        Some((self.identity(service), u16::try_from(written.port).ok()?))
    }

    /// The limits that a rule for the service sets, which bound its server too (DR-8).
    fn pool_of(&self, service: &ServiceIdentity, port: u16) -> Option<&'a ConnectionPoolSettings> {
        self.rules.find(&service.host, &service.namespace)?.inbound_pool(port)
    }

    /// The listener, with a cluster of its own that is called after it.
    pub(super) fn inbound_listener(&mut self, inbound: Inbound<'a>, key: ListenerKey) -> Listener {
        let Inbound { port, bind, protocol, address, service, pool, origin } = inbound;
        let told = &self.options.applications;
        let told = told
            .iter()
            .find(|(of, _)| *of == Some(port))
            .or_else(|| told.iter().find(|(of, _)| of.is_none()));
        let address = told.map_or(address, |(_, told)| Address::Socket(*told));
        let blocks = Blocks { pool, ..Blocks::default() };
        let mut refused = Vec::new();
        let circuit = policies::circuit(&blocks, &self.mesh, &origin, &mut refused);
        self.out.extend(refused);
        // A path that answers no caller needs no application: it may be the part that could not be read.
        let shut = self.shut_inbound();
        let endpoints = if shut.is_some() { vec![] } else { vec![Arc::new(local(address))] };
        let cluster = self.clusters.insert(ClusterNode {
            policy: Arc::new(ClusterPlan {
                protocol: protocol.upstream(),
                balance: BalancePolicy::default(),
                circuit,
                origin: origin.clone(),
                ..ClusterPlan::new(ClusterKey::Inbound(key.clone()), service, port)
            }),
            discovery: Discovery::Static(endpoints),
        });
        let action = match shut {
            Some(sidecar) => Action::Refused(Arc::clone(&sidecar.source.resource)),
            None => Action::Forward(Forward::to(cluster)),
        };
        let mut table = self.inbound_table(port, protocol, action, &origin);
        if protocol == Protocol::GrpcWeb {
            table = table.grpc_web();
        }
        Listener {
            key,
            direction: Direction::Inbound,
            port,
            bind,
            protocol: ListenerProtocol::Http,
            routes: ListenerRoutes::Table(Arc::new(table)),
            origin,
        }
    }

    /// The refused Sidecar that had something to say of what comes in: it is unknown too.
    fn shut_inbound(&self) -> Option<&'a Resource<Sidecar>> {
        self.shut.filter(|sidecar| !sidecar.spec.ingress.is_empty() || sidecar.source.refuses("spec.ingress"))
    }

    fn inbound_table(&self, port: u16, protocol: Protocol, action: Action, origin: &Origin) -> RouteTable {
        let mut route = Route::new(Arc::clone(&self.default_name), Matcher::any(), action);
        // RT-15: a gRPC client tries again by itself.
        route.retry = match protocol {
            Protocol::Grpc | Protocol::GrpcWeb => Arc::new(RetryPolicy::off()),
            _ => Arc::clone(&self.mesh.inbound_retry),
        };
        route.origin = origin.clone();
        let key = VirtualHostKey::Inbound { port };
        let name = key.to_string().into();
        let host = VirtualHost {
            key,
            domains: vec!["*".into()],
            routes: vec![Arc::new(route)],
            grpc_web: false,
            origin: origin.clone(),
        };
        RouteTable::build(name, vec![host], Fallback::NotFound).expect("one host, no conflict")
    }
}

fn local(address: Address) -> Endpoint {
    Endpoint { address, ..Endpoint::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))) }
}
