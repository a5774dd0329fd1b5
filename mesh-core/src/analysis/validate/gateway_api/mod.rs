//! The kinds of the Gateway API: what its own schema refuses (GA).
//!
//! In a cluster the API server has done so before a document is read: bounds, patterns, and rules
//! between fields, those of the experimental channel, which Istio installs. What one implementation
//! may know and another not, such as a listener's protocol, is no mistake of the document: it becomes
//! a condition in its status, and the rest of it is served.

mod fields;
mod filters;
mod gateway;
mod rules;

use std::collections::{BTreeMap, HashMap, HashSet};

use self::fields::{at_most, group, hostname, kind, namespace, needed_group, needed_kind, section};
use super::{Check, Validate, names};
use crate::api::gateway_api::{GrpcRoute, HttpRoute, ParentReference, ReferenceGrant};
use crate::api::{At, Metadata};

/// Most rules of a route.
const RULES: usize = 16;
/// Most matches that a route may have (GA-3).
const MATCHES: usize = 128;

impl Validate for HttpRoute {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        route(&self.at, &self.parent_refs, &self.hostnames, check);
        if self.rules.is_empty() && self.at.is_written("rules") {
            check.error_hint(self.at.field("rules"), "at least one rule is needed", "leave `rules` out");
        }
        // A rule without matches has one, which takes all.
        let matches = self.rules.iter().map(|rule| match rule.matches.len() {
            0 if !rule.at.is_written("matches") => 1,
            count => count,
        });
        rules(&self.at, self.rules.len(), matches.sum(), check);
        rule_names(self.rules.iter().map(|rule| (&rule.at, rule.name.as_deref())), check);
        for rule in &self.rules {
            rules::http(rule, check);
        }
    }

    fn serves_without(&self, path: &str) -> bool {
        rule_of_filter(path).is_some()
    }
}

impl Validate for GrpcRoute {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        route(&self.at, &self.parent_refs, &self.hostnames, check);
        let matches = self.rules.iter().map(|rule| rule.matches.len());
        rules(&self.at, self.rules.len(), matches.sum(), check);
        rule_names(self.rules.iter().map(|rule| (&rule.at, rule.name.as_deref())), check);
        for rule in &self.rules {
            rules::grpc(rule, check);
        }
    }

    fn serves_without(&self, path: &str) -> bool {
        rule_of_filter(path).is_some()
    }
}

/// The rule whose filter, or whose destination's filter, stands at a path: one that is refused costs its rule
/// alone, whose requests get an error (GA-7).
pub(crate) fn rule_of_filter(path: &str) -> Option<usize> {
    let (index, rest) = path.strip_prefix("spec.rules[")?.split_once(']')?;
    let of_backend = |rest: &str| {
        let (_, rest) = rest.strip_prefix(".backendRefs[")?.split_once(']')?;
        Some(rest.starts_with(".filters"))
    };
    (rest.starts_with(".filters") || of_backend(rest) == Some(true)).then(|| index.parse().ok())?
}

impl Validate for ReferenceGrant {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        for (field, count) in [("from", self.from.len()), ("to", self.to.len())] {
            if count == 0 {
                check.error(self.at.field(field), "at least one entry is needed");
            }
            at_most(&self.at, field, count, 16, check);
        }
        for from in &self.from {
            needed_group(&from.at, &from.group, check);
            needed_kind(&from.at, &from.kind, check);
            if from.namespace.is_empty() {
                check.error(from.at.origin(), "`namespace` is needed");
            } else {
                namespace(&from.at, Some(&from.namespace), check);
            }
        }
        for to in &self.to {
            needed_group(&to.at, &to.group, check);
            needed_kind(&to.at, &to.kind, check);
            if let Some(name) = &to.name {
                fields::name(&to.at, name, check);
            }
        }
    }
}

