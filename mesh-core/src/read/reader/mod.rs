//! From the text of a file to what it says.
//!
//! Each document goes its own way: told apart by `apiVersion` and `kind`, decoded, validated, kept or
//! dropped. Nothing that happens to one touches another (Y-12).

mod broken;
mod consequences;
mod dispatch;
mod embedded;
mod head;
mod mesh_config;
mod pods;

use std::collections::HashSet;
use std::sync::Arc;

use super::file::{File, MeshConfigs, Name};
use super::join::written_twice;
use super::kinds::{self, Kind, Support};
use super::yaml;
use crate::analysis::validate::{Validate, metadata};
use crate::api::Strictness;
use crate::api::decode::{Decode, Decoder};
use crate::api::documents::{Documents, FileText};
use crate::api::message::Message;
use crate::api::resource::{Metadata, Parts, Resource};
use crate::api::schema::Form;
use crate::api::source::{Mark, Source};
use crate::api::tree::{Node, Value};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::{Group, Origin};
use crate::hash::WordHash;
use crate::nearest::nearest;

use broken::Mentions;
use consequences::drop_consequences;
pub(crate) use embedded::annotation;
use head::{Foreign, Head, fields_of, is_list, items_of, says_what_it_is};

/// Reads the documents of one file.
#[derive(Debug)]
pub(super) struct Reader {
    strictness: Strictness,
    documents: Documents,
    diagnostics: Diagnostics,
    /// The resources that were seen, each where it was first.
    names: HashSet<Name, WordHash>,
    mesh_configs: Vec<MeshConfigs>,
}

/// A document on its way.
#[derive(Debug)]
struct Written<'n> {
    kind: &'static Kind,
    source: Arc<Source>,
    node: &'n Node,
    /// What is wrong with the document before it is decoded: it is refused, whatever it says.
    slips: Vec<Diagnostic>,
    /// Whether all of it could be read, but for what the slips are about: else what is missing is no mistake.
    is_whole: bool,
}

impl Reader {
    pub(super) fn read(name: &str, text: &str, strictness: Strictness) -> File {
        let mut reader = Self {
            strictness,
            documents: Documents::default(),
            diagnostics: Diagnostics::new(),
            names: HashSet::default(),
            mesh_configs: Vec::new(),
        };
        let name: Arc<str> = name.into();
        let text = Arc::new(reader.text(&name, text));
        let Self { strictness, mut documents, diagnostics: findings, names, mesh_configs } = reader;
        documents.sort();
        File { name, strictness, text, documents, names: names.into_iter().collect(), mesh_configs, findings }
    }

    fn text(&mut self, file: &Arc<str>, text: &str) -> FileText {
        let mut is_empty = true;
        let mut read = FileText {
            text: text.into(),
            last_document: 0,
            is_open: !text.ends_with('\n'),
            says_something: false,
        };
        for mut document in yaml::parse(text) {
            is_empty = is_empty && document.problems.is_empty() && document.node.is_null();
            // What is another's may be as it likes, as long as it can be told apart.
            if document.problems.iter().any(|problem| problem.legible) {
                let foreign = Foreign::of(&document.node);
                document.problems.retain(|problem| !problem.legible || !foreign.has(&problem.path));
            }
            let lines = document.problems.iter().map(|problem| problem.mark.line);
            read.last_document = lines.fold(document.node.mark.line, u32::min);
            read.is_open = !text.ends_with('\n') || !document.problems.is_empty();
            read.says_something |= says_what_it_is(&document.node);
            if document.problems.is_empty() {
                self.node(file, &document.node);
            } else {
                let mentions = Mentions::of(document.text);
                self.broken(file, &document.node, document.problems, mentions, false);
            }
        }
        if is_empty {
            // Perhaps it was cut off: what it said before is gone.
            let origin = Origin { file: file.clone(), ..Origin::default() };
            let message = "there is no document in this file";
            self.diagnostics.push(Diagnostic::new(Code::NothingToRead, origin, message));
        }
        read
    }

