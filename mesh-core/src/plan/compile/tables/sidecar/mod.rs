//! What a sidecar listens for on the way out, and what it sees (SC-2, SC-4, SC-8).

mod inbound;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::api::istio::{self, CaptureMode, IstioEgressListener, Sidecar};
use crate::api::{At, Resource};
use crate::diagnostic::{Code, Diagnostic};
use crate::endpoint::ClusterId;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::missing::Missing;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::scope::EgressScope;
use crate::plan::compile::rules::gateway_api::GatewayApi;
use crate::plan::compile::rules::virtual_services::VirtualServices;
use crate::plan::{Direction, Listener, ListenerKey, ListenerProtocol, ListenerRoutes, OutboundMode};
use crate::route::RouteTable;

/// What the Sidecar says of calls to unknown hosts (SC-4); `None` leaves it to the mesh.
pub(crate) fn outbound_mode(sidecar: &Resource<Sidecar>) -> Option<OutboundMode> {
    let policy = sidecar.spec.outbound_traffic_policy.as_ref()?;
    Some(match policy.mode {
        istio::OutboundMode::RegistryOnly => OutboundMode::RegistryOnly,
        istio::OutboundMode::AllowAny => OutboundMode::AllowAny,
    })
}

/// The key of a listener: its port, with its address if another one has the port (SC-8).
fn own_key(listeners: &[Listener], key: ListenerKey, bind: Option<IpAddr>) -> ListenerKey {
    match bind.filter(|_| listeners.iter().any(|other| other.key == key)) {
        Some(bind) => key.at(bind),
        None => key,
    }
}

/// What is seen through the Sidecar as a whole: by the listener of all ports, else by any.
pub(crate) fn egress_scope(sidecar: &Resource<Sidecar>) -> EgressScope {
    let egress = &sidecar.spec.egress;
    let own = &sidecar.meta.namespace;
    match egress.iter().find(|listener| listener.port.is_none()) {
        _ if egress.is_empty() => EgressScope::default(),
        Some(listener) => EgressScope::of(&listener.hosts, own),
        None => EgressScope::of(egress.iter().flat_map(|listener| &listener.hosts), own),
    }
}

impl<'a> Compiler<'a> {
    /// The tables of the ports that the Sidecar lists: where nothing captures traffic, the listener of all
    /// ports and library clients find there what the listener of the port would let be seen (SC-2). The
    /// first that lists a port has it.
    pub(crate) fn egress_ports(
        &mut self,
        sidecar: Option<&'a Resource<Sidecar>>,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
    ) -> BTreeMap<u16, Arc<RouteTable>> {
        let mut tables = BTreeMap::new();
        let Some(sidecar) = sidecar else { return tables };
        for written in &sidecar.spec.egress {
            let Some(port) = &written.port else { continue };
            let Ok(number) = u16::try_from(port.number) else { continue };
            let protocol = Protocol::named(&port.protocol);
            // Of a proxy the port is its own, not the services'.
            let is_routed = |protocol: Protocol| protocol.is_http() && protocol != Protocol::HttpProxy;
            if tables.contains_key(&number) || !protocol.is_some_and(is_routed) {
                continue;
            }
            let scope = EgressScope::of(&written.hosts, &sidecar.meta.namespace);
            let table = self.outbound_on(Some(number), &virtuals.scoped(&scope), api, &scope).remove(&number);
            tables.insert(number, table.unwrap_or_else(|| self.empty_table(number)));
        }
        tables
    }

