//! Lines that may begin anywhere.
//!
//! libyaml, which Kubernetes reads with, asks for no indentation inside of quotes, `[…]` and `{…}`; the
//! scanner does, as the letter of YAML has it. White space at the beginning of such a line means nothing,
//! so the line is indented for the scanner, and places are counted as if it were not.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScanError};

/// A text, some of whose lines were indented.
#[derive(Debug)]
pub(super) struct Indented<'t> {
    written: &'t str,
    text: Cow<'t, str>,
    /// Spaces before a line, by its number from 1.
    spaces: BTreeMap<usize, usize>,
}

impl<'t> Indented<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { written: text, text: Cow::Borrowed(text), spaces: BTreeMap::new() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where something stood in the text as written.
    pub(super) fn column(&self, marker: Marker) -> usize {
        marker.col().saturating_sub(self.spaces.get(&marker.line()).copied().unwrap_or(0))
    }

    /// Indents the lines that the scanner stumbled over, if it was about that, and the other lines of the `[…]` or
    /// `{…}` that they stand in. `open` says where the objects and lists begin that are open there; `budget` is how
    /// many bytes may be read anew.
    pub(super) fn mend(&mut self, error: &ScanError, open: &[(usize, usize)], budget: &mut usize) -> bool {
        let at = *error.marker();
        let lines = match error.info() {
            "invalid indentation in quoted scalar" => self.quoted(at),
            "tab cannot be used as indentation"
            | "invalid indentation"
            | "invalid indentation in flow construct" => at.line()..=at.line(),
            _ => return false,
        };
        // Other line breaks than these would be counted otherwise than here.
        if self.written.replace("\r\n", "\n").contains('\r') {
            return false;
        }
        let around = *lines.start()..=self.end_of_flow(open, budget).unwrap_or(0);
        // Further right than any object or list begins that is open.
        let column = open.iter().map(|(_, column)| column + 1).max().unwrap_or(1);
        let mut changed = false;
        let mut length = self.text.len();
        for (index, line) in self.written.split_inclusive('\n').enumerate() {
            let number = index + 1;
            let column = match (lines.contains(&number), around.contains(&number)) {
                (true, _) => column.max(at.col()),
                (false, true) => column,
                (false, false) => continue,
            };
            let own = line.bytes().take_while(|byte| *byte == b' ').count();
            let spaces = column.saturating_sub(own);
            let may = spaces > 0 && !is_end(line) && !line.trim().is_empty();
            if may && !self.spaces.contains_key(&number) {
                length = length.saturating_add(spaces);
                self.spaces.insert(number, spaces);
                changed = true;
            }
        }
        let Some(left) = budget.checked_sub(length).filter(|_| changed) else { return false };
        *budget = left;
        let mut text = String::with_capacity(length);
        for (index, line) in self.written.split_inclusive('\n').enumerate() {
            let spaces = self.spaces.get(&(index + 1)).copied().unwrap_or(0);
            text.extend(std::iter::repeat_n(' ', spaces));
            text.push_str(line);
        }
        self.text = Cow::Owned(text);
        true
    }

    /// The last line of the outermost `[…]` or `{…}` among what is open. By itself it may begin anywhere, so the
    /// scanner finds its end.
    fn end_of_flow(&self, open: &[(usize, usize)], budget: &mut usize) -> Option<usize> {
        let lines: Vec<&str> = self.written.split_inclusive('\n').collect();
        let mut offsets = Vec::with_capacity(lines.len());
        lines.iter().fold(0, |offset, line| {
            offsets.push(offset);
            offset + line.len()
        });
        let begins = |&(line, column): &(usize, usize)| {
            let index = line.checked_sub(1)?;
            let (byte, first) = lines.get(index)?.char_indices().nth(column)?;
            matches!(first, '[' | '{').then(|| (line, offsets[index] + byte))
        };
        let (first, offset) = open.iter().find_map(begins)?;
        let mut depth = 0_usize;
        for event in Parser::new_from_str(&self.written[offset..]) {
            let (event, span) = event.ok()?;
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                *budget = budget.saturating_sub(span.end.index());
                return Some(first + span.end.line() - 1);
            }
        }
        None
    }

    /// The lines on which a quoted scalar goes on.
    fn quoted(&self, start: Marker) -> std::ops::RangeInclusive<usize> {
        let first = start.line();
        let rest = self.text.split_inclusive('\n').skip(first.saturating_sub(1));
        let mut quote = None;
        let mut escaped = false;
        let mut skip = start.col();
        for (index, line) in rest.enumerate() {
            for c in line.chars().skip(std::mem::take(&mut skip)) {
                match quote {
                    None => quote = Some(c),
                    // `''` ends it and begins it anew, which comes to the same here.
                    Some('\'') if c == '\'' => escaped = !escaped,
                    Some('\'') if escaped => return first + 1..=first + index,
                    Some('"') if escaped => escaped = false,
                    Some('"') if c == '\\' => escaped = true,
                    Some('"') if c == '"' => return first + 1..=first + index,
                    Some(_) => {}
                }
            }
        }
        first + 1..=usize::MAX
    }
}

/// Whether the line ends the document, in quotes too.
fn is_end(line: &str) -> bool {
    line.strip_prefix("...").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