    fn node(&mut self, file: &Arc<str>, node: &Node) {
        let head = Head::of(node);
        if is_list(&head, node) {
            items_of(node).iter().for_each(|item| self.node(file, item));
            return;
        }
        let source = source(file, &head, node);
        let report = |code, mark: Mark, path: &str, message: String| {
            Diagnostic::new(code, source.origin(path, mark), message)
        };
        let mark_of = |key| node.get(key).map_or(node.mark, |node| node.mark);
        if head.kind.is_empty() && head.version.is_empty() && mesh_config::is_file(file) {
            self.bare_mesh_config(&source, node, &[]);
        } else if let Some(kind) = kinds::find(head.group, head.kind) {
            let slip = (!kind.versions.contains(&head.version)).then(|| {
                let message = match (head.group, head.version) {
                    ("", "") => "`apiVersion` is missing".to_owned(),
                    (group, "") => format!("{group} is written without a version"),
                    (group, version) => format!("{} has no version {version}", display_group(group)),
                };
                let hint = format!("known versions: {}", kind.versions.join(", "));
                report(Code::SchemaValidationError, mark_of("apiVersion"), "apiVersion", message).hint(hint)
            });
            self.known(&Written { kind, source, node, slips: slip.into_iter().collect(), is_whole: true });
        } else if let Some(kind) = kinds::meant(head.group, head.kind, fields_of(node)) {
            // Nearly one of ours, and no one else's: an invalid one (Y-1).
            let source = source_of(file, kind, node);
            let slip = if head.kind == kind.name {
                let right = format!("{}/{}", kind.group, kind.versions.last().copied().unwrap_or_default());
                let message = match head.version {
                    "" => "`apiVersion` is missing".to_owned(),
                    _ => format!("{} is not of this apiVersion", kind.name),
                };
                let origin = source.origin("apiVersion", mark_of("apiVersion"));
                Diagnostic::new(Code::SchemaValidationError, origin, message).hint(format!("write {right}"))
            } else {
                let message = format!("{} has no kind {}", display_group(head.group), head.kind);
                let origin = source.origin("kind", mark_of("kind"));
                Diagnostic::new(Code::SchemaValidationError, origin, message)
                    .hint(format!("did you mean `{}`?", kind.name))
            };
            self.known(&Written { kind, source, node, slips: vec![slip], is_whole: true });
        } else if kinds::is_ours(head.group) {
            let known = kinds::KINDS.iter().filter(|kind| kind.group == head.group).map(|kind| kind.name);
            let hint = match head.kind {
                "IstioOperator" => {
                    Some("its `spec.meshConfig` is read from a file named mesh.yaml".to_owned())
                }
                kind => nearest(kind, known).map(|name| format!("did you mean `{name}`?")),
            };
            let (code, message) = match head.kind {
                "" => (Code::SchemaValidationError, "`kind` is missing".to_owned()),
                "IstioOperator" => (
                    Code::SchemaWarning,
                    "an IstioOperator is not read: it says how to install Istio".to_owned(),
                ),
                kind if kinds::is_security(head.group) => {
                    (Code::NotImplemented, format!("the kind {kind} is not implemented"))
                }
                kind => (
                    Code::SchemaWarning,
                    format!("{} has no kind {kind}: skipped", display_group(head.group)),
                ),
            };
            let diagnostic = report(code, mark_of("kind"), "kind", message);
            self.push(head.group, Diagnostic { hint, ..diagnostic });
        } else if head.kind.is_empty() && !node.is_null() {
            // Every foreign document has these keys.
            const KEYS: [&str; 2] = ["apiVersion", "kind"];
            let written =
                node.entries().unwrap_or_default().iter().filter(|entry| !KEYS.contains(&&*entry.key));
            let slip = written.filter_map(|entry| Some((entry, nearest(&entry.key, KEYS)?))).next();
            // Under a misspelt `apiVersion` may stand one of ours, which then says who may call.
            let meant = slip.and_then(|(entry, _)| entry.value.text()).unwrap_or_default();
            let group = meant.rsplit_once('/').map_or("", |(group, _)| group);
            let (code, message) = if kinds::is_ours(group) {
                (Code::SchemaValidationError, "`kind` is missing")
            } else {
                (Code::SchemaWarning, "`kind` is missing: skipped")
            };
            let diagnostic = report(code, node.mark, "kind", message.to_owned());
            let hint = match slip {
                Some((entry, right)) => format!("write `{right}` for `{}`", entry.key),
                None if node
                    .entries()
                    .unwrap_or_default()
                    .iter()
                    .any(|entry| kinds::written_mesh_field(&entry.key).is_some()) =>
                {
                    "a mesh config without a kind stands in a file named mesh.yaml".to_owned()
                }
                None => "a resource begins with `apiVersion` and `kind`".to_owned(),
            };
            self.push(group, diagnostic.hint(hint));
        }
    }

    /// Reports, and forbids the whole configuration if the group says who may call.
    fn push(&mut self, group: &str, diagnostic: Diagnostic) {
        let fail_closed = diagnostic.is_error() && kinds::is_security(group);
        self.diagnostics.push(Diagnostic { fail_closed, ..diagnostic });
    }

