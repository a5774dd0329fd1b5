//! Whose rules a rule takes that delegates (VA-13).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Rule, merge, scope};
use crate::api::Resource;
use crate::api::istio::{Delegate, Destination, HttpRoute, VirtualService};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::nearest::nearest;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::settings::Mesh;

/// The VirtualServices without hosts, by namespace and name.
#[derive(Debug)]
pub(super) struct Delegates<'a> {
    all: &'a [Resource<VirtualService>],
    refused: &'a [Resource<VirtualService>],
    /// In order, because hints are chosen from it.
    by_name: BTreeMap<(&'a str, &'a str), &'a Resource<VirtualService>>,
    export: &'a [String],
    suffix: String,
}

impl<'a> Delegates<'a> {
    pub(super) fn new(
        all: &'a [Resource<VirtualService>],
        refused: &'a [Resource<VirtualService>],
        mesh: &Mesh<'a>,
    ) -> Self {
        let delegates = all.iter().filter(|resource| resource.spec.hosts.is_empty());
        Self {
            all,
            refused,
            by_name: delegates
                .map(|resource| ((&*resource.meta.namespace, &*resource.meta.name), resource))
                .collect(),
            export: mesh.virtual_service_export,
            suffix: mesh.settings.domain_suffix.clone(),
        }
    }

    /// The name of the delegate, if it is refused: the requests that it was given must not pass it by (Y-12).
    fn refused(&self, root: &Resource<VirtualService>, to: &Delegate) -> Option<Arc<str>> {
        let namespace = if to.namespace.is_empty() { &root.meta.namespace } else { &to.namespace };
        let is_it = |one: &&Resource<VirtualService>| {
            one.spec.hosts.is_empty() && one.meta.name == to.name && one.meta.namespace == *namespace
        };
        self.refused.iter().find(is_it).map(|one| Arc::clone(&one.source.resource))
    }

    /// All rules of a VirtualService, those of its delegates in their places, and whether one of those is lost.
    pub(super) fn all_rules(
        &self,
        resource: &'a Resource<VirtualService>,
        suffix: &str,
        out: &mut Diagnostics,
    ) -> (Vec<Rule<'a>>, bool) {
        let spec = &resource.spec;
        let (mut rules, mut lost) = (Vec::with_capacity(spec.http.len()), false);
        for (index, rule) in spec.http.iter().enumerate() {
            let refused = rule.delegate.as_ref().and_then(|to| self.refused(resource, to));
            if let Some(to) = rule.delegate.as_ref().filter(|_| refused.is_none()) {
                match self.rules(resource, rule, to, out) {
                    Some(taken) => rules.extend(taken),
                    None => lost = true,
                }
                continue;
            }
            rules.push(Rule { refused, ..Rule::own(resource, index, rule, suffix) });
        }
        (rules, lost)
    }

    /// The rules that stand in the place of `rule`: its delegate's, as far as they fit into it. `None` if
    /// there is no such delegate.
    fn rules(
        &self,
        root: &'a Resource<VirtualService>,
        rule: &'a HttpRoute,
        to: &'a Delegate,
        out: &mut Diagnostics,
    ) -> Option<Vec<Rule<'a>>> {
        let namespace = if to.namespace.is_empty() { &root.meta.namespace } else { &to.namespace };
        let found = self.by_name.get(&(&**namespace, &*to.name)).copied();
        let seen = found.filter(|found| {
            let (own, list) = (&found.meta.namespace, &found.spec.export_to);
            names::visibility(list, self.export, own, &root.meta.namespace).is_some()
        });
        let Some(delegate) = seen else {
            out.push(self.missing(root, to, namespace, found));
            return None;
        };
        let full = self.in_full(rule, root);
        let mut rules = Vec::with_capacity(delegate.spec.http.len());
        for (index, leaf) in delegate.spec.http.iter().enumerate() {
            let Some((merged, blocks)) = merge::rules(&full, &self.in_full(leaf, delegate)) else {
                let place = rule.at.origin();
                let message = format!(
                    "no request reaches this rule through {} ({}:{}): a match of it fits into none there",
                    root.label(),
                    place.file,
                    place.line
                );
                let origin = delegate.locate(leaf.at.origin());
                out.push(Diagnostic::new(Code::VirtualServiceUnreachableRule, origin, message).hint(
                    "each match must extend the exact texts and prefixes of one match of the delegating rule",
                ));
                continue;
            };
            let scope = |block| scope(block, delegate, &self.suffix);
            rules.push(Rule {
                resource: delegate,
                index,
                scopes: merged.r#match.iter().map(scope).collect(),
                written: Cow::Owned(merged),
                blocks,
                refused: None,
            });
        }
        Some(rules)
    }

    /// The rule with names that mean the same in any namespace (H-1, H-5).
    fn in_full(&self, rule: &HttpRoute, of: &Resource<VirtualService>) -> HttpRoute {
        let mut rule = rule.clone();
        let namespace = &of.meta.namespace;
        for gateway in rule.r#match.iter_mut().flat_map(|block| &mut block.gateways) {
            *gateway = names::gateway(gateway, namespace, &self.suffix);
        }
        let name = |to: &mut Destination| to.host = names::resolve(&to.host, namespace, &self.suffix);
        rule.mirror.as_deref_mut().into_iter().for_each(name);
        rule.mirrors.iter_mut().filter_map(|mirror| mirror.destination.as_mut()).for_each(name);
        rule
    }

    /// IST0101.
    fn missing(
        &self,
        root: &Resource<VirtualService>,
        to: &Delegate,
        namespace: &str,
        hidden: Option<&Resource<VirtualService>>,
    ) -> Diagnostic {
        let message = format!("referenced delegate not found: \"{namespace}/{}\"", to.name);
        let origin = root.locate(to.at.field("name"));
        let finding = Diagnostic::new(Code::ReferencedResourceNotFound, origin, message);
        if let Some(hidden) = hidden {
            return finding.hint(format!(
                "{} exists, but is not exported to namespace {}",
                hidden.label(),
                root.meta.namespace
            ));
        }
        let named =
            |one: &&Resource<VirtualService>| one.meta.name == to.name && one.meta.namespace == namespace;
        if let Some(whole) = self.all.iter().find(named) {
            return finding.hint(format!("{} has `hosts`, which no delegate has", whole.label()));
        }
        let known = self.by_name.keys().filter(|(owner, _)| *owner == namespace).map(|(_, name)| *name);
        let elsewhere = || self.by_name.keys().find(|(_, name)| *name == to.name);
        match nearest(&to.name, known) {
            Some(near) => finding.hint(format!("did you mean {near}?")),
            None => match elsewhere() {
                Some((owner, _)) => finding.hint(format!("there is one in namespace {owner}")),
                None => finding,
            },
        }
    }
}
