//! What becomes of rules at a gateway whose reference to it is lost (Y-12).
//!
//! A name that leads nowhere may be a slip, or its Gateway was renamed: then the rules stay where they were. A
//! name that is taken out takes the rules away. Where a document has both, its last version tells which it was: if
//! no name is lost that was not lost before, and one that led somewhere is written no more, that one was meant.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};

use crate::api::gateway_api::{Gateway, ParentReference};
use crate::api::istio::VirtualService;
use crate::api::{Documents, Resource};
use crate::error::{Identity, Origin};
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::refusal::refused;
use crate::plan::compile::rules::gateway_api::{GatewayApi, Unbound};
use crate::plan::compile::rules::virtual_services::{Virtual, VirtualServices};
use crate::plan::compile::tables::draft::Draft;
use crate::plan::compile::{Compiler, MESH};
use crate::plan::{Direction, ListenerRoutes};

/// What the documents of the last good plan said of references to Gateways.
struct Said<'a> {
    gateways: HashSet<(&'a str, &'a str)>,
    k8s_gateways: HashMap<(&'a str, &'a str), &'a Gateway>,
    virtual_services: HashMap<Identity<'a>, &'a Resource<VirtualService>>,
    /// The parent references of routes.
    parents: HashMap<Identity<'a>, &'a [ParentReference]>,
}

impl<'a> Said<'a> {
    fn of(documents: &'a Documents) -> Self {
        fn names<T>(one: &Resource<T>) -> (&str, &str) {
            (&one.meta.namespace, &one.meta.name)
        }
        let gateways = documents.gateways.iter();
        let gateways = gateways.chain(refused(documents, |documents| &documents.gateways));
        let k8s_gateways = documents.k8s_gateways.iter();
        let k8s_gateways = k8s_gateways.chain(refused(documents, |documents| &documents.k8s_gateways));
        let http = documents.http_routes.iter().map(|one| (one.identity(), one.spec.parent_refs.as_slice()));
        let grpc = documents.grpc_routes.iter().map(|one| (one.identity(), one.spec.parent_refs.as_slice()));
        Self {
            gateways: gateways.map(names).collect(),
            k8s_gateways: k8s_gateways.map(|one| (names(one), &one.spec)).collect(),
            virtual_services: documents.virtual_services.iter().map(|one| (one.identity(), one)).collect(),
            parents: http.chain(grpc).collect(),
        }
    }

    /// Whether a VirtualService lost the names `gone` long ago, and one that led somewhere on purpose.
    fn let_go_of_gateway(&self, one: &Virtual<'_>, gone: &[&str], suffix: &str) -> bool {
        let Some(before) = self.virtual_services.get(&one.resource.identity()) else { return false };
        let full = |name: &String| names::gateway(name, &before.meta.namespace, suffix);
        let before: HashSet<String> = before.spec.gateways.iter().map(full).collect();
        let led = |name: &str| {
            name.split_once('/').is_some_and(|(namespace, name)| self.gateways.contains(&(namespace, name)))
        };
        let is_old = |name: &&str| before.contains(*name) && !led(name);
        gone.iter().all(is_old) && before.iter().any(|name| led(name) && !one.names.gateways.contains(name))
    }

    /// The same of a route and its parents.
    fn let_go_of_parent(&self, one: &Unbound<'_>) -> bool {
        let Some(before) = self.parents.get(&one.owner) else { return false };
        let before: HashSet<Place<'_>> = before.iter().map(|parent| place(parent, one.namespace)).collect();
        let now: HashSet<Place<'_>> = one.parents.iter().map(|parent| place(parent, one.namespace)).collect();
        let mut gone = one.gone.iter().map(|parent| place(parent, one.namespace));
        gone.all(|place| before.contains(&place) && !self.led(&place))
            && before.iter().any(|place| self.led(place) && !now.contains(place))
    }