fn rules(at: &At, rules: usize, matches: usize, check: &mut Check<'_>) {
    let many = [(rules, RULES, "rules"), (matches, MATCHES, "matches")];
    if let Some((count, most, what)) = many.into_iter().find(|(count, most, _)| count > most) {
        let message = format!("a route may have {most} {what}, not {count}");
        check.error_hint(at.field("rules"), message, "split it into several routes");
    }
}

fn rule_names<'n>(list: impl Iterator<Item = (&'n At, Option<&'n str>)>, check: &mut Check<'_>) {
    let mut seen = HashSet::new();
    for (at, name) in list {
        section(at, "name", name, check);
        if let Some(name) = name.filter(|name| !seen.insert(*name)) {
            check.error(at.field("name"), format!("another rule has the name `{name}`"));
        }
    }
}

fn route(at: &At, parents: &[ParentReference], hostnames: &[String], check: &mut Check<'_>) {
    at_most(at, "parentRefs", parents.len(), 32, check);
    let mut objects = HashMap::new();
    for (index, parent) in parents.iter().enumerate() {
        group(&parent.at, parent.group.as_deref(), check);
        kind(&parent.at, parent.kind.as_deref(), check);
        namespace(&parent.at, parent.namespace.as_deref(), check);
        fields::name(&parent.at, &parent.name, check);
        section(&parent.at, "sectionName", parent.section_name.as_deref(), check);
        if let Some(port) = parent.port {
            check.port(&parent.at, "port", port);
        }
        apart(index, parents, objects.entry(object(parent)).or_default(), check);
    }
    at_most(at, "hostnames", hostnames.len(), 16, check);
    for (index, host) in hostnames.iter().enumerate() {
        hostname(host, at.item("hostnames", index), check);
    }
}

/// Group, kind, namespace and name of the parent that a reference is to.
fn object(one: &ParentReference) -> [&str; 4] {
    let group = one.group.as_deref().unwrap_or("gateway.networking.k8s.io");
    [group, one.kind(), one.namespace(""), &one.name]
}

/// The references to one parent, each by the first of its like.
#[derive(Default)]
struct Parts<'p> {
    /// By section and port.
    by_part: HashMap<(&'p str, u32), usize>,
    /// By which of both are written.
    by_fields: BTreeMap<(bool, bool), usize>,
}

/// Several references to one parent name each another part of it, all in the same way.
fn apart<'p>(index: usize, parents: &'p [ParentReference], known: &mut Parts<'p>, check: &mut Check<'_>) {
    let parent = &parents[index];
    let part = (parent.section_name.as_deref().unwrap_or_default(), parent.port.unwrap_or_default());
    let fields = (!part.0.is_empty(), part.1 != 0);
    let same = known.by_part.get(&part).copied();
    let otherwise = known.by_fields.iter().filter(|(other, _)| **other != fields).map(|(_, index)| *index);
    let first = otherwise.chain(same).min();
    known.by_part.entry(part).or_insert(index);
    known.by_fields.entry(fields).or_insert(index);
    let Some(first) = first else { return };
    let message = if same == Some(first) {
        format!("`{}` is named twice", parent.name)
    } else {
        format!("`{}` is named with another choice of `sectionName` and `port` before", parent.name)
    };
    let hint = "of several references to one parent each needs a `sectionName` or `port` of its own";
    check.error_hint(parent.at.origin(), message, hint);
}

/// A reference to a destination: a Service needs a port.
fn backend(
    at: &At,
    (of_group, of_kind): (Option<&str>, Option<&str>),
    (name, in_namespace): (&str, Option<&str>),
    port: Option<u32>,
    check: &mut Check<'_>,
) {
    group(at, of_group, check);
    kind(at, of_kind, check);
    namespace(at, in_namespace, check);
    fields::name(at, name, check);
    let service = of_group.unwrap_or_default().is_empty() && of_kind.is_none_or(|kind| kind == "Service");
    match port {
        Some(port) => check.port(at, "port", port),
        None if service && !at.is_written("port") => check.error(at.origin(), "a Service needs a `port`"),
        None => {}
    }
}
