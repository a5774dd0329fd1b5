//! What a gateway listens for, and where it sends it (GW-1 to GW-11, VS-3).

mod kubernetes;
mod refused;
mod unbound;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;

use super::draft::{Draft, Hosts};
use super::retain::last_host;
use crate::api::istio::{Gateway, Server};
use crate::api::{Documents, Resource};
use crate::diagnostic::{Code, Diagnostic};
use crate::error::Origin;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names::{self, server_host};
use crate::plan::compile::rules::gateway_api::{GatewayApi, Serves};
use crate::plan::compile::rules::place::Place;
use crate::plan::compile::rules::virtual_services::VirtualServices;
use crate::plan::{Direction, Listener, ListenerKey, ListenerProtocol, ListenerRoutes};
use crate::route::{Action, Fallback, Matcher, Redirect, Route, RouteTable, VirtualHost, VirtualHostKey};

/// Servers that share a port and an address (GW-9).
#[derive(Debug)]
struct Shared<'a> {
    port: u16,
    bind: Option<IpAddr>,
    https: bool,
    grpc_web: bool,
    servers: Vec<(&'a Resource<Gateway>, &'a Server)>,
}

impl<'a> Compiler<'a> {
    /// The listeners of all Gateways that select our workload.
    pub(crate) fn gateway_listeners(
        &mut self,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
        serves: &Serves,
    ) -> Vec<Listener> {
        let shared = self.shared_servers();
        let mut drafts: Vec<Draft> =
            shared.iter().map(|shared| self.gateway_draft(shared, virtuals)).collect();
        self.k8s_gateway_listeners(api, serves, &mut drafts);
        self.refused_gateways(&mut drafts);
        self.keep_unbound(virtuals, api, &mut drafts);
        drafts.into_iter().map(|draft| self.gateway_listener(draft)).collect()
    }