    fn led(&self, (kind, namespace, name, section, port): &Place<'_>) -> bool {
        let gateway = self.k8s_gateways.get(&(*namespace, *name)).filter(|_| *kind == "Gateway");
        gateway.is_some_and(|gateway| {
            let mut listeners = gateway.listeners.iter();
            listeners.any(|one| {
                section.is_none_or(|section| section == one.name) && port.is_none_or(|port| port == one.port)
            })
        })
    }
}

/// What a parent reference names: kind, namespace, name, and which part of it.
type Place<'p> = (&'p str, &'p str, &'p str, Option<&'p str>, Option<u32>);

fn place<'p>(parent: &'p ParentReference, own: &'p str) -> Place<'p> {
    let section = parent.section_name.as_deref().filter(|name| !name.is_empty());
    (parent.kind(), parent.namespace(own), &parent.name, section, parent.port)
}

impl<'a> Compiler<'a> {
    /// At a gateway a rule that names a Gateway which is not there keeps what it served: the hosts that the
    /// last good plan has it at, as far as it still names them and a server still stands for them.
    pub(super) fn keep_unbound(
        &self,
        virtuals: &VirtualServices<'a>,
        api: &GatewayApi<'a>,
        drafts: &mut [Draft],
    ) {
        let Some(last) = self.last_good.filter(|_| !self.options.istio_runtime) else { return };
        let mut lost: HashMap<Identity<'_>, Vec<&[String]>> = HashMap::new();
        if api.unbound().next().is_none() && virtuals.gateways().all(|name| self.is_there(name)) {
            return;
        }
        // Asked for only where something is lost.
        let said = LazyCell::new(|| self.said.map(Said::of));
        for one in api.unbound() {
            if !said.as_ref().is_some_and(|said| said.let_go_of_parent(&one)) {
                lost.entry(one.owner).or_default().push(one.hosts);
            }
        }
        for one in virtuals.all.iter().filter(|one| one.refused.is_none()) {
            let gone: Vec<&str> =
                one.names.gateways.iter().map(String::as_str).filter(|name| !self.is_there(name)).collect();
            let suffix = &self.mesh.settings.domain_suffix;
            let let_go = || said.as_ref().is_some_and(|said| said.let_go_of_gateway(one, &gone, suffix));
            if !gone.is_empty() && !let_go() {
                let delegates = one.rules().iter().map(|rule| rule.resource.identity());
                for owner in delegates.chain([one.resource.identity()]) {
                    lost.entry(owner).or_default().push(&one.names.hosts);
                }
            }
        }
        if lost.is_empty() {
            return;
        }
        for listener in last.listeners.iter().filter(|one| one.direction == Direction::Gateway) {
            let ListenerRoutes::Table(table) = &listener.routes else { continue };
            let at = |draft: &&mut Draft| draft.port == listener.port && draft.bind == listener.bind;
            let Some(draft) = drafts.iter_mut().find(at) else { continue };
            for host in table.hosts() {
                let Some(name) = host.key.domain() else { continue };
                let serves = |pattern: &String| names::narrower(name, pattern) == Some(name);
                let origins = host.routes.iter().map(|route| &route.origin).chain([&host.origin]);
                let names = |hosts: &&[String]| hosts.is_empty() || hosts.iter().any(serves);
                let is_lost = |owner: &Identity<'_>| lost.get(owner).is_some_and(|of| of.iter().any(names));
                let mut owners = origins.map(Origin::identity).filter(is_lost);
                // One that is still bound there by another of its names moves on.
                let is_gone = owners.any(|owner| !draft.hosts.has_of(name, owner));
                if is_gone && draft.serves.iter().any(serves) {
                    draft.hosts.lose(name, host.origin.clone());
                }
            }
        }
    }

    /// Whether a name in `gateways` leads somewhere.
    fn is_there(&self, name: &str) -> bool {
        name == MESH || self.is_gateway(name)
    }

    /// Whether there is a Gateway of this `namespace/name`, be it one that is refused.
    pub(crate) fn is_gateway(&self, name: &str) -> bool {
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        self.index.gateways.contains_key(&(namespace, name))
            || refused(self.documents, |documents| &documents.gateways)
                .iter()
                .any(|gateway| gateway.meta.namespace == namespace && gateway.meta.name == name)
    }
}