    fn known(&mut self, doc: &Written<'_>) {
        let support = doc.kind.support;
        if support == Support::Supported && dispatch::read(self, doc) {
            return;
        }
        let origin = doc.source.origin("", doc.source.mark);
        let message = format!("the kind {} is not implemented", doc.kind.name);
        let diagnostic = Diagnostic::new(Code::NotImplemented, origin, message);
        for slip in &doc.slips {
            self.push(doc.kind.group, slip.clone());
        }
        let lenient = self.strictness == Strictness::Lenient && support == Support::Refused;
        let level = if lenient { Level::Warning } else { Level::Error };
        let fail_closed = support == Support::FailClosed;
        self.diagnostics.push(Diagnostic { level, fail_closed, ..diagnostic });
    }

    /// An Istio kind: everything strict.
    fn istio<T: Message + Validate + Clone>(
        &mut self,
        doc: &Written<'_>,
        list: fn(&mut Documents) -> &mut Vec<Resource<T>>,
    ) {
        let mut found = Diagnostics::new();
        self.top_level(doc, &mut found);
        let meta = Self::metadata(doc, Strictness::Strict, &mut found);
        let spec = match doc.node.get("spec").filter(|spec| !spec.is_null()) {
            Some(spec) => self.decode::<T>(doc, "spec", spec, &mut found),
            None => {
                let origin = doc.source.origin("", doc.source.mark);
                found.push(Diagnostic::new(Code::SchemaValidationError, origin, "`spec` is missing"));
                None
            }
        };
        self.finish(doc, meta, spec, found, list);
    }

    /// A Kubernetes kind of which we read the `spec`.
    fn kubernetes_spec<T: Message + Validate + Clone>(
        &mut self,
        doc: &Written<'_>,
        list: fn(&mut Documents) -> &mut Vec<Resource<T>>,
    ) {
        let mut found = Diagnostics::new();
        let meta = Self::metadata(doc, self.strictness, &mut found);
        let spec = match doc.node.get("spec").filter(|spec| !spec.is_null()) {
            Some(spec) => self.decode::<T>(doc, "spec", spec, &mut found),
            None => {
                // It says nothing, and has a place all the same.
                let nothing = Node { mark: doc.source.mark, value: Value::Mapping(Vec::new()) };
                self.decode::<T>(doc, "spec", &nothing, &mut found)
            }
        };
        self.finish(doc, meta, spec, found, list);
    }

    /// A Kubernetes kind whose fields stand at the root of the document.
    fn kubernetes_root<T: Message + Validate + Clone>(
        &mut self,
        doc: &Written<'_>,
        list: fn(&mut Documents) -> &mut Vec<Resource<T>>,
    ) {
        let mut found = Diagnostics::new();
        let meta = Self::metadata(doc, self.strictness, &mut found);
        let spec = self.decode::<T>(doc, "", doc.node, &mut found);
        self.finish(doc, meta, spec, found, list);
    }

    /// Top-level keys of Istio's kinds (Y-9).
    fn top_level(&self, doc: &Written<'_>, found: &mut Diagnostics) {
        const KNOWN: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
        let lenient = self.strictness == Strictness::Lenient;
        for entry in doc.node.entries().unwrap_or_default() {
            let origin = || doc.source.origin(entry.key.as_str(), entry.key_mark);
            if !KNOWN.contains(&entry.key.as_str()) {
                let code = if lenient { Code::SchemaWarning } else { Code::SchemaValidationError };
                let hint = nearest(&entry.key, KNOWN).map_or_else(
                    || "fields of the kind itself stand under `spec`".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                );
                let message = format!("unknown field `{}`", entry.key);
                found.push(Diagnostic::new(code, origin(), message).hint(hint));
            } else if entry.key == "status" && entry.value.entries().is_none_or(|entries| !entries.is_empty())
            {
                found.push(Diagnostic::new(Code::SchemaWarning, origin(), "`status` is ignored"));
            }
        }
    }

