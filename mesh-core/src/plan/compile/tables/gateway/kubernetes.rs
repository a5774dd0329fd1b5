//! Listeners of a gateway workload from the Gateway API (GA-2, GA-12).

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Level};
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::rules::gateway_api::routes::{self, Compiled, Ranked, Site};
use crate::plan::compile::rules::gateway_api::{Edge, EdgeListener, GatewayApi, Serves};
use crate::plan::compile::tables::draft::Draft;
use crate::plan::{Material, ServerTls, TlsTerms};
use crate::route::Route;

/// A listener and the Gateway that it is of.
type One<'e, 'a> = (&'e Edge<'a>, &'e EdgeListener<'a>);

/// The routes of one host at a listener.
#[derive(Debug, Default)]
struct Group {
    routes: Vec<Ranked>,
    lost: bool,
    forbidden: bool,
}

impl Compiler<'_> {
    /// Adds the listeners of the Gateways that our workload serves to those of Istio's own.
    pub(super) fn k8s_gateway_listeners(
        &mut self,
        api: &GatewayApi<'_>,
        serves: &Serves,
        drafts: &mut Vec<Draft>,
    ) {
        let workload = Arc::clone(&self.workload);
        let edges = serves.choose(&api.gateways, self.documents, &workload);
        let (refused, edges): (Vec<_>, Vec<_>) =
            edges.into_iter().partition(|edge| edge.resource.is_refused());
        let usable: Vec<One<'_, '_>> = edges
            .iter()
            .flat_map(|edge| edge.listeners.iter().map(|listener| (*edge, listener)))
            .filter(|(_, listener)| listener.is_usable())
            .collect();
        for (position, one) in usable.iter().enumerate() {
            let (edge, listener) = *one;
            let origin = edge.resource.locate(listener.written.at.origin());
            let Some(draft) = Draft::at(drafts, listener.port, None, listener.https, &origin) else {
                let message = format!(
                    "port {} is served with another protocol: this listener is skipped",
                    listener.port
                );
                let origin = edge.resource.locate(listener.written.at.field("protocol"));
                self.out.push(Diagnostic::new(Code::ConflictingGateways, origin, message));
                continue;
            };
            if listener.https {
                self.listener_certificate(*one, &mut drafts[draft].certificates);
            }
            drafts[draft].serves.push(listener.host.clone());
            let others: Vec<&str> = usable
                .iter()
                .enumerate()
                .filter(|(other, (_, theirs))| {
                    *other != position && theirs.port == listener.port && theirs.https == listener.https
                })
                .map(|(_, (_, theirs))| theirs.host.as_str())
                .filter(|theirs| *theirs != listener.host && names::is_within(theirs, &listener.host))
                .collect();
            for (host, group) in self.hosts_of(api, listener, &others) {
                let routes: Vec<Arc<Route>> = group.routes.into_iter().map(|one| one.route).collect();
                drafts[draft].hosts.add(&host, &routes, group.lost && !group.forbidden, origin.clone());
            }
        }
        for edge in refused {
            self.refused_edge(edge, drafts);
        }
    }

    /// Lets the hosts of a refused Gateway answer, where no other one serves them (Y-12).
    fn refused_edge(&mut self, edge: &Edge<'_>, drafts: &mut Vec<Draft>) {
        // A port of 0 is one that could not be read.
        let usable = edge.listeners.iter().filter(|listener| listener.is_usable() && listener.port != 0);
        for listener in usable {
            let origin = edge.resource.locate(listener.written.at.origin());
            let Some(draft) = Draft::at(drafts, listener.port, None, listener.https, &origin) else {
                continue;
            };
            if listener.https {
                self.listener_certificate((edge, listener), &mut drafts[draft].certificates);
            }
            let route = refusal::route(&edge.resource.source.resource, origin.clone());
            drafts[draft].hosts.add_missing(&listener.host, &route, origin);
        }
    }

    /// The routes of each host of a listener; `others` are the narrower hosts of its neighbours on the
    /// port, whose requests are not for it.
    fn hosts_of(
        &mut self,
        api: &GatewayApi<'_>,
        listener: &EdgeListener<'_>,
        others: &[&str],
    ) -> Vec<(String, Group)> {
        let site = Site { port: listener.port, gateway: true };
        let mut groups: HashMap<&str, Group> = HashMap::new();
        // A listener without routes for its host answers 404, not another's routes.
        let mut order: Vec<&str> = vec![&listener.host];
        groups.entry(&listener.host).or_default();
        for attached in &listener.attached {
            let document = &api.routes[attached.route];
            let Compiled { routes, lost, forbidden } = self.document_routes(attached.route, document, site);
            for host in &attached.hosts {
                if others.iter().any(|other| names::is_within(host, other)) {
                    continue;
                }
                let group = groups.entry(host).or_insert_with(|| {
                    order.push(host);
                    Group::default()
                });
                group.routes.extend(routes.iter().cloned());
                group.lost |= lost;
                group.forbidden |= forbidden;
            }
        }
        for group in groups.values_mut() {
            routes::sort(&mut group.routes);
        }
        let whole = |host: &str| {
            let mut whole = Group::default();
            for name in std::iter::once(host.to_owned()).chain(wider(host)) {
                let Some(group) = groups.get(name.as_str()) else { continue };
                whole.routes.extend(group.routes.iter().cloned());
                whole.lost |= group.lost;
                whole.forbidden |= group.forbidden;
            }
            whole
        };
        order.into_iter().map(|host| (host.to_owned(), whole(host))).collect()
    }

    fn listener_certificate(&mut self, (edge, listener): One<'_, '_>, known: &mut Vec<ServerTls>) {
        let origin = edge.resource.locate(listener.written.at.field("tls"));
        if known.iter().any(|known| known.hosts.contains(&listener.host)) {
            let message =
                format!("host {} has a certificate on this port already: this one is skipped", listener.host);
            self.out.push(Diagnostic::new(Code::ConflictingGateways, origin, message).level(Level::Warning));
            return;
        }
        let hosts = vec![listener.host.clone()];
        let mut material = listener.certificate.clone();
        let lost = listener.unresolved.as_ref().is_some_and(|problem| problem.reason != "RefNotPermitted");
        if material == Material::Missing && lost {
            material = self.kept_material(edge.resource.identity(), &hosts).unwrap_or(Material::Missing);
        }
        known.push(ServerTls { hosts, material, terms: TlsTerms::default(), origin });
    }
}

/// The wildcards that hold this host, narrowest first (GA-4: the longer hostname first).
fn wider(host: &str) -> impl Iterator<Item = String> + '_ {
    let text = host.strip_prefix("*.").unwrap_or(host);
    let dots = text.match_indices('.').map(|(at, _)| format!("*{}", &text[at..]));
    dots.chain((host != "*").then(|| "*".to_owned()))
}
