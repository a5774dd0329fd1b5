//! Which DestinationRules hold for a service (DR-2 to DR-4).

use std::collections::HashMap;
use std::sync::Arc;

use super::destination_rules::Rule;
use crate::api::istio::DestinationRule;
use crate::api::{Documents, Resource};
use crate::identity::Workload;
use crate::plan::Plan;
use crate::plan::compile::inputs::changes::Changes;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names::{self, Visibility};
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::inputs::settings::Mesh;
use crate::route::HostMap;

/// The rules that our workload's namespace sees.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    /// Those in force, and behind them those that are refused and may protect something (Y-12).
    documents: Vec<&'a Resource<DestinationRule>>,
    all: Arc<RuleIndex>,
    /// Those that are not refused, if some are.
    good: Option<Arc<RuleIndex>>,
    /// The hosts that the last good plan calls, and whether any of it in plaintext.
    called_before: HashMap<Arc<str>, bool>,
    /// Whether `all` is the last compile's, and so has every host's rules at the places where they were.
    index_stayed: bool,
}

/// The places of rules, by who sees them and by host.
#[derive(Debug, Default)]
pub(crate) struct RuleIndex {
    /// Of our own namespace.
    own: Hosts,
    /// Of every namespace, as far as they are exported to us.
    exported: HashMap<String, Hosts>,
    root: String,
}

/// Rules of one namespace by host, most specific first.
#[derive(Debug, Default)]
struct Hosts {
    /// The first group of each host.
    map: HostMap,
    /// The places of those that are merged.
    groups: Vec<Vec<u32>>,
    by_host: HashMap<String, Vec<usize>>,
}

impl<'a> Rules<'a> {
    /// Finds the rules. The index of `known` is taken over where all rules still are for the same hosts.
    pub(crate) fn build(
        documents: &'a Documents,
        said: Option<&Documents>,
        (mesh, workload): (&Mesh<'a>, &Workload),
        last_good: Option<&Plan>,
        (changes, known): (&Changes, Option<&Arc<RuleIndex>>),
    ) -> Self {
        let refused = refusal::refused(documents, |documents| &documents.destination_rules);
        let refused: Vec<_> = refused.iter().filter(|rule| refusal::protects(rule)).collect();
        let all: Vec<&Resource<DestinationRule>> =
            documents.destination_rules.iter().chain(refused.iter().copied()).collect();
        let before = said.map(|said| said.destination_rules.as_slice()).unwrap_or_default();
        if let Some(known) = known.filter(|_| refused.is_empty() && same_hosts(&all, before, changes)) {
            let called_before = HashMap::new();
            let all_before = Arc::clone(known);
            return Self { documents: all, all: all_before, good: None, called_before, index_stayed: true };
        }
        let index = |rules: &[&Resource<DestinationRule>]| {
            let root = mesh.settings.root_namespace.clone();
            let mut index = RuleIndex { root, ..RuleIndex::default() };
            for place in 0..rules.len() {
                index.add(rules, place, mesh, workload);
            }
            Arc::new(index)
        };
        let mut rules = Self {
            all: index(&all),
            good: (!refused.is_empty()).then(|| index(&all[..documents.destination_rules.len()])),
            documents: all,
            called_before: HashMap::new(),
            index_stayed: false,
        };
        if rules.good.is_some() {
            for node in last_good.map(|plan| plan.clusters.as_slice()).unwrap_or_default() {
                let host = Arc::clone(&node.policy.service.host);
                *rules.called_before.entry(host).or_default() |= node.policy.tls.is_none();
            }
        }
        rules
    }

    /// The index, for the next compile; none while rules are refused.
    pub(crate) fn index(&self) -> Option<Arc<RuleIndex>> {
        self.good.is_none().then(|| Arc::clone(&self.all))
    }

    /// Whether every host's rules are at the places where they were, be they the same or not.
    pub(crate) const fn index_stayed(&self) -> bool {
        self.index_stayed
    }

    /// The places of the rules for a host whose service is of `namespace`; none is for a host without rules.
    pub(crate) fn places(&self, host: &str, namespace: &str) -> &[u32] {
        let places = self.all.find(host, namespace);
        let is_refused = |place: &u32| self.documents[*place as usize].is_refused();
        if self.good.is_none() || !places.iter().any(is_refused) {
            return places;
        }
        let good = self.good.as_ref().map(|good| good.find(host, namespace)).unwrap_or_default();
        // One that was called before without what is refused goes on: on a reload, what worked works. What was
        // encrypted then must be so now, by a rule that is good.
        let goes_on = match self.called_before.get(host) {
            Some(true) => true,
            Some(false) => self.merged(good).is_some_and(|good| good.encrypts()),
            None => false,
        };
        if goes_on { good } else { places }
    }

    /// The rule of these places.
    pub(crate) fn merged(&self, places: &[u32]) -> Option<Rule<'a>> {
        let documents: Vec<_> = places.iter().map(|place| self.documents[*place as usize]).collect();
        Rule::merged(&documents)
    }

