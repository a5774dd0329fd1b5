//! The scanner's words, in ours where a mistake is a common one.
//!
//! A scanner stops where it can't go on, which isn't always where the mistake is, and names the rule that is
//! broken, which isn't always the slip. What stands in the text tells more.

use super::bounds::MAX_DEPTH;

/// What is wrong, where, and what would be right.
#[derive(Debug)]
pub(super) struct Explained {
    /// From 1.
    pub(super) line: usize,
    /// From 0.
    pub(super) column: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What the scanner says where something was opened and not closed.
const UNCLOSED: [&str; 4] = [
    "illegal placement of ':'",
    "expected ',' or",
    "unexpected end of stream",
    "unexpected document indicator",
];

/// Explains what the scanner says of this place of the text.
pub(super) fn explain(info: &str, text: &str, line: usize, column: usize) -> Explained {
    let said = |message: String, hint: Option<String>| Explained { line, column, message, hint };
    if info.contains("recursion limit") {
        return said(format!("nested deeper than {MAX_DEPTH} levels"), None);
    }
    if info.contains("tab")
        && let Some((line, column)) = tab(text, line)
    {
        let message = "not valid YAML: a tab indents this line".to_owned();
        return Explained { line, column, message, hint: Some("indent with spaces".into()) };
    }
    let rest = line_of(text, line).and_then(|line| line.get(offset(line, column)..)).unwrap_or_default();
    if let Some(word) = pattern(rest) {
        let message = format!("not valid YAML: `{word}` without quotes is an alias");
        return said(message, Some(format!("put it in quotes: \"{word}\"")));
    }
    if (info.contains("simple key expect ") || info.contains("mapping values are not allowed"))
        && let Some((line, column, key)) = without_colon(text, line)
    {
        let message = "not valid YAML: a `:` is missing after this key".to_owned();
        return Explained { line, column, message, hint: Some(format!("write `{key}:`")) };
    }
    let hint = if info.contains("tab") {
        Some("indent with spaces".into())
    } else if info.contains("did not find expected key") || info.contains("expected '-' indicator") {
        Some(indentation(text, line))
    } else if info.contains("mapping values are not allowed") {
        Some("check the indentation, or put text that contains `: ` in quotes".into())
    } else if info.contains("simple key expect") || info.contains("could not find expected ':'") {
        Some("a key is followed by `: ` and its value".into())
    } else if UNCLOSED.iter().any(|words| info.contains(words)) {
        Some("a `[`, `{` or quote before this may not be closed".into())
    } else if info.contains("unknown anchor") {
        Some("an anchor `&name` must come before its alias `*name`, in the same document".into())
    } else if info.contains("unexpected character") {
        Some("put text that begins so in quotes".into())
    } else {
        None
    };
    said(format!("not valid YAML: {info}"), hint)
}

/// The first tab that indents a line, from this line on: the scanner stops at the text before it.
fn tab(text: &str, line: usize) -> Option<(usize, usize)> {
    let numbered = text.lines().enumerate().skip(line.saturating_sub(1));
    let mut tabs = numbered.filter_map(|(index, line)| {
        let column = line.chars().take_while(|letter| *letter == ' ').count();
        (line.chars().nth(column) == Some('\t')).then_some((index + 1, column))
    });
    tabs.next()
}

/// The last key up to this line that has no `:`, with its place. A word that goes on with the text above it is
/// none.
fn without_colon(text: &str, line: usize) -> Option<(usize, usize, &str)> {
    let until: Vec<&str> = text.lines().take(line).collect();
    let mut said = until.iter().enumerate().rev().filter_map(|(index, line)| {
        let content = line.trim_start_matches([' ', '-']);
        let content = content.split(" #").next().unwrap_or_default().trim_end();
        let column = line.len() - line.trim_start_matches([' ', '-']).len();
        (!content.is_empty() && !content.starts_with(['#', '%'])).then_some((index + 1, column, content))
    });
    let key = said.find(|(.., content)| !content.contains(':'))?;
    let is_text = said.next().is_some_and(|(_, column, above)| column < key.1 && !above.ends_with(':'));
    (!is_text && !key.2.contains(char::is_whitespace)).then_some(key)
}

/// A host pattern that was meant: `*` or `*.example.com`.
fn pattern(rest: &str) -> Option<&str> {
    let end = rest.find([' ', '\t', ',', ']', '}']).unwrap_or(rest.len());
    let word = &rest[..end];
    let tail = word.strip_prefix('*')?;
    (tail.is_empty() || tail.starts_with(['.', '/', '-'])).then_some(word)
}

/// How far this line is indented, and how far the lines are that it may belong to.
fn indentation(text: &str, line: usize) -> String {
    let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let own = line_of(text, line).map_or(0, spaces);
    let mut levels: Vec<usize> = Vec::new();
    let before: Vec<&str> = text.lines().take(line.saturating_sub(1)).collect();
    for line in before.into_iter().rev() {
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with(['#', '%']) || content.starts_with("---") {
            continue;
        }
        let outer = spaces(line);
        let inner = content.strip_prefix("- ").map(|item| outer + 2 + spaces(item));
        for level in inner.into_iter().chain([outer]) {
            if levels.last().is_none_or(|last| level < *last) {
                levels.push(level);
            }
        }
    }
    if levels.is_empty() || levels.contains(&own) {
        return "check the indentation of this line and of those above it".into();
    }
    let levels: Vec<String> = levels.iter().map(usize::to_string).collect();
    format!("check the indentation: {own} here, above it {}", levels.join(", "))
}

fn line_of(text: &str, line: usize) -> Option<&str> {
    text.lines().nth(line.checked_sub(1)?)
}

/// Where a column begins.
fn offset(line: &str, column: usize) -> usize {
    line.char_indices().nth(column).map_or(line.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use crate::api::source::Mark;
    use crate::read::yaml::parse;

    /// Place, message and hint.
    fn found(text: &str) -> (u32, u32, String, String) {
        let problem = parse(text).remove(0).problems.remove(0);
        let Mark { line, column } = problem.mark;
        (line, column, problem.message, problem.hint.unwrap_or_default())
    }

    #[test]
    fn y_11_a_tab_is_pointed_at_where_it_stands() {
        for (text, line, column) in [
            ("spec:\n  hosts: [a]\n  http:\n\t- route: []\n", 4, 1),
            ("spec:\n  hosts:\n  - a\n\t- b\n", 4, 1),
            ("a:\n  b: 1\n  \tc: 2\n", 3, 3),
            ("a: |\n\tx\n", 2, 1),
            ("a: 1\n---\nb: x\n\ty: 1\n", 4, 1),
        ] {
            let documents = parse(text);
            let problem = documents.iter().flat_map(|document| &document.problems).next().unwrap();
            assert_eq!(problem.mark, Mark { line, column }, "{text:?}");
            assert_eq!(problem.message, "not valid YAML: a tab indents this line");
            assert_eq!(problem.hint.as_deref(), Some("indent with spaces"));
        }
    }

    #[test]
    fn y_11_a_pattern_without_quotes_is_to_be_quoted() {
        for (text, column, word) in [
            ("hosts:\n- *\n", 3, "*"),
            ("a: 1\nhosts: [*, b]\n", 9, "*"),
            ("hosts:\n  - *.example.com\n", 5, "*.example.com"),
        ] {
            let message = format!("not valid YAML: `{word}` without quotes is an alias");
            assert_eq!(found(text), (2, column, message, format!("put it in quotes: \"{word}\"")));
        }
        assert!(found("a: *x\n").3.starts_with("an anchor `&name` must come before"));
    }

    #[test]
    fn y_11_a_key_without_a_colon_is_pointed_at() {
        let message = "not valid YAML: a `:` is missing after this key";
        for (text, line, column, key) in [
            ("kind: A\nspec\n  hosts: [a]\n", 2, 1, "spec"),
            ("kind: A\nspec\n", 2, 1, "spec"),
            ("kind: A\nspec\n\nstatus: {}\n", 2, 1, "spec"),
            ("kind: A\nspec:\n  http\n  - route: []\n", 3, 3, "http"),
            ("kind: A\nspec:\n  hosts: [a]\n  http # rules\n  - route: []\n", 4, 3, "http"),
        ] {
            let hint = format!("write `{key}:`");
            assert_eq!(found(text), (line, column, message.into(), hint), "{text:?}");
        }
        let (.., hint) = found("a:\n  b: text\n    more\n  c: d: e\n");
        assert_eq!(hint, "check the indentation, or put text that contains `: ` in quotes");
    }

    #[test]
    fn y_11_what_is_not_closed_is_told() {
        for text in
            ["a: [1, 2\n", "a: [b}\n", "a: 'x\n", "a: {b: c\n", "a: \"x\n---\nb: 1\n", "a: [1\nb: 2\n"]
        {
            let (.., hint) = found(text);
            assert_eq!(
                hint,
                "a `[`, `{` or quote before this may not be closed",
                "{text:?}: {:?}",
                found(text)
            );
        }
    }

    #[test]
    fn y_11_a_wrong_indent_is_told_with_those_that_would_do() {
        let message = "not valid YAML: while parsing a block mapping, did not find expected key";
        let wrong = found("spec:\n  http:\n  - route: []\n   timeout: 1s\n");
        let hint = "check the indentation: 3 here, above it 4, 2, 0";
        assert_eq!(wrong, (4, 4, message.into(), hint.into()));
        let (.., hint) = found("spec:\n  hosts: [a]\n   http: []\n");
        assert_eq!(hint, "check the indentation: 3 here, above it 2, 0");
        let (.., hint) = found("spec:\n  hosts:\n    - a\n  - b\n");
        assert_eq!(hint, "check the indentation of this line and of those above it");
    }
}
