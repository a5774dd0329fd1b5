//! Which documents stay in force although the files no longer say them (Y-12).
//!
//! Deleting is how rules are taken away, so what is gone is gone, unless it looks like an accident: a document
//! that is refused, a file or folder with nothing left in it, a file that ends in the middle of a document.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::news;
use super::shortened::{cut, emptied, remember};
use crate::api::documents::{FileText, each_list, places, without_end};
use crate::api::istio::MeshConfig;
use crate::api::{Documents, Files, Parts, Resource, Source};
use crate::diagnostic::{Code, Diagnostics};
use crate::error::{Group, Identity};
use crate::read::kinds::{mesh_field, written_mesh_field};

/// Puts back what stays of `last`. Returns what that is, as `Kind namespace/name`.
pub(super) fn last_good(
    documents: &mut Documents,
    findings: &mut Diagnostics,
    last: &Documents,
) -> BTreeSet<String> {
    emptied(documents, findings, last);
    cut(documents, findings, last);
    remember(documents, last);
    let mut invalid = Invalid::of(findings, documents);
    // What a file that cannot be read said is what a cut of it will be seen by.
    let unread = last.files.0.iter().filter(|(name, _)| invalid.has_file(name));
    for (name, file) in unread {
        documents.files.0.entry(Arc::clone(name)).or_insert_with(|| file.clone());
    }
    let mut kept = BTreeSet::new();
    let nothing = Documents::default();
    let mut refused = documents.refused.take().unwrap_or_default();
    let refused_before = last.refused.as_deref().unwrap_or(&nothing);
    macro_rules! keep {
        ($($list:ident),*) => {
            $(
                invalid.known.extend(refused.$list.iter().map(|one| (one.source.group, one.source.resource.clone())));
                keep_list(&mut documents.$list, &last.$list, &invalid, &mut kept);
                let news_count = NEWS_COUNT.contains(&stringify!($list));
                keep_refused(&mut refused.$list, &documents.$list, &refused_before.$list, &invalid, news_count);
            )*
        };
    }
    each_list!(keep);
    news::drop(&mut refused, refused_before, documents);
    keep_mesh_config(documents, &mut refused, last, refused_before, &invalid, &mut kept);
    documents.refused = Some(refused);
    if !kept.is_empty() {
        documents.sort();
    }
    kept
}

/// Kinds that count although they were refused when they were first seen: whether their hosts worked without
/// them is known host by host, or they only say what is not ours. Without a document of another kind all goes
/// on as it did.
const NEWS_COUNT: [&str; 5] =
    ["virtual_services", "destination_rules", "http_routes", "grpc_routes", "gateway_classes"];

/// Resources with errors, by name; and files of which something cannot be known any more.
struct Invalid {
    known: HashSet<(Group, Arc<str>)>,
    /// Files, and folders for all that stands in them.
    files: HashSet<String>,
}

impl Invalid {
    fn of(findings: &Diagnostics, documents: &Documents) -> Self {
        let mut invalid = Self { known: HashSet::new(), files: HashSet::new() };
        for finding in findings.iter().filter(|finding| finding.is_error()) {
            let origin = &finding.origin;
            let label = &*origin.resource;
            // What a document without a name was is known by its file only; and a file that ends in a refused
            // document, and looks like it, may have been cut there.
            let nameless = label.is_empty() || label.ends_with('/') || !label.contains('/');
            // What is proper and not implemented was not cut.
            let may_be_cut = finding.code != Code::NotImplemented;
            let ends_in_it =
                |file: &FileText| may_be_cut && file.is_open && origin.line >= file.last_document;
            let last = documents.files.0.get(&origin.file).is_some_and(|file| ends_in_it(&file.now));
            if nameless || last {
                invalid.files.insert(without_end(&origin.file).to_owned());
            }
            if !nameless {
                invalid.known.insert((origin.group, origin.resource.clone()));
                if &*origin.path == "apiVersion" {
                    // Whose kind it is was guessed.
                    let groups = [Group::Other, Group::Istio, Group::GatewayApi];
                    invalid.known.extend(groups.map(|group| (group, origin.resource.clone())));
                }
            }
        }
        invalid
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.files.is_empty()
    }

    fn has<T>(&self, resource: &Resource<T>) -> bool {
        let Source { group, resource: label, file, .. } = &*resource.source;
        self.known.contains(&(*group, label.clone())) || self.has_file(file)
    }

    /// Whether of this file something cannot be known.
    fn has_file(&self, file: &str) -> bool {
        !self.files.is_empty() && places(file).any(|place| self.files.contains(place))
    }
}

fn keep_list<T: Clone>(
    list: &mut Vec<Resource<T>>,
    last: &[Resource<T>],
    invalid: &Invalid,
    kept: &mut BTreeSet<String>,
) {
    if invalid.is_empty() {
        return;
    }
    let named = |one: &Resource<T>| (one.source.group, Arc::clone(&one.source.resource));
    // Of several of one name the first counts.
    let present = list.iter().enumerate().rev().map(|(place, new)| (named(new), place));
    let mut present: HashMap<_, usize> = present.collect();
    for resource in last.iter().filter(|resource| invalid.has(resource)) {
        match present.entry(named(resource)) {
            Entry::Occupied(place) if list[*place.get()].is_refused() && !resource.is_refused() => {
                list[*place.get()] = resource.clone();
            }
            Entry::Occupied(_) => continue,
            Entry::Vacant(place) => {
                place.insert(list.len());
                list.push(resource.clone());
            }
        }
        kept.insert(resource.label().to_owned());
    }
}