    /// The rule for a host whose service is of `namespace`.
    pub(crate) fn find(&self, host: &str, namespace: &str) -> Option<Rule<'a>> {
        self.merged(self.places(host, namespace))
    }
}

/// Whether each rule is for whom the one at its place was before.
fn same_hosts(
    now: &[&Resource<DestinationRule>],
    before: &[Resource<DestinationRule>],
    changes: &Changes,
) -> bool {
    let is_for_same = |(place, (now, before)): (usize, (&&Resource<DestinationRule>, &Resource<_>))| {
        changes.destination_rules.at(place) == Some(place) || {
            let (one, other): (&DestinationRule, &DestinationRule) = (&now.spec, &before.spec);
            now.meta.namespace == before.meta.namespace
                && one.host == other.host
                && one.export_to == other.export_to
                && one.workload_selector == other.workload_selector
        }
    };
    now.len() == before.len() && now.iter().zip(before).enumerate().all(is_for_same)
}

impl RuleIndex {
    fn add(
        &mut self,
        rules: &[&Resource<DestinationRule>],
        place: usize,
        mesh: &Mesh<'_>,
        workload: &Workload,
    ) {
        let resource = rules[place];
        let client = workload.namespace.as_str();
        let namespace = resource.meta.namespace.as_str();
        let host = names::resolve(&resource.spec.host, namespace, &mesh.settings.domain_suffix);
        let default = mesh.destination_rule_export;
        let Some(seen) = names::visibility(&resource.spec.export_to, default, namespace, client) else {
            return;
        };
        // With a selector it is for its own namespace's workloads only (DR-4).
        if let Some(selector) = &resource.spec.workload_selector
            && (namespace != client || !has_labels(&workload.labels, &selector.match_labels))
        {
            return;
        }
        // The root namespace's own clients find its public rules last, like everybody (DR-2).
        let selected = resource.spec.workload_selector.is_some();
        if namespace == client && (client != self.root || seen == Visibility::Private || selected) {
            self.own.add(&host, rules, place);
        }
        if seen != Visibility::Private || namespace == client {
            if !self.exported.contains_key(namespace) {
                self.exported.insert(namespace.to_owned(), Hosts::default());
            }
            let exported = self.exported.get_mut(namespace).expect("it was just added");
            exported.add(&host, rules, place);
        }
    }

    fn find(&self, host: &str, namespace: &str) -> &[u32] {
        self.own
            .find(host)
            .or_else(|| self.exported.get(namespace)?.find(host))
            .or_else(|| self.exported.get(self.root.as_str())?.find(host))
            .unwrap_or_default()
    }
}

impl Hosts {
    fn add(&mut self, host: &str, rules: &[&Resource<DestinationRule>], place: usize) {
        let spec = &rules[place].spec;
        let same = self.by_host.entry(host.to_owned()).or_default();
        let first = |group: &usize| &rules[self.groups[*group][0] as usize].spec;
        let is_same = |group: &&usize| {
            let known = first(group);
            known.export_to == spec.export_to && known.workload_selector == spec.workload_selector
        };
        let number = u32::try_from(place).expect("documents are numbered in 32 bits");
        match same.iter().find(is_same).copied() {
            Some(group) => self.groups[group].push(number),
            None => {
                // One that selects us beats those for everybody (DR-4).
                let older = same.partition_point(|group| first(group).workload_selector.is_some());
                let group = self.groups.len();
                same.insert(if spec.workload_selector.is_some() { older } else { same.len() }, group);
                self.groups.push(vec![number]);
            }
        }
        // Kept apart from an older rule of the host: that one is found first (DR-3).
        let first = same[0];
        let _: Result<(), usize> = self.map.insert(host, first);
    }

    fn find(&self, host: &str) -> Option<&[u32]> {
        self.map.get(host).map(|group| self.groups[group].as_slice())
    }
}
