//! Cuts a stream into documents.

/// A piece of the text and the number of lines before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) lines_before: u32,
}

/// Cuts at each line that begins with `---`. Directives and comments before a `---` stay with it.
pub(super) fn split(text: &str) -> Vec<Piece<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pieces = Vec::new();
    let (mut start, mut start_line) = (0, 0);
    let mut only_directives = true;
    let (mut offset, mut line_number) = (0, 0_u32);
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        if is_document_start(content) {
            if !only_directives {
                pieces.push(Piece { text: &text[start..offset], lines_before: start_line });
                (start, start_line) = (offset, line_number);
            }
            only_directives = false;
        } else if !(content.trim_start().is_empty() || content.starts_with(['%', '#'])) {
            only_directives = false;
        }
        offset += line.len();
        line_number = line_number.saturating_add(1);
    }
    pieces.push(Piece { text: &text[start..], lines_before: start_line });
    pieces
}

fn is_document_start(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, u32)> {
        split(text).into_iter().map(|piece| (piece.text, piece.lines_before)).collect()
    }

    #[test]
    fn y_1_streams_are_cut_at_document_starts() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), [("a: 1\n", 0), ("---\nb: 2\n", 1)]);
        assert_eq!(cut("---\na: 1\n--- # c\nb\n"), [("---\na: 1\n", 0), ("--- # c\nb\n", 2)]);
        assert_eq!(cut("%YAML 1.2\n# c\n---\na: 1"), [("%YAML 1.2\n# c\n---\na: 1", 0)]);
        assert_eq!(cut("a: |\n  ---\nb: ---x\n"), [("a: |\n  ---\nb: ---x\n", 0)]);
        assert_eq!(cut("\u{feff}a"), [("a", 0)]);
        assert_eq!(cut(""), [("", 0)]);
    }
}
