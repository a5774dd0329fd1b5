//! Documents that are no proper YAML, or that hold what means nothing: they cost what they stand in.

use std::sync::Arc;

use super::head::{Head, fields_of, in_item, is_list, items_of};
use super::{Reader, Written, mesh_config, source, source_of};
use crate::api::tree::Node;
use crate::diagnostic::{Code, Diagnostic};
use crate::read::kinds::{self, Support};
use crate::read::yaml::Problem;

/// What the text of a document names, wherever that is. It is searched once, whatever asks: each item of a list may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mentions {
    /// What cannot be read might have said who may call: only the text can tell.
    security: bool,
    api_version: bool,
}

impl Mentions {
    pub(super) fn of(text: &str) -> Self {
        Self { security: text.contains("security.istio.io"), api_version: text.contains("apiVersion") }
    }
}

impl Reader {
    /// Reports a document that is no proper YAML, and reads what stands before the mistake. An item of a list is
    /// a document of its own.
    pub(super) fn broken(
        &mut self,
        file: &Arc<str>,
        node: &Node,
        mut problems: Vec<Problem>,
        mentions: Mentions,
        is_item: bool,
    ) {
        let head = Head::of(node);
        if is_list(&head, node) {
            let (of_items, own) = by_item(items_of(node), problems);
            for (item, problems) in items_of(node).iter().zip(of_items) {
                if problems.is_empty() {
                    self.node(file, item);
                } else {
                    self.broken(file, item, problems, mentions, true);
                }
            }
            problems = own;
        }
        let kind = kinds::find(head.group, head.kind);
        let is_named = kind.is_some();
        let may_forbid = |problem: &Problem| match head.group {
            "" => mentions.security && !(is_named && problem.legible),
            group => kinds::is_security(group) || (is_item && mentions.security && !problem.legible),
        };
        let kind = kind.or_else(|| kinds::meant(head.group, head.kind, fields_of(node)));
        let kind = kind.filter(|kind| kind.support == Support::Supported);
        let is_mesh_config = kind.is_none() && mesh_config::is_file(file);
        let source = match kind {
            Some(kind) => source_of(file, kind, node),
            None => source(file, &head, node),
        };
        let is_whole = problems.iter().all(|problem| problem.alone);
        if is_mesh_config && is_whole && head.kind.is_empty() && head.version.is_empty() {
            self.bare_mesh_config(&source, node, &problems);
            return;
        }
        let slips = problems.into_iter().map(|problem| {
            let fail_closed = may_forbid(&problem);
            let origin = source.origin(problem.path, problem.mark);
            let diagnostic = Diagnostic::new(Code::SchemaValidationError, origin, problem.message);
            Diagnostic { hint: problem.hint, fail_closed, ..diagnostic }
        });
        let slips: Vec<Diagnostic> = slips.collect();
        match kind {
            Some(kind) => self.known(&Written { kind, source, node, slips, is_whole }),
            None => {
                if is_mesh_config && !mentions.api_version {
                    self.unreadable_mesh_config(&source);
                }
                self.diagnostics.extend(slips);
            }
        }
    }
}

/// The problems of each item of a list, with paths from there, and those of the list itself.
fn by_item(items: &[Node], problems: Vec<Problem>) -> (Vec<Vec<Problem>>, Vec<Problem>) {
    let mut of_items = vec![Vec::new(); items.len()];
    let mut own = Vec::new();
    for problem in problems {
        let within = in_item(&problem.path).filter(|(index, _)| *index < items.len());
        match within.map(|(index, path)| (index, path.to_owned())) {
            Some((index, path)) => of_items[index].push(Problem { path, ..problem }),
            None => own.push(problem),
        }
    }
    (of_items, own)
}