    /// The listeners of a sidecar; a library client does without.
    pub(crate) fn sidecar_listeners(
        &mut self,
        sidecar: Option<&'a Resource<Sidecar>>,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
    ) -> Vec<Listener> {
        let egress = sidecar.map(|sidecar| sidecar.spec.egress.as_slice()).unwrap_or_default();
        let mut listeners = Vec::new();
        // A Sidecar that lists its outbound ports one by one has no other **[O]**.
        if egress.is_empty() || egress.iter().any(|listener| listener.port.is_none()) {
            let port = self.mesh.listen_port;
            listeners.push(Listener {
                key: ListenerKey::port(Direction::Outbound, port),
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
                if let Some(mut listener) = self.egress_listener(sidecar, listener, virtuals, api) {
                    listener.key = own_key(&listeners, listener.key, listener.bind);
                    listeners.push(listener);
                }
            }
        }
        let inbound = match sidecar.filter(|sidecar| !sidecar.spec.ingress.is_empty()) {
            Some(sidecar) => self.written_inbound(sidecar),
            None => self.service_inbound(sidecar),
        };
        for inbound in inbound {
            let key = own_key(&listeners, inbound.key(), inbound.bind());
            listeners.push(self.inbound_listener(inbound, key));
        }
        listeners
    }

    /// An egress listener with a port of its own (SC-2, SC-8).
    fn egress_listener(
        &mut self,
        sidecar: &Resource<Sidecar>,
        written: &IstioEgressListener,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
    ) -> Option<Listener> {
        let port = written.port.as_ref()?;
        let number = u16::try_from(port.number).ok()?;
        let protocol = Protocol::named(&port.protocol);
        let scope = EgressScope::of(&written.hosts, &sidecar.meta.namespace);
        let virtuals = &virtuals.scoped(&scope);
        let routes = match protocol {
            // A proxy is told the port of the service with each request.
            Some(Protocol::HttpProxy) => {
                ListenerRoutes::ByAuthorityOf(Arc::new(self.outbound(virtuals, api, &scope)))
            }
            Some(protocol) if protocol.is_http() => {
                let table = self.outbound_on(Some(number), virtuals, api, &scope).remove(&number);
                let table = table.unwrap_or_else(|| self.empty_table(number));
                ListenerRoutes::Table(if protocol == Protocol::GrpcWeb {
                    Arc::new(RouteTable::clone(&table).grpc_web())
                } else {
                    table
                })
            }
            _ => {
                let message = format!("protocol {} of an egress listener is not implemented", port.protocol);
                let origin = sidecar.locate(port.at.field("protocol"));
                self.out.push(Diagnostic::new(Code::NotImplemented, origin, message));
                return None;
            }
        };
        if self.refuses_socket(sidecar, &written.at, &written.bind) {
            return None;
        }
        let loopback = || (written.capture_mode == CaptureMode::None).then_some(Ipv4Addr::LOCALHOST.into());
        Some(Listener {
            key: ListenerKey::port(Direction::Outbound, number),
            direction: Direction::Outbound,
            port: number,
            bind: written.bind.parse().ok().or_else(loopback),
            protocol: ListenerProtocol::Http,
            routes,
            origin: sidecar.locate(written.at.origin()),
        })
    }

    /// A listener on a Unix socket is not implemented, and must not stand elsewhere instead.
    fn refuses_socket(&mut self, sidecar: &Resource<Sidecar>, at: &At, bind: &str) -> bool {
        let refused = bind.starts_with("unix://");
        if refused {
            let origin = sidecar.locate(at.field("bind"));
            let message = "a Sidecar's listener on a unix socket is not implemented";
            self.out.push(Diagnostic::new(Code::NotImplemented, origin, message));
        }
        refused
    }

    /// Where calls to unknown hosts go instead of to themselves (SC-4).
    pub(crate) fn egress_proxy(&mut self, sidecar: Option<&Resource<Sidecar>>) -> Option<ClusterId> {
        let sidecar = sidecar?;
        let written = sidecar.spec.outbound_traffic_policy.as_ref()?.egress_proxy.as_ref()?;
        let port = written.port.as_ref().and_then(|port| u16::try_from(port.number).ok()).unwrap_or_default();
        let suffix = &self.mesh.settings.domain_suffix;
        let host = names::resolve(&written.host, &sidecar.meta.namespace, suffix);
        let found = self.resolve(&host, port, &written.subset);
        let missing = found.as_ref().err().filter(|missing| !matches!(missing, Missing::Refused(_)));
        if let Some(missing) = missing {
            let field = match missing {
                Missing::Host | Missing::Refused(_) => "host",
                Missing::Port(_) => "port",
                Missing::Subset(..) => "subset",
            };
            let message = format!("referenced host not found: \"{}:{port}\"", written.host);
            let origin = sidecar.locate(written.at.field(field));
            self.out.push(Diagnostic::new(Code::ReferencedResourceNotFound, origin, message));
        }
        Some(found.unwrap_or(ClusterId::UNKNOWN))
    }

    fn empty_table(&self, port: u16) -> Arc<RouteTable> {
        let table = RouteTable::build(port.to_string().into(), Vec::new(), self.unknown_host());
        Arc::new(table.expect("no host, no conflict"))
    }
}
