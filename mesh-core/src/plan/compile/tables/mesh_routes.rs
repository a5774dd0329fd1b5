//! Routes of Services from the Gateway API, for calls inside the mesh (GA-1, GA-11).

use std::sync::Arc;

use crate::error::Origin;
use crate::plan::compile::Compiler;
use crate::plan::compile::rules::gateway_api::routes::{self, Ranked, Site};
use crate::plan::compile::rules::gateway_api::{Binding, GatewayApi};
use crate::route::Route;

/// The routes that are attached to a Service's port, as our workload's namespace sees them.
#[derive(Debug)]
pub(crate) struct MeshRules {
    pub(crate) routes: Vec<Arc<Route>>,
    /// Whether a destination is not there (Y-12).
    pub(crate) lost: bool,
    /// Whether they are of our own namespace: then they come before VirtualServices.
    pub(crate) own: bool,
    /// The oldest of them.
    pub(crate) label: String,
    pub(crate) origin: Origin,
}

impl Compiler<'_> {
    /// The routes of a Service's port; `None` if there are none for our namespace.
    ///
    /// Routes of the Service's own namespace (producer) are for everybody; those of another namespace
    /// (consumer) only for its clients, to whom they replace the producer's.
    pub(crate) fn mesh_rules(&mut self, api: &GatewayApi<'_>, host: &str, port: u16) -> Option<MeshRules> {
        let bindings = api.mesh.get(host)?;
        let workload = Arc::clone(&self.workload);
        let client = workload.namespace.as_str();
        let namespace = |binding: &Binding| api.routes[binding.route].meta.namespace.as_str();
        let here: Vec<&Binding> =
            bindings.iter().filter(|binding| binding.port.is_none_or(|own| own == port)).collect();
        let own: Vec<&Binding> =
            here.iter().copied().filter(|binding| namespace(binding) == client).collect();
        let producer: Vec<&Binding> =
            here.into_iter().filter(|binding| namespace(binding) == binding.owner).collect();
        let is_own = !own.is_empty();
        let mut chosen = if is_own { own } else { producer };
        chosen.sort_by_key(|binding| binding.route);
        chosen.dedup_by_key(|binding| binding.route);
        let first = &api.routes[chosen.first()?.route];
        let site = Site { port, gateway: false };
        let (mut ranked, mut lost): (Vec<Ranked>, bool) = (Vec::new(), false);
        for binding in &chosen {
            let compiled = self.document_routes(binding.route, &api.routes[binding.route], site);
            ranked.extend(compiled.routes);
            lost |= compiled.lost;
        }
        routes::sort(&mut ranked);
        Some(MeshRules {
            routes: ranked.into_iter().map(|one| one.route).collect(),
            lost,
            own: is_own,
            label: first.label().to_owned(),
            origin: first.origin.clone(),
        })
    }
}
