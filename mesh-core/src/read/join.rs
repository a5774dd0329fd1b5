//! Joins files.

use std::collections::HashSet;

use super::file::{File, MeshConfigs, Name};
use crate::api::documents::{Documents, FileTexts};
use crate::api::source::Source;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::hash::WordHash;

/// Joins files, sorted by name: of several resources with one name the first counts.
pub(super) fn join(files: &[&File]) -> (Documents, Diagnostics) {
    let (mut documents, mut findings) = (Documents::default(), Diagnostics::new());
    let count = files.iter().map(|file| file.names.len()).sum();
    let mut names: HashSet<&Name, WordHash> = HashSet::with_capacity_and_hasher(count, WordHash::default());
    let mut is_bare = false;
    for file in files {
        let texts = FileTexts { now: file.text.clone(), earlier: Vec::new() };
        documents.files.0.insert(file.name.clone(), texts);
        findings.extend(file.findings.iter().cloned());
        let mut twice: Vec<&Source> = Vec::new();
        for name in &file.names {
            if let Some(first) = names.get(name) {
                findings.push(written_twice(&name.source, &first.source));
                twice.push(&name.source);
            } else {
                names.insert(name);
            }
        }
        let counts = |one: &Source| !twice.iter().any(|twice| is_one_document(one, twice));
        if twice.is_empty() {
            documents.add(&file.documents);
        } else {
            let mut said = file.documents.clone();
            said.retain(&counts);
            documents.add(&said);
        }
        for config in file.mesh_configs.iter().filter(|config| config.is_bare || counts(&config.document)) {
            add_mesh_config(&mut documents, &mut findings, &mut is_bare, config);
        }
    }
    documents.sort();
    findings.sort();
    (documents, findings)
}

/// The finding about a resource whose name another one has.
pub(super) fn written_twice(source: &Source, first: &Source) -> Diagnostic {
    let origin = source.origin("", source.mark);
    let message = format!("{} is written a second time", source.resource);
    let hint = format!("the first is at {}:{}:{}", first.file, first.mark.line, first.mark.column);
    Diagnostic::new(Code::SchemaValidationError, origin, message).hint(hint)
}

/// Whether two sources of one file are of one document. They may differ in their refused paths.
fn is_one_document(one: &Source, other: &Source) -> bool {
    one.mark == other.mark && one.resource == other.resource
}

/// Of several mesh configs one that is a file of its own counts, else the first (MC-1).
fn add_mesh_config(
    documents: &mut Documents,
    findings: &mut Diagnostics,
    is_bare: &mut bool,
    config: &MeshConfigs,
) {
    findings.extend(config.findings.iter().cloned());
    for read in &config.read {
        let wins = config.is_bare && !*is_bare;
        if let Some(other) = &documents.mesh_config {
            let (winner, loser) = if wins { (read, other) } else { (other, read) };
            let message = format!("ignored: the mesh config of {} is in force", winner.origin());
            findings.push(Diagnostic::new(Code::SchemaWarning, loser.origin(), message));
        }
        if documents.mesh_config.is_none() || wins {
            documents.mesh_config = Some(read.clone());
            *is_bare |= config.is_bare;
        }
    }
    if let Some(refused) = &config.refused {
        documents.refused().mesh_config = Some(refused.clone());
    }
}