    fn shared_servers(&mut self) -> Vec<Shared<'a>> {
        let documents = self.documents;
        let mut shared: Vec<Shared<'a>> = Vec::new();
        for gateway in &documents.gateways {
            if !has_labels(&self.workload.labels, &gateway.spec.selector) {
                continue;
            }
            for server in &gateway.spec.servers {
                let Some(port) = &server.port else { continue };
                let Ok(number) = u16::try_from(port.number) else { continue };
                let bind = server.bind.parse().ok();
                let refuse =
                    |code, at: Origin, message: String| Diagnostic::new(code, gateway.locate(at), message);
                if server.bind.starts_with("unix://") {
                    let message = "a gateway's listener on a unix socket is not implemented".to_owned();
                    self.out.push(refuse(Code::NotImplemented, server.at.field("bind"), message));
                    continue;
                }
                let https = match port.protocol.to_ascii_uppercase().as_str() {
                    "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => false,
                    "HTTPS" => true,
                    other => {
                        let message = format!("protocol {other} of a gateway server is not implemented");
                        self.out.push(refuse(Code::NotImplemented, port.at.field("protocol"), message));
                        continue;
                    }
                };
                let grpc_web = port.protocol.eq_ignore_ascii_case("GRPC-WEB");
                match shared.iter_mut().find(|shared| shared.port == number && shared.bind == bind) {
                    Some(same) if same.https == https => {
                        same.grpc_web |= grpc_web;
                        same.servers.push((gateway, server));
                    }
                    Some(same) => {
                        let message = format!(
                            "port {number} is served by {} with another protocol: this server is skipped",
                            same.servers[0].0.label()
                        );
                        let finding = refuse(Code::ConflictingGateways, port.at.field("protocol"), message);
                        self.out.push(finding);
                    }
                    None => {
                        let servers = vec![(gateway, server)];
                        shared.push(Shared { port: number, bind, https, grpc_web, servers });
                    }
                }
            }
        }
        shared
    }

    fn gateway_draft(&mut self, shared: &Shared<'a>, virtuals: &VirtualServices<'a>) -> Draft {
        let (first, server) = shared.servers[0];
        let origin = first.locate(server.at.origin());
        let mut draft = Draft::new(shared.port, shared.bind, shared.https, origin);
        draft.grpc_web = shared.grpc_web;
        let mut served = HashMap::new();
        for (gateway, server) in &shared.servers {
            self.conflicts(shared.port, gateway, server, &mut served);
            let hosts = server.hosts.iter();
            draft.serves.extend(hosts.map(|entry| server_host(entry, &gateway.meta.namespace).1));
            if shared.https {
                self.certificate(gateway, server, &mut draft.certificates);
            }
            // A server that speaks TLS already would send its callers back to itself (GW-3).
            if !shared.https && server.tls.as_ref().is_some_and(|tls| tls.https_redirect) {
                redirected(gateway, server, &mut draft.hosts);
            } else {
                self.bind(gateway, server, shared.port, virtuals, &mut draft.hosts);
            }
        }
        draft
    }

    fn gateway_listener(&mut self, draft: Draft) -> Listener {
        let Draft { port, bind, https, grpc_web, certificates, hosts, serves: _, origin } = draft;
        let key = ListenerKey::Port { direction: Direction::Gateway, port, address: bind };
        let scheme = if https { "https" } else { "http" };
        let table = self.gateway_table(&format!("{scheme}.{port}"), &key, port, hosts);
        let table = if grpc_web { table.grpc_web() } else { table };
        Listener {
            key,
            direction: Direction::Gateway,
            port,
            bind,
            protocol: if https { ListenerProtocol::Https(certificates) } else { ListenerProtocol::Http },
            routes: ListenerRoutes::Table(Arc::new(table)),
            origin,
        }
    }

    /// IST0145: an older Gateway for the same workloads serves the same host on the port.
    ///
    /// `served` is by whom each host is served so far.
    fn conflicts(
        &mut self,
        port: u16,
        gateway: &'a Resource<Gateway>,
        server: &'a Server,
        served: &mut HashMap<&'a str, Vec<&'a Resource<Gateway>>>,
    ) {
        for (index, host) in server.hosts.iter().enumerate() {
            let others = served.entry(host).or_default();
            for other in others.iter().filter(|other| !std::ptr::eq(**other, gateway)) {
                if other.spec.selector == gateway.spec.selector {
                    let message = format!("{} serves {host} on port {port} too", other.label());
                    let origin = gateway.locate(server.at.item("hosts", index));
                    self.out.push(Diagnostic::new(Code::ConflictingGateways, origin, message));
                }
            }
            if !others.last().is_some_and(|last| std::ptr::eq(*last, gateway)) {
                others.push(gateway);
            }
        }
    }

    /// Adds the hosts of the VirtualServices that are bound to a server (GW-2).
    fn bind(
        &mut self,
        gateway: &Resource<Gateway>,
        server: &Server,
        port: u16,
        virtuals: &VirtualServices<'a>,
        hosts: &mut Hosts,
    ) {
        let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
        let entries: Vec<(&str, String)> =
            server.hosts.iter().map(|entry| server_host(entry, &gateway.meta.namespace)).collect();
        for index in virtuals.of_gateway(&name) {
            let one = &virtuals.all[*index];
            let mut served: Vec<&str> = Vec::new();
            let is_for =
                |(namespace, _): &&(&str, String)| *namespace == "*" || *namespace == one.namespace();
            for (_, host) in entries.iter().filter(is_for) {
                for written in &one.names.hosts {
                    if let Some(narrow) = names::narrower(written, host)
                        && !served.contains(&narrow)
                    {
                        served.push(narrow);
                    }
                }
            }
            if served.is_empty() {
                continue;
            }
            let routes = self.routes(one, Place { gateway: Some(&name), port });
            // One without a rule for here leaves its hosts to wider ones (VS-5).
            if !routes.apply() {
                continue;
            }
            for host in served {
                hosts.add(host, &routes.routes, routes.lost, one.names.origin.clone());
            }
        }
    }

    fn gateway_table(&mut self, table: &str, listener: &ListenerKey, port: u16, hosts: Hosts) -> RouteTable {
        let last = self.last_good.and_then(|plan| {
            let listener = plan.listeners.iter().find(|known| known.key == *listener)?;
            match &listener.routes {
                ListenerRoutes::Table(table) => Some(Arc::clone(table)),
                ListenerRoutes::ByAuthority | ListenerRoutes::ByAuthorityOf(_) => None,
            }
        });
        // Only what is refused answers so.
        let refused = self.documents.refused.as_deref();
        let may_be_news = refused.is_some_and(|refused| *refused != Documents::default());
        let Hosts { order, mut by_name } = hosts;
        let mut virtual_hosts = Vec::with_capacity(order.len());
        for name in order {
            let Some(mut host) = by_name.remove(&name) else { continue };
            let key = VirtualHostKey::host(name.as_str(), port);
            let kept = last.as_deref().filter(|_| host.lost).and_then(|table| self.keep(table, &key));
            // On a reload, requests that went to a wider host go on to: what is refused never was good. A good
            // rule that leads to what is refused is no such news.
            let is_its_own = |route: &Arc<Route>| matches!(&route.action, Action::Refused(document) if *document == route.origin.resource);
            let had_any = !host.routes.is_empty();
            if may_be_news && last.as_deref().is_some_and(|table| last_host(table, &key).is_none()) {
                host.routes.retain(|route| !is_its_own(route));
            }
            let is_news = had_any && host.routes.is_empty();
            if kept.is_none() && (host.contributors == 0 || is_news) {
                continue;
            }
            let routes = kept.unwrap_or_else(|| {
                let mut routes = host.routes;
                if host.contributors > 1 {
                    // Stable: the order among themselves is kept (VS-3).
                    routes.sort_by_key(|route| route.matcher.is_catch_all());
                }
                routes
            });
            virtual_hosts.push(VirtualHost {
                key,
                domains: vec![names::bracketed(&name)],
                routes,
                grpc_web: false,
                origin: host.origin,
            });
        }
        RouteTable::build(table.into(), virtual_hosts, Fallback::NotFound).expect("each host stands once")
    }
}

/// Every host of the server, and every request to it, goes to `https` (GW-4).
fn redirected(gateway: &Resource<Gateway>, server: &Server, hosts: &mut Hosts) {
    let redirect = Redirect {
        status: StatusCode::MOVED_PERMANENTLY,
        scheme: Some("https".into()),
        ..Redirect::default()
    };
    let mut route = Route::new("https-redirect".into(), Matcher::any(), Action::Redirect(redirect));
    route.origin = gateway.locate(server.at.field("tls"));
    let route = Arc::new(route);
    for entry in &server.hosts {
        let (_, host) = server_host(entry, &gateway.meta.namespace);
        hosts.add_missing(&host, &route, gateway.locate(server.at.origin()));
    }
}