    fn metadata(doc: &Written<'_>, strictness: Strictness, found: &mut Diagnostics) -> Option<Metadata> {
        let node = doc.node.get("metadata").filter(|node| !node.is_null());
        let mut meta = match node {
            Some(node) => {
                let decoder = Decoder::new(doc.source.clone(), "metadata", strictness, found);
                let mut decoder = decoder.form(Form::Json);
                Metadata::decode(node, &mut decoder)?
            }
            None => Metadata::default(),
        };
        if meta.name.is_empty() {
            // Kubernetes will name it: no one can refer to it, and no proxy can be it.
            let generated = node.and_then(|node| node.get("generateName")).and_then(Node::text);
            if generated.is_some_and(|name| !name.is_empty()) && !kinds::is_ours(doc.kind.group) {
                return None;
            }
            let mark = node.map_or(doc.source.mark, |node| node.mark);
            let origin = doc.source.origin("metadata.name", mark);
            found.push(Diagnostic::new(Code::SchemaValidationError, origin, "a name is needed"));
            return None;
        }
        meta.default_namespace();
        Some(meta)
    }

    fn decode<T: Decode>(
        &self,
        doc: &Written<'_>,
        path: &str,
        node: &Node,
        found: &mut Diagnostics,
    ) -> Option<T> {
        let form = if kinds::is_proto(doc.kind.group) { Form::Proto } else { Form::Json };
        T::decode(node, &mut Decoder::new(doc.source.clone(), path, self.strictness, found).form(form))
    }

    /// Validates what was decoded and keeps it if nothing is wrong; else as what is refused.
    fn finish<T: Validate + Default + Clone>(
        &mut self,
        doc: &Written<'_>,
        meta: Option<Metadata>,
        spec: Option<T>,
        mut found: Diagnostics,
        list: fn(&mut Documents) -> &mut Vec<Resource<T>>,
    ) {
        let is_read = spec.is_some();
        let made =
            meta.map(|meta| Parts { meta, spec: spec.unwrap_or_default(), source: doc.source.clone() });
        let made = made.map(Resource::from);
        if let Some(made) = made.as_ref().filter(|_| is_read) {
            let mut invalid = metadata(made, doc.kind.group, doc.kind.name);
            invalid.append(made.validate_with(self.strictness));
            // What is wrong with a kind or version says nothing of the fields.
            let of_fields = |slip: &&Diagnostic| !matches!(&*slip.origin.path, "kind" | "apiVersion");
            drop_consequences(&mut invalid, found.iter().chain(doc.slips.iter().filter(of_fields)));
            found.append(invalid);
            found.retain(|finding| finding.is_error() || !made.meta.suppresses(finding.code));
        }
        if !doc.is_whole {
            found = Diagnostics::new();
        }
        let is_named = doc.source.resource.contains('/');
        let is_twice = is_named && doc.slips.is_empty() && self.is_twice(doc, &mut found);
        found.extend(doc.slips.iter().cloned());
        let mut refused: Vec<Arc<str>> =
            found.iter().filter(|one| one.is_error()).map(|one| one.origin.path.clone()).collect();
        if !doc.is_whole {
            refused = vec!["".into()];
        }
        self.diagnostics.append(found);
        let Some(mut made) = made else { return };
        if refused.is_empty() {
            list(&mut self.documents).push(made);
        } else if !is_twice {
            let stays = is_read && refused.iter().all(|path| made.spec.serves_without(path));
            made.source = Arc::new(Source { refused: refused.into(), ..Source::clone(&made.source) });
            let documents = if stays { &mut self.documents } else { self.documents.refused() };
            list(documents).push(made);
        }
    }

    /// Whether a resource of this name was in the file before, which is reported.
    fn is_twice(&mut self, doc: &Written<'_>, found: &mut Diagnostics) -> bool {
        let name = Name { group: doc.kind.group, source: doc.source.clone() };
        let Some(first) = self.names.get(&name) else {
            self.names.insert(name);
            return false;
        };
        found.push(written_twice(&doc.source, &first.source));
        true
    }
}

/// The source of a document that was meant to be of this kind.
fn source_of(file: &Arc<str>, kind: &'static Kind, node: &Node) -> Arc<Source> {
    source(file, &Head { group: kind.group, version: "", kind: kind.name }, node)
}

fn source(file: &Arc<str>, head: &Head<'_>, node: &Node) -> Arc<Source> {
    let text = |key| node.get("metadata").and_then(|meta| meta.get(key)).and_then(Node::text);
    let namespace = text("namespace").filter(|namespace| !namespace.is_empty()).unwrap_or("default");
    let resource = match (head.kind, text("name")) {
        ("", _) => String::new(),
        (kind, Some(name)) => format!("{kind} {namespace}/{name}"),
        (kind, None) => kind.to_owned(),
    };
    let group = Group::of(head.group);
    Arc::new(Source {
        file: file.clone(),
        group,
        resource: resource.into(),
        mark: node.mark,
        ..Source::default()
    })
}

fn display_group(group: &str) -> &str {
    if group.is_empty() { "the core API" } else { group }
}
