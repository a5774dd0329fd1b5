//! Which documents stay in force although the files no longer say them (Y-12).
//!
//! Deleting is how rules are taken away, so what is gone is gone, unless it looks like an accident: a document
//! that is refused, a file or folder with nothing left in it, a file that ends in the middle of a document.

use std::collections::{BTreeSet, HashSet};

use crate::analysis::{Code, Diagnostic, Diagnostics, Level};
use crate::api::documents::{File, each_list, is_in};
use crate::api::istio::MeshConfig;
use crate::api::kinds::mesh_field;
use crate::api::{Documents, Resource, Source};
use crate::error::{Group, Identity, Origin};

/// Puts back what stays of `last`. Returns what that is, as `Kind namespace/name`.
pub(super) fn last_good(
    documents: &mut Documents,
    findings: &mut Diagnostics,
    last: &Documents,
) -> BTreeSet<String> {
    emptied(documents, findings, last);
    cut(documents, findings, last);
    let mut invalid = Invalid::of(findings, documents);
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
    drop_news(&mut refused, refused_before);
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
    known: HashSet<(Group, std::sync::Arc<str>)>,
    /// Files, and folders for all that stands in them.
    files: HashSet<std::sync::Arc<str>>,
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
            let ends_in_it = |file: &File| may_be_cut && file.is_open && origin.line >= file.last_document;
            let last = documents.files.0.get(&origin.file).is_some_and(ends_in_it);
            if nameless || last {
                invalid.files.insert(origin.file.clone());
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

    fn has<T>(&self, resource: &Resource<T>) -> bool {
        let Source { group, resource: label, file, .. } = &*resource.source;
        self.known.contains(&(*group, label.clone())) || self.files.iter().any(|known| is_in(file, known))
    }
}

fn keep_list<T: Clone>(
    list: &mut Vec<Resource<T>>,
    last: &[Resource<T>],
    invalid: &Invalid,
    kept: &mut BTreeSet<String>,
) {
    for resource in last.iter().filter(|resource| invalid.has(resource)) {
        let present = list.iter().position(|new| new.identity() == resource.identity());
        match present {
            Some(place) if list[place].is_refused() && !resource.is_refused() => {
                list[place] = resource.clone();
            }
            Some(_) => continue,
            None => list.push(resource.clone()),
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
    let good: HashSet<Identity<'_>> = good.iter().map(Resource::identity).collect();
    let known: HashSet<Identity<'_>> = before.iter().map(Resource::identity).collect();
    list.retain(|one| !good.contains(&one.identity()) && (news_count || known.contains(&one.identity())));
    for one in before.iter().filter(|one| invalid.has(one) && !good.contains(&one.identity())) {
        if !list.iter().any(|new| new.identity() == one.identity()) {
            list.push(one.clone());
        }
    }
}

/// Drops the refused rules that are new: the hosts that they name are served without them, and by the others'
/// newest rules. What was shut before stays so, if the refused rule that shut it has another name now.
fn drop_news(refused: &mut Documents, before: &Documents) {
    let known: HashSet<Identity<'_>> = before.virtual_services.iter().map(Resource::identity).collect();
    let shut: HashSet<&String> = before.virtual_services.iter().flat_map(|one| &one.spec.hosts).collect();
    refused.virtual_services.retain(|one| {
        // One without hosts is a delegate: it is asked for by name.
        let hosts = &one.spec.hosts;
        hosts.is_empty() || known.contains(&one.identity()) || hosts.iter().any(|host| shut.contains(host))
    });
    if before.http_routes.is_empty() && before.grpc_routes.is_empty() {
        refused.http_routes.clear();
        refused.grpc_routes.clear();
    }
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
        let unsaid = Resource { spec: MeshConfig::default(), ..config.clone() };
        let unsaid = Resource { source: Source::builder("").into(), ..unsaid };
        let before = last.mesh_config.as_ref().or((!was_shut).then_some(&unsaid));
        if let Some(before) = before {
            restore(config, before);
            kept.insert(config.label().to_owned());
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
    let refuses = |path: &str| {
        let field = mesh_field(path);
        field.is_some() && before.source.refused.iter().any(|known| mesh_field(known) == field)
    };
    let (still, good): (Vec<_>, Vec<_>) =
        config.source.refused.iter().cloned().partition(|path| refuses(path));
    for field in good.iter().filter_map(|path| mesh_field(path)) {
        config.spec.take_field(&field, &before.spec);
    }
    config.source = Source { refused: still.into(), ..Source::clone(&config.source) }.into();
}

/// A file or folder that had resources and now has none: it is told of as an error, so that they stay.
fn emptied(documents: &mut Documents, findings: &mut Diagnostics, last: &Documents) {
    findings.each(|finding| {
        if finding.code != Code::NothingToRead || !last.has_any_of(&finding.origin.file) {
            return;
        }
        let is_file = documents.files.0.contains_key(&finding.origin.file);
        finding.level = Level::Error;
        finding.message.push_str(": what was said here before stays in force");
        finding.hint = Some(if is_file {
            "delete the file to take its rules away".into()
        } else {
            "delete a file among others, or a folder in this one, to take rules away".into()
        });
    });
    for (name, file) in &last.files.0 {
        let Some(now) = documents.files.0.get(name) else { continue };
        let is_blank = now.text.trim().is_empty();
        let is_emptied = !now.says_something && last.has_any_of(name) && !documents.has_any_of(name);
        let is_told = || findings.iter().any(|one| one.is_error() && one.origin.file == *name);
        if is_emptied && !is_told() {
            let origin = Origin { file: name.clone(), ..Origin::default() };
            let message =
                "nothing that is read is left in this file: what was said here before stays in force";
            let finding = Diagnostic::new(Code::SchemaValidationError, origin, message);
            findings.push(finding.hint("delete the file to take its rules away"));
        }
        if is_blank || is_emptied {
            documents.files.0.insert(name.clone(), file.clone());
        }
    }
}

/// A file that ends in the middle of a document: that document is as good as refused, and the file may have
/// lost others behind it.
fn cut(documents: &mut Documents, findings: &mut Diagnostics, last: &Documents) {
    let cut: Vec<_> = documents
        .files
        .0
        .iter()
        .filter_map(|(name, file)| {
            let before = last.files.0.get(name)?;
            ends_within(&file.text, &before.text).then(|| (name.clone(), file.last_document, before.clone()))
        })
        .collect();
    for (name, line, before) in cut {
        let is_it = |source: &Source| source.file == name && source.mark.line >= line;
        macro_rules! drop_last {
            ($($list:ident),*) => {
                $(
                    documents.$list.retain(|one| !is_it(&one.source));
                    documents.refused().$list.retain(|one| !is_it(&one.source));
                )*
            };
        }
        each_list!(drop_last);
        if documents.mesh_config.as_ref().is_some_and(|config| is_it(&config.source)) {
            documents.mesh_config = None;
        }
        let origin = Origin { file: name.clone(), line, column: u32::from(line > 0), ..Origin::default() };
        let message =
            "the file ends in the middle of a document: it stays as it was, and so do those behind it";
        findings.push(
            Diagnostic::new(Code::SchemaValidationError, origin, message)
                .hint("write the file as a whole; a document is taken away with its `---`"),
        );
        documents.files.0.insert(name, before);
    }
}

/// Whether a text is what another one begins with, ending where no one who edits it would stop: in a line, or in
/// a document that others stood behind.
fn ends_within(text: &str, before: &str) -> bool {
    let Some(rest) = before.strip_prefix(text) else { return false };
    if rest.trim().is_empty() || text.trim().is_empty() {
        return false;
    }
    let is_start = |line: &&str| line.trim_end() == "---" || line.starts_with("--- ");
    let said = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let whole_line = text.ends_with('\n') || rest.starts_with(['\n', '\r']);
    if !whole_line {
        // Of a file whose last line has no end, that line may have been shortened.
        return rest.contains('\n') || before.ends_with('\n');
    }
    if rest.lines().find(said).is_some_and(|line| is_start(&line))
        || text.lines().rev().find(said).is_some_and(|line| is_start(&line))
    {
        return false;
    }
    // Others stood behind it.
    let mut behind = rest.lines().skip_while(|line| !is_start(line));
    behind.any(|line| said(&line) && !is_start(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_12_a_text_ends_within_a_document_or_where_someone_deleted() {
        let before = "a: 1\nb: 2\n---\nc: 3\nd: 4\n---\n# end\n";
        for cut in ["a: 1\nb", "a: 1\n", "a: 1", "a: 1\nb: 2\n--", "a: 1\nb: 2\n---\nc: 3\nd:", "a"] {
            assert!(ends_within(cut, before), "{cut:?}");
        }
        for edited in
            ["", "\n", "a: 1\nb: 2\n", "a: 1\nb: 2\n---\n", "a: 1\nb: 2", "a: 1\nb: 2\n---\nc: 3\n", "x"]
        {
            assert!(!ends_within(edited, before), "{edited:?}");
        }
        assert!(!ends_within(before, before));
        assert!(!ends_within("a: 1", "a: 12"), "the end of the last line of a file that ends in it");
    }
}
