//! Which VirtualService has which host (VS-3, VS-4), and which rules it has in all (VA-13).

mod delegates;
mod merge;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use self::delegates::Delegates;
use crate::api::istio::{HttpMatchRequest, HttpRoute, VirtualService};
use crate::api::{Documents, Resource, creation_order};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::error::Origin;
use crate::plan::compile::MESH;
use crate::plan::compile::inputs::changes::Changes;
use crate::plan::compile::inputs::names::{self, Visibility};
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::inputs::scope::EgressScope;
use crate::plan::compile::inputs::settings::Mesh;
use crate::route::{HostMap, Scope};

/// A VirtualService that our workload's namespace sees, with its names in full.
#[derive(Clone, Debug)]
pub(crate) struct Virtual<'a> {
    pub(crate) resource: &'a Resource<VirtualService>,
    /// Its place among the documents; none if it is refused.
    pub(crate) place: Option<usize>,
    pub(crate) names: Arc<Names>,
    /// Its rules, those of its delegates in their places; made when they are asked for if there are no delegates.
    rules: OnceCell<Vec<Rule<'a>>>,
    suffix: Rc<str>,
    /// Whether a delegate does not exist (Y-12).
    pub(crate) lost: bool,
    /// Its name, if it is refused and its hosts answer so (Y-12).
    pub(crate) refused: Option<Arc<str>>,
    /// Of one that is refused, the static parts of the match blocks of each rule, if all rules are known; one whose
    /// matches cannot be read has none.
    pub(crate) shut: Vec<Vec<Scope>>,
}

/// The names of a VirtualService in full.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) hosts: Vec<String>,
    /// `namespace/name` each, or `mesh`.
    pub(crate) gateways: Vec<String>,
    /// Whether all of its rules are its own: then nothing that is made of them depends on other VirtualServices.
    pub(crate) is_plain: bool,
    /// The place of the document.
    pub(crate) origin: Origin,
    visibility: Visibility,
}

/// The names of each VirtualService at the last compile, by its place; none of those that are not seen or have no
/// hosts.
pub(crate) type KnownNames = Vec<Option<Arc<Names>>>;

impl Names {
    /// `None` for one that is not seen from `client`, or is for no host of its own.
    fn of(resource: &Resource<VirtualService>, mesh: &Mesh<'_>, client: &str) -> Option<Self> {
        let (meta, spec, suffix) = (&resource.meta, &resource.spec, &mesh.settings.domain_suffix);
        if spec.hosts.is_empty() {
            return None;
        }
        let default = mesh.virtual_service_export;
        let visibility = names::visibility(&spec.export_to, default, &meta.namespace, client)?;
        let full = |gateway: &String| names::gateway(gateway, &meta.namespace, suffix);
        let mut gateways: Vec<String> = spec.gateways.iter().map(full).collect();
        if gateways.is_empty() {
            gateways.push(MESH.to_owned());
        }
        Some(Self {
            hosts: spec.hosts.iter().map(|host| names::resolve(host, &meta.namespace, suffix)).collect(),
            gateways,
            is_plain: spec.http.iter().all(|rule| rule.delegate.is_none()),
            origin: resource.origin(),
            visibility,
        })
    }
}

/// A rule, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Rule<'a> {
    /// The resource that it is written in: the delegate, if it is one's.
    pub(crate) resource: &'a Resource<VirtualService>,
    /// Its number there.
    pub(crate) index: usize,
    /// The rule; merged with the one that delegates, if it is a delegate's.
    pub(crate) written: Cow<'a, HttpRoute>,
    /// The static part of each match block; a rule without any has none.
    pub(crate) scopes: Vec<Scope>,
    /// As which block each was written.
    pub(crate) blocks: Vec<usize>,
    /// The delegate of this name has it, and is refused (Y-12).
    pub(crate) refused: Option<Arc<str>>,
}

