//! What VirtualServices at gateways say that nothing there honours (VM-8, AN-2).

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::compile::inputs::names;
use crate::plan::compile::rules::virtual_services::{Virtual, VirtualServices};
use crate::plan::compile::{Compiler, MESH};

impl Compiler<'_> {
    /// IST0149: nothing verifies the token that a rule asks about, so it never serves. What a delegate
    /// asks is judged here, where its root is known.
    pub(crate) fn claims_are_verified(&mut self, one: &Virtual<'_>) {
        let mesh_only = one.names.gateways.iter().all(|gateway| gateway == MESH);
        for rule in one.rules() {
            for block in &rule.written.r#match {
                let conditions = [("headers", &block.headers), ("withoutHeaders", &block.without_headers)];
                let named = conditions.into_iter().flat_map(|(field, map)| {
                    map.keys()
                        .filter(|name| name.starts_with("@request.auth.claims"))
                        .map(move |name| (field, name))
                });
                for (field, name) in named {
                    let origin = rule.resource.locate(block.at.entry(field, name));
                    self.out.push(if mesh_only {
                        let message = format!(
                            "JWT claims can be matched at a gateway only, unlike {}",
                            one.resource.label()
                        );
                        Diagnostic::new(Code::SchemaValidationError, origin, message)
                    } else {
                        let code = Code::JwtClaimBasedRoutingWithoutRequestAuthN;
                        let message = format!("no RequestAuthentication verifies the claims of {name}");
                        Diagnostic::new(code, origin, message)
                    });
                }
            }
        }
    }

    /// IST0140: rules of the mesh choose subsets of a service, and this gateway's rules go to all of it. A
    /// gateway knows only what is bound to it.
    pub(crate) fn subsets_reach_gateways(&mut self, virtuals: &VirtualServices<'_>, one: &Virtual<'_>) {
        if virtuals.claims.is_empty() || one.names.gateways.iter().all(|gateway| gateway == MESH) {
            return;
        }
        for rule in one.rules() {
            let to = rule.written.route.iter().filter_map(|to| to.destination.as_ref());
            for to in to.filter(|to| to.subset.is_empty()) {
                let suffix = &self.mesh.settings.domain_suffix;
                let host = names::resolve(&to.host, rule.namespace(), suffix);
                let Some(other) = virtuals.of_host(&host).map(|index| &virtuals.all[index]) else { continue };
                let bound = one
                    .names
                    .gateways
                    .iter()
                    .any(|gateway| gateway != MESH && other.names.gateways.contains(gateway));
                let chooses = || {
                    other
                        .rules()
                        .iter()
                        .flat_map(|rule| {
                            let to = rule.written.route.iter().filter_map(|to| to.destination.as_ref());
                            to.map(|to| (rule.namespace(), to))
                        })
                        .any(|(namespace, to)| {
                            !to.subset.is_empty() && names::resolve(&to.host, namespace, suffix) == host
                        })
                };
                if !bound && chooses() {
                    let message = format!(
                        "the subsets in {} have no effect on requests of this gateway",
                        other.resource.label()
                    );
                    let origin = rule.resource.locate(to.at.field("host"));
                    self.out.push(
                        Diagnostic::new(Code::IngressRouteRulesNotAffected, origin, message)
                            .hint("name the subset here, or bind those rules to the gateway too"),
                    );
                }
            }
        }
    }
}
