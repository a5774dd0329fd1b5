//! Merge keys: `<<: *defaults`.

use super::document::Problem;
use crate::api::tree::{Entry, Node, Value};

/// Puts the entries of merged objects behind those written out, which win; earlier sources win over
/// later ones.
pub(super) fn expand(entries: &mut Vec<Entry>, sources: Vec<Node>, path: &str, problems: &mut Vec<Problem>) {
    let mut known: std::collections::HashSet<String> =
        entries.iter().map(|entry| entry.key.clone()).collect();
    let mut pending: Vec<Node> = sources.into_iter().rev().collect();
    while let Some(source) = pending.pop() {
        match source.value {
            Value::Mapping(merged) => {
                entries.extend(merged.into_iter().filter(|entry| known.insert(entry.key.clone())));
            }
            Value::Sequence(items) if items.iter().all(|item| item.entries().is_some()) => {
                pending.extend(items.into_iter().rev());
            }
            Value::Sequence(_) | Value::Scalar(_) => problems.push(Problem {
                mark: source.mark,
                path: path.to_owned(),
                message: "`<<` takes an object or a list of objects".into(),
                hint: None,
                legible: true,
                alone: true,
            }),
        }
    }
}