/// Of what is refused: nothing that has a good version, and still what was refused and cannot be read any more.
fn keep_refused<T: Clone>(
    list: &mut Vec<Resource<T>>,
    good: &[Resource<T>],
    before: &[Resource<T>],
    invalid: &Invalid,
    news_count: bool,
) {
    if list.is_empty() && before.is_empty() {
        return;
    }
    let good: HashSet<Identity<'_>> = good.iter().map(Resource::identity).collect();
    let known: HashSet<Identity<'_>> = before.iter().map(Resource::identity).collect();
    list.retain(|one| !good.contains(&one.identity()) && (news_count || known.contains(&one.identity())));
    let mut present: HashSet<Identity<'_>> = list.iter().map(Resource::identity).collect();
    let stay = before.iter().filter(|one| invalid.has(one) && !good.contains(&one.identity()));
    let stay: Vec<_> = stay.filter(|one| present.insert(one.identity())).cloned().collect();
    list.extend(stay);
}

fn keep_mesh_config(
    documents: &mut Documents,
    refused: &mut Documents,
    last: &Documents,
    refused_before: &Documents,
    invalid: &Invalid,
    kept: &mut BTreeSet<String>,
) {
    let was_shut = refused_before.mesh_config.is_some();
    if let Some(config) = documents.mesh_config.as_mut().filter(|config| config.is_refused()) {
        // A field keeps its last good value, be it that nothing was said of it.
        let (meta, source) = (config.meta.clone(), Source::builder("").into());
        let unsaid = Resource::from(Parts { meta, spec: MeshConfig::default(), source });
        let before = last.mesh_config.as_ref().or((!was_shut).then_some(&unsaid));
        if let Some(before) = before {
            restore(config, before);
            kept.insert(config.label().to_owned());
            // As long as a mistake stays the same, so does what is made of it. Places in the text are not compared with
            // the rest.
            let text = |files: &Files| Some(Arc::clone(&files.0.get(&config.source.file)?.now));
            let (now, then) = (text(&documents.files), text(&last.files));
            let same_text = now.zip(then).is_some_and(|(now, then)| now.text == then.text);
            if let Some(before) = last.mesh_config.as_ref().filter(|before| same_text && *before == config) {
                *config = before.clone();
            }
        }
    }
    if documents.mesh_config.is_some() {
        return;
    }
    let unreadable = refused.mesh_config.is_some();
    match &last.mesh_config {
        Some(config) if unreadable || invalid.has(config) => {
            kept.insert(config.label().to_owned());
            documents.mesh_config = Some(config.clone());
            refused.mesh_config = None;
        }
        _ if !was_shut => refused.mesh_config = None,
        _ if unreadable => {}
        _ => {
            let before = refused_before.mesh_config.as_ref();
            refused.mesh_config = before.filter(|config| invalid.has(config)).cloned();
        }
    }
}

/// Gives the refused fields of the mesh config their values of `before`, where those were good.
fn restore(config: &mut Resource<MeshConfig>, before: &Resource<MeshConfig>) {
    let refused: HashSet<String> = before.source.refused.iter().filter_map(|path| mesh_field(path)).collect();
    let mut still = Vec::new();
    let mut good = HashSet::new();
    for path in config.source.refused.iter() {
        match mesh_field(path) {
            Some(field) if refused.contains(&field) => still.push(Arc::clone(path)),
            // Beside a name that is near it, a field that is written well moves on.
            Some(field) if written_mesh_field(path).is_some() || !config.spec.at.is_written(&field) => {
                good.insert(field);
            }
            Some(_) | None => {}
        }
    }
    for field in good {
        config.spec.take_field(&field, &before.spec);
    }
    config.source = Source { refused: still.into(), ..Source::clone(&config.source) }.into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Metadata;
    use crate::api::istio::VirtualService;
    use crate::api::resource::IDENTITIES;
    use crate::diagnostic::Diagnostic;
    use crate::error::Origin;

    /// What is looked at, as often as it is: a large file that is emptied must not hold up the reload.
    #[test]
    fn y_12_the_work_of_keeping_grows_with_the_documents_only() {
        const COUNT: usize = 20_000;
        let file: Arc<str> = "rules.yaml".into();
        let rule = |number: usize| {
            let mut rule =
                Resource::new(Metadata::new("default", format!("r{number}")), VirtualService::default());
            rule.source = Source { file: file.clone(), ..Source::clone(&rule.source) }.into();
            rule
        };
        let rules: Vec<_> = (0..COUNT).map(rule).collect();
        let refused = Documents { virtual_services: rules.clone(), ..Documents::default() };
        let last =
            Documents { virtual_services: rules, refused: Some(refused.into()), ..Documents::default() };
        let mut findings = Diagnostics::new();
        let origin = Origin { file, ..Origin::default() };
        findings.push(Diagnostic::new(Code::SchemaValidationError, origin, "it is no YAML"));
        let before = IDENTITIES.get();
        let mut documents = Documents::default();
        assert_eq!(last_good(&mut documents, &mut findings, &last).len(), COUNT);
        let looked = IDENTITIES.get() - before;
        assert!(looked < 20 * COUNT, "{looked} for {COUNT} documents");
    }
}