impl<'a> Rule<'a> {
    /// A rule as it is written.
    fn own(resource: &'a Resource<VirtualService>, index: usize, rule: &'a HttpRoute, suffix: &str) -> Self {
        Self {
            resource,
            index,
            written: Cow::Borrowed(rule),
            scopes: rule.r#match.iter().map(|block| scope(block, resource, suffix)).collect(),
            blocks: (0..rule.r#match.len()).collect(),
            refused: None,
        }
    }

    /// The namespace that short names are of.
    pub(crate) fn namespace(&self) -> &str {
        &self.resource.meta.namespace
    }
}

impl<'a> Virtual<'a> {
    /// Its rules, those of its delegates in their places.
    pub(crate) fn rules(&self) -> &[Rule<'a>] {
        self.rules.get_or_init(|| {
            let rules = self.resource.spec.http.iter().enumerate().filter(|_| self.refused.is_none());
            rules.map(|(index, rule)| Rule::own(self.resource, index, rule, &self.suffix)).collect()
        })
    }

    pub(crate) fn is_mesh(&self) -> bool {
        self.names.gateways.iter().any(|gateway| gateway == MESH)
    }

    /// A host's full name as `host` of this resource writes it.
    pub(crate) fn namespace(&self) -> &str {
        &self.resource.meta.namespace
    }
}

/// A host of the mesh, and the resources that claim it, those first that have it first (VS-3, VS-4).
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) host: String,
    pub(crate) claimants: Vec<usize>,
}

/// The VirtualServices in creation order, and who claims which host of the mesh.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualServices<'a> {
    pub(crate) all: Rc<Vec<Virtual<'a>>>,
    /// The hosts of sidecars and library clients, in the order in which they were claimed.
    pub(crate) claims: Vec<Claim>,
    /// The claim of each host.
    hosts: HostMap,
    by_gateway: Rc<HashMap<String, Vec<usize>>>,
}

impl<'a> VirtualServices<'a> {
    /// Finds those that are seen. The names of those whose documents stayed are taken over from `known`; what the next
    /// compile may take over is returned too.
    pub(crate) fn build(
        documents: &'a Documents,
        mesh: &Mesh<'a>,
        client: &str,
        egress: &EgressScope,
        (changes, known): (&Changes, &KnownNames),
        out: &mut Diagnostics,
    ) -> (Self, KnownNames) {
        let mut all: Vec<Virtual<'a>> = Vec::with_capacity(documents.virtual_services.len());
        let mut by_gateway: HashMap<String, Vec<usize>> = HashMap::new();
        let suffix: Rc<str> = mesh.settings.domain_suffix.as_str().into();
        let refused = refusal::refused(documents, |documents| &documents.virtual_services);
        let delegates = Delegates::new(&documents.virtual_services, refused, mesh);
        let mut names: KnownNames = vec![None; documents.virtual_services.len()];
        let mut written: Vec<(Option<usize>, &Resource<VirtualService>)> =
            documents.virtual_services.iter().enumerate().map(|(place, one)| (Some(place), one)).collect();
        if !refused.is_empty() {
            written.extend(refused.iter().map(|one| (None, one)));
            written.sort_by(|(_, a), (_, b)| creation_order(&a.meta, &b.meta));
        }
        for (place, resource) in written {
            let before = place.and_then(|place| changes.virtual_services.at(place));
            let own = match before {
                Some(before) => known[before].clone(),
                None => Names::of(resource, mesh, client).map(Arc::new),
            };
            let Some(own) = own else { continue };
            if let Some(place) = place {
                names[place] = Some(Arc::clone(&own));
            }
            let refused = resource.is_refused().then(|| Arc::clone(&resource.source.resource));
            let index = all.len();
            for gateway in &own.gateways {
                match by_gateway.get_mut(gateway) {
                    Some(bound) if bound.last() == Some(&index) => {}
                    Some(bound) => bound.push(index),
                    None => {
                        by_gateway.insert(gateway.clone(), vec![index]);
                    }
                }
            }
            let mut one = Virtual {
                resource,
                place,
                rules: OnceCell::new(),
                suffix: Rc::clone(&suffix),
                lost: false,
                shut: refused.as_ref().map(|_| shut(resource, &suffix)).unwrap_or_default(),
                refused,
                names: own,
            };
            if !one.names.is_plain && one.refused.is_none() {
                let rules;
                (rules, one.lost) = delegates.all_rules(resource, &suffix, out);
                one.rules = rules.into();
            }
            all.push(one);
        }
        let mut virtuals = Self { all: all.into(), by_gateway: by_gateway.into(), ..Self::default() };
        virtuals.claim_mesh_hosts(egress, out);
        (virtuals, names)
    }

