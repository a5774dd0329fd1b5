//! Findings as a compiler prints them: the line, what is wrong with it, and what would be right.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Mark, Renderer, Snippet};
use mesh_core::analysis::{Diagnostic, Diagnostics, Level};

/// Lines shown before and after the one a finding is about.
const CONTEXT: usize = 1;

/// Renders findings; `files` are the texts they are about.
pub(crate) fn render(findings: &Diagnostics, files: &[(String, String)]) -> String {
    let texts: HashMap<&str, Lines<'_>> =
        files.iter().map(|(name, text)| (name.as_str(), Lines::of(text))).collect();
    let renderer = Renderer::plain();
    let mut out = String::new();
    for finding in findings.iter() {
        let text = texts.get(&*finding.origin.file);
        out.push_str(&renderer.render(&[group(finding, text)]));
        out.push_str("\n\n");
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    // Writing into a string cannot fail.
    let _ = match (count(Level::Error), count(Level::Warning), count(Level::Info)) {
        (0, 0, 0) => writeln!(out, "no findings; files read: {}", files.len()),
        (errors, warnings, infos) => {
            writeln!(out, "errors: {errors}, warnings: {warnings}, remarks: {infos}")
        }
    };
    out
}

fn group<'a>(finding: &'a Diagnostic, text: Option<&Lines<'a>>) -> Group<'a> {
    let mark = match finding.level {
        Level::Error => Mark::ERROR,
        Level::Warning => Mark::WARNING,
        Level::Info => Mark::INFO,
    };
    let origin = &finding.origin;
    let title = mark.primary_title(finding.message.as_str()).id(finding.code.as_str());
    let mut group = Group::with_title(title);
    match text.and_then(|text| text.around(origin.line, origin.column)) {
        Some(window) => {
            let annotation = AnnotationKind::Primary.span(window.span).label(&*origin.path);
            group = group.element(
                Snippet::source(window.text)
                    .line_start(window.first_line)
                    .path(&*origin.file)
                    .annotation(annotation),
            );
        }
        None if !origin.file.is_empty() => {
            group = group.element(Mark::NOTE.message(format!("at {origin}")));
        }
        None => {}
    }
    if !origin.resource.is_empty() {
        group = group.element(Mark::NOTE.message(format!("in {}", origin.resource)));
    }
    match &finding.hint {
        Some(hint) => group.element(Mark::HELP.message(hint.as_str())),
        None => group,
    }
}

/// How far a quoted text reaches that a line goes on with, if it ends there.
fn quoted(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let doubled = quote == '\'' && letters.peek().is_some_and(|(_, next)| *next == quote);
        if letter == '\\' && quote == '"' || letter == quote && doubled {
            letters.next();
        } else if letter == quote {
            return Some(at + 1);
        }
    }
    None
}

/// A few lines of a file, and a place in them.
struct Window<'a> {
    text: &'a str,
    first_line: usize,
    span: Range<usize>,
}

/// A file, with where its lines start: a large one may have many findings.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The lines around `line`, and in it the word that begins at `column`; both count from 1.
    fn around(&self, line: u32, column: u32) -> Option<Window<'a>> {
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let column = usize::try_from(column).ok()?.saturating_sub(1);
        let first = line.saturating_sub(CONTEXT);
        let Self { text, starts } = self;
        let from = *starts.get(first)?;
        let at = *starts.get(line)?;
        let to = starts.get(line + CONTEXT + 1).copied().unwrap_or(text.len());
        let content = text[at..to].lines().next().unwrap_or_default();
        let offset = content.char_indices().nth(column).map_or(content.len(), |(offset, _)| offset);
        let rest = &content[offset..];
        let word = quoted(rest)
            .or_else(|| rest.find([':', ' ', ',', '}', ']', '#']))
            .unwrap_or(rest.len())
            .max(1)
            .min(rest.len());
        let start = at - from + offset;
        // The place may stand in blanks at the end, which are shown as far as it goes.
        let shown = &text[from..to];
        let end = shown.trim_end().len().max(start + word);
        Some(Window { text: &shown[..end], first_line: first + 1, span: start..start + word })
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::analysis::Code;
    use mesh_core::error::{Group, Origin};

    use super::*;

    const TEXT: &str = "kind: VirtualService\nspec:\n  http:\n  - retrys: 3\n    route: []\n";

    /// Where a sequence is not closed, its end is what is wrong.
    #[test]
    fn a_place_in_blanks_at_the_end_is_shown() {
        for text in ["a: [1,\n   \n", "a: [1,\n   ", "a: [1,\n\n\n", "a: [1,\r\n  \r\n"] {
            for (line, column) in (1..5).flat_map(|line| (0..6).map(move |column| (line, column))) {
                let origin = Origin { file: "a.yaml".into(), line, column, ..Origin::default() };
                let finding = Diagnostic::new(Code::SchemaValidationError, origin, "not closed");
                let findings: Diagnostics = [finding].into_iter().collect();
                let shown = render(&findings, &[("a.yaml".into(), text.into())]);
                assert!(shown.contains("not closed"), "{text:?} {line}:{column}");
            }
        }
    }

    #[test]
    fn the_place_is_shown_with_its_line_and_hint() {
        let origin = Origin {
            group: Group::Istio,
            resource: "VirtualService default/reviews".into(),
            file: "reviews.yaml".into(),
            line: 4,
            column: 5,
            path: "spec.http[0].retrys".into(),
        };
        let finding = Diagnostic::new(Code::SchemaValidationError, origin, "unknown field");
        let findings: Diagnostics = [finding.hint("did you mean retries?")].into_iter().collect();
        let text = render(&findings, &[("reviews.yaml".into(), TEXT.into())]);
        for part in [
            "error[IST0106]: unknown field",
            "reviews.yaml:4:5",
            "4 |   - retrys: 3",
            "^^^^^^ spec.http[0].retrys",
            "help: did you mean retries?",
            "in VirtualService default/reviews",
            "errors: 1, warnings: 0",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn a_quoted_text_is_marked_to_its_end() {
        let marked = |text: &'static str| {
            let window = Lines::of(text).around(1, 4).unwrap();
            &window.text[window.span]
        };
        assert_eq!(marked("a: \"5xx, reset\" # or so"), "\"5xx, reset\"");
        assert_eq!(marked("a: 'it''s, so', b"), "'it''s, so'");
        assert_eq!(marked(r#"a: "a \" b", c"#), r#""a \" b""#);
        assert_eq!(marked("a: 'open, b"), "'open", "what doesn't end is marked like a word");
        assert_eq!(marked("a: 5xx, reset"), "5xx");
    }

    #[test]
    fn a_place_that_is_not_in_the_text_does_no_harm() {
        assert!(Lines::of(TEXT).around(0, 1).is_none());
        assert!(Lines::of(TEXT).around(99, 1).is_none());
        let window = Lines::of(TEXT).around(4, 99).unwrap();
        assert!(window.span.end <= window.text.len());
        assert!(Lines::of("").around(1, 1).is_some());
    }
}
