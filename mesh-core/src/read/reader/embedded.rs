//! YAML within YAML: the mesh config in a ConfigMap, settings of a proxy in an annotation (MC-1, MC-3).

use std::sync::Arc;

use super::{Reader, Written, drop_consequences};
use crate::analysis::validate::{Check, proxy_config};
use crate::api::Strictness;
use crate::api::decode::{Decode as _, Decoder};
use crate::api::istio::{PROXY_CONFIG, ProxyConfig};
use crate::api::source::Source;
use crate::api::tree::{Node, Scalar, Style, Value};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::read::yaml::{self, Document, Problem};

/// Its path below an object's annotations.
const PATH: &str = "[\"proxy.istio.io/config\"]";

impl Reader {
    /// What the annotation says on the pods that `path` leads to from the document's root. A mistake in it
    /// costs the annotation, not the workload.
    pub(super) fn pod_proxy_config(&mut self, doc: &Written<'_>, path: &str) -> Option<ProxyConfig> {
        let metadata = path.split('.').try_fold(doc.node, |node, key| node.get(key))?;
        let node = metadata.get("annotations")?.get(PROXY_CONFIG)?;
        let path = format!("{path}.annotations{PATH}");
        let mut found = Diagnostics::new();
        let decoded = decode(&doc.source, &path, node, self.strictness, &mut found);
        self.diagnostics.append(found);
        decoded
    }
}

/// What the annotation says on a workload that no document describes.
pub(crate) fn annotation(text: &str, source: &Arc<Source>, out: &mut Diagnostics) -> Option<ProxyConfig> {
    let style = Style::Quoted;
    let value = Value::Scalar(Scalar { text: text.to_owned(), style });
    let node = Node { mark: source.mark, value };
    decode(source, &format!("annotations{PATH}"), &node, Strictness::Strict, out)
}

fn decode(
    source: &Arc<Source>,
    path: &str,
    node: &Node,
    strictness: Strictness,
    out: &mut Diagnostics,
) -> Option<ProxyConfig> {
    let mut found = Diagnostics::new();
    let mut decoded = None;
    for document in documents(node) {
        problems(source, path, &document.problems, &mut found);
        if document.problems.is_empty() && !document.node.is_null() {
            let mut decoder = Decoder::new(source.clone(), path, strictness, &mut found);
            decoded = ProxyConfig::decode(&document.node, &mut decoder);
        }
    }
    if let Some(decoded) = &decoded {
        let mut invalid = Diagnostics::new();
        proxy_config(decoded, &mut Check::new(source, &mut invalid).strictness(strictness));
        drop_consequences(&mut invalid, &found);
        found.append(invalid);
    }
    let usable = !found.has_errors();
    out.append(found);
    decoded.filter(|_| usable)
}

/// The documents of a text that stands in another document.
pub(super) fn documents(node: &Node) -> impl Iterator<Item = Document<'_>> {
    let (lines, columns) = place(node);
    yaml::parse_at(node.text().unwrap_or_default(), lines, columns).into_iter()
}

/// Reports that a text, which may stand in another document, is no proper YAML.
pub(super) fn problems(source: &Source, path: &str, problems: &[Problem], out: &mut Diagnostics) {
    for problem in problems {
        let path = if path.is_empty() { problem.path.clone() } else { format!("{path}:{}", problem.path) };
        let origin = source.origin(path, problem.mark);
        let diagnostic = Diagnostic::new(Code::SchemaValidationError, origin, problem.message.clone());
        out.push(Diagnostic { hint: problem.hint.clone(), ..diagnostic });
    }
}

/// Lines before the embedded text and columns before each of its lines. Exact for a `|` block, whose
/// lines stand in the file as they are; otherwise the scalar's own place is the best there is.
fn place(node: &Node) -> (u32, u32) {
    let (line, column) = (node.mark.line.saturating_sub(1), node.mark.column.saturating_sub(1));
    match &node.value {
        // The mark is on the first line that is not blank.
        Value::Scalar(scalar) if scalar.style == Style::Literal => {
            let blank = scalar.text.bytes().take_while(|byte| *byte == b'\n').count();
            (line.saturating_sub(u32::try_from(blank).unwrap_or(0)), column)
        }
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => (line, column),
    }
}
