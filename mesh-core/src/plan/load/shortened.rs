//! Files and folders that lost what they said, by what looks like an accident (Y-12).

use std::collections::HashSet;
use std::sync::Arc;

use crate::api::documents::without_end;
use crate::api::{Documents, Source};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::Origin;

/// A file or folder that had resources and now has none: it is told of as an error, so that they stay.
pub(super) fn emptied(documents: &mut Documents, findings: &mut Diagnostics, last: &Documents) {
    let (said, says) = (last.places(), documents.places());
    let has = |places: &HashSet<String>, place: &str| places.contains(without_end(place));
    findings.each(|finding| {
        if finding.code != Code::NothingToRead || !has(&said, &finding.origin.file) {
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
    let told = findings.iter().filter(|one| one.is_error());
    let told: HashSet<Arc<str>> = told.map(|one| Arc::clone(&one.origin.file)).collect();
    for (name, file) in &last.files.0 {
        let Some(now) = documents.files.0.get(name) else { continue };
        let is_blank = now.now.text.trim().is_empty();
        let is_emptied = !now.now.says_something && has(&said, name) && !has(&says, name);
        if is_emptied && !told.contains(name) {
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
pub(super) fn cut(documents: &mut Documents, findings: &mut Diagnostics, last: &Documents) {
    let cut: Vec<_> = documents
        .files
        .0
        .iter()
        .filter_map(|(name, file)| {
            let before = last.files.0.get(name)?;
            let is_cut = !Arc::ptr_eq(&file.now, &before.now)
                && ends_within(&file.now.text, &before.now.text)
                && !before.earlier.contains(&file.now.mark());
            is_cut.then(|| (name.clone(), file.now.last_document, before.clone()))
        })
        .collect();
    for (name, line, before) in cut {
        let is_it = |source: &Source| source.file == name && source.mark.line >= line;
        documents.retain(&|source| !is_it(source));
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

/// Most texts of a file that are remembered.
const REMEMBERED: usize = 64;

/// Remembers which texts a file had: one that it gets back, as from a version control, is no cut. Only of one that
/// ended with a line and of which nothing was refused it is known that it was written as a whole.
pub(super) fn remember(documents: &mut Documents, last: &Documents) {
    let refused = last.refused.as_deref().map(Documents::places).unwrap_or_default();
    for (name, now) in &mut documents.files.0 {
        let Some(before) = last.files.0.get(name) else { continue };
        now.earlier.clone_from(&before.earlier);
        if Arc::ptr_eq(&before.now, &now.now) {
            continue;
        }
        let is_whole = before.now.text.ends_with('\n') && !refused.contains(without_end(name));
        if is_whole && before.now.text != now.now.text {
            let mark = before.now.mark();
            now.earlier.retain(|known| *known != mark);
            now.earlier.push(mark);
            let more = now.earlier.len().saturating_sub(REMEMBERED);
            now.earlier.drain(..more);
        }
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