    /// The same as another egress listener lets them be seen (SC-2); conflicts have been told.
    pub(crate) fn scoped(&self, egress: &EgressScope) -> Self {
        let mut scoped =
            Self { all: Rc::clone(&self.all), by_gateway: Rc::clone(&self.by_gateway), ..Self::default() };
        scoped.claim_mesh_hosts(egress, &mut Diagnostics::new());
        scoped
    }

    fn claim_mesh_hosts(&mut self, egress: &EgressScope, out: &mut Diagnostics) {
        let all = Rc::clone(&self.all);
        let mut order: Vec<usize> = (0..all.len()).filter(|index| all[*index].is_mesh()).collect();
        order.sort_by_key(|index| all[*index].names.visibility);
        let mut claimed: BTreeMap<&str, usize> = BTreeMap::new();
        for index in order {
            let one = &all[index];
            if !one.names.hosts.iter().any(|host| egress.touches(one.namespace(), host)) {
                continue;
            }
            for host in &one.names.hosts {
                let claim = *claimed.entry(host).or_insert_with(|| {
                    let claim = self.claims.len();
                    let _: Result<(), usize> = self.hosts.insert(host, claim);
                    self.claims.push(Claim { host: host.clone(), claimants: Vec::new() });
                    claim
                });
                let claimants = &mut self.claims[claim].claimants;
                if !claimants.contains(&index) {
                    claimants.push(index);
                }
            }
        }
        for claim in claimed.into_values() {
            let Claim { host, claimants } = &self.claims[claim];
            if claimants.len() < 2 {
                continue;
            }
            let labels: Vec<_> = claimants.iter().map(|index| all[*index].resource.label()).collect();
            for index in claimants {
                let resource = all[*index].resource;
                let code = Code::ConflictingMeshGatewayVirtualServiceHosts;
                let message = format!(
                    "host {host} is claimed by {}; only the first that has a rule for the caller is used",
                    labels.join(", ")
                );
                let origin = resource.locate(resource.spec.at.field("hosts"));
                out.push(
                    Diagnostic::new(code, origin, message).hint("put the rules into one VirtualService"),
                );
            }
        }
    }

    /// The one that has this host in the mesh: by its name, else by the longest wildcard
    /// that holds it (H-4).
    pub(crate) fn of_host(&self, host: &str) -> Option<usize> {
        self.candidates(host).first().copied()
    }

    /// Those that may have this host, the first that has a rule there: all that name it, else the first of
    /// the longest wildcard that holds it.
    pub(crate) fn candidates(&self, host: &str) -> &[usize] {
        let claim = self.hosts.get(host).map(|claim| &self.claims[claim]);
        let claimants = claim.map(|claim| claim.claimants.as_slice()).unwrap_or_default();
        let named = claim.is_some_and(|claim| claim.host == host);
        if named { claimants } else { &claimants[..claimants.len().min(1)] }
    }

    /// The names of all gateways that are listed.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = &str> {
        self.by_gateway.keys().map(String::as_str)
    }

    /// Those that list this gateway, in creation order.
    pub(crate) fn of_gateway(&self, gateway: &str) -> &[usize] {
        self.by_gateway.get(gateway).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The static parts of each rule of a VirtualService that is refused, as far as it is known what they match.
fn shut(resource: &Resource<VirtualService>, suffix: &str) -> Vec<Vec<Scope>> {
    let paths: Vec<Arc<str>> = resource.spec.http.iter().map(|rule| rule.at.origin().path).collect();
    let readable = refusal::readable(&resource.source, "spec.http", "match", &paths).unwrap_or_default();
    let rules = resource.spec.http.iter().zip(readable);
    rules
        .map(|(rule, readable)| {
            let blocks = if readable { rule.r#match.as_slice() } else { &[] };
            blocks.iter().map(|block| scope(block, resource, suffix)).collect()
        })
        .collect()
}

/// The static part of a match block of this resource.
fn scope(block: &HttpMatchRequest, of: &Resource<VirtualService>, suffix: &str) -> Scope {
    let full = |gateway: &String| names::gateway(gateway, &of.meta.namespace, suffix);
    Scope {
        port: block.port.filter(|port| *port > 0).and_then(|port| u16::try_from(port).ok()),
        gateways: block.gateways.iter().map(full).collect(),
        source_labels: block.source_labels.clone(),
        source_namespace: (!block.source_namespace.is_empty()).then(|| block.source_namespace.clone()),
    }
}
