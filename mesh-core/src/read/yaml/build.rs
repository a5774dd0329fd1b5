//! From scanner events to trees.
//!
//! The builder keeps its own stack, so that depth is a counter and not a call chain. Aliases are
//! copied in place, marks included: a message about an aliased value points at the anchor, where the
//! value stands. Copying is bounded in bytes and in depth (Y-10), which defuses alias bombs. What is beyond
//! a bound is left out and reported once, and the rest is read: it may say that the document isn't for us.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::bounds::{Bound, MAX_DEPTH, MAX_EXPANSION, MAX_RESCANNED};
use super::document::{Document, Problem};
use super::explain::explain;
use super::indent::Indented;
use super::merge;
use super::split::{Piece, split};
use crate::api::source::{Mark, path_key};
use crate::api::tree::{Entry, Node, Scalar, Style, Value, measure};

/// Reads all documents of a stream, empty ones left out.
#[must_use]
pub fn parse(text: &str) -> Vec<Document<'_>> {
    parse_at(text, 0, 0)
}

/// Reads the documents of a text that stands in a file behind `lines` lines, each of its own lines
/// indented by `columns`.
#[must_use]
pub fn parse_at(text: &str, lines: u32, columns: u32) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut budget = MAX_RESCANNED;
    for piece in split(text) {
        let first = documents.len();
        let mut indented = Indented::new(piece.text);
        loop {
            let mut builder = Builder::new(piece, lines, columns);
            let Err(error) = builder.scan(&indented, &mut documents) else { break };
            budget = budget.saturating_sub(builder.expanded);
            if !indented.mend(&error, &builder.places(), &mut budget) {
                builder.give_up(&error, &indented, &mut documents);
                break;
            }
            documents.truncate(first);
        }
    }
    documents
}

struct Builder<'t> {
    text: &'t str,
    lines_before: u32,
    columns_before: u32,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchor>,
    /// What aliases added to this document, and to all of the text.
    expansion: usize,
    expanded: usize,
    problems: Vec<Problem>,
    /// The bounds that are told of: each once, whatever else is beyond it.
    told: Vec<Bound>,
    /// Objects and lists that are open and left out, since they are too deep.
    beyond: usize,
}

struct Anchor {
    node: Node,
    size: usize,
    depth: usize,
}

struct Frame {
    mark: Mark,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, keys: HashSet<String>, key: Option<(Key, Mark)>, merged: Vec<Node> },
}

enum Key {
    Name(String),
    Merge,
    /// Reported already; its value is dropped.
    Bad,
}

impl<'t> Builder<'t> {
    fn new(piece: Piece<'t>, lines: u32, columns: u32) -> Self {
        Self {
            text: piece.text,
            lines_before: piece.lines_before.saturating_add(lines),
            columns_before: columns,
            frames: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            expansion: 0,
            expanded: 0,
            problems: Vec::new(),
            told: Vec::new(),
            beyond: 0,
        }
    }

    fn scan(&mut self, text: &Indented<'_>, documents: &mut Vec<Document<'t>>) -> Result<(), ScanError> {
        for event in Parser::new_from_str(text.as_str()) {
            let (event, span) = event?;
            let mark = self.mark(span.start, text);
            self.event(event, mark, documents);
        }
        Ok(())
    }

    /// Ends the document before an error of the scanner.
    fn give_up(&mut self, error: &ScanError, text: &Indented<'_>, documents: &mut Vec<Document<'t>>) {
        let found = explain(error.info(), self.text, error.marker().line(), text.column(*error.marker()));
        let mark = self.place_of(found.line, found.column);
        // The one limit that the scanner has of its own.
        let legible = error.info().contains("recursion limit");
        if self.beyond == 0 || !legible {
            let path = self.path();
            let (message, hint) = (found.message, found.hint);
            self.problems.push(Problem { mark, path, message, hint, legible, alone: false });
        }
        while let Some(frame) = self.frames.pop() {
            let node = frame.finish();
            self.place_quietly(node);
        }
        self.end_document(documents);
    }

    /// Where the objects and lists that are open begin, outermost first: lines from 1, columns from 0.
    fn places(&self) -> Vec<(usize, usize)> {
        let before = self.columns_before.saturating_add(1);
        let place = |frame: &Frame| {
            let line = frame.mark.line.saturating_sub(self.lines_before) as usize;
            (line, frame.mark.column.saturating_sub(before) as usize)
        };
        self.frames.iter().map(place).collect()
    }

    fn mark(&self, marker: saphyr_parser::Marker, text: &Indented<'_>) -> Mark {
        self.place_of(marker.line(), text.column(marker))
    }

    /// A line of this text, from 1, and a column in it, from 0.
    fn place_of(&self, line: usize, column: usize) -> Mark {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark {
            line: number(line).saturating_add(self.lines_before),
            column: number(column).saturating_add(1).saturating_add(self.columns_before),
        }
    }

    fn event(&mut self, event: Event<'_>, mark: Mark, documents: &mut Vec<Document<'t>>) {
        if self.beyond > 0 {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => self.beyond += 1,
                Event::SequenceEnd | Event::MappingEnd => self.beyond -= 1,
                _ => {}
            }
            return;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, tag.as_deref(), mark);
                let node = Node { mark, value: Value::Scalar(Scalar { text: text.into_owned(), style }) };
                self.remember(anchor, &node);
                self.place(node);
            }
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), mark);
                self.open(mark, anchor, Content::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), mark);
                let content = Content::Mapping {
                    entries: Vec::new(),
                    keys: HashSet::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.open(mark, anchor, content);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let node = self.alias(id).unwrap_or_else(|bound| {
                    self.once(mark, bound);
                    null(mark)
                });
                self.place(node);
            }
            Event::DocumentEnd => self.end_document(documents),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }

    fn open(&mut self, mark: Mark, anchor: usize, content: Content) {
        if self.frames.len() < MAX_DEPTH {
            self.frames.push(Frame { mark, anchor, content });
            return;
        }
        self.beyond = 1;
        self.once(mark, Bound::Depth);
        self.place(null(mark));
    }

    fn close(&mut self) {
        let path = self.path();
        let Some(mut frame) = self.frames.pop() else { return };
        if let Content::Mapping { entries, merged, .. } = &mut frame.content {
            let merged = std::mem::take(merged);
            merge::expand(entries, merged, &path, &mut self.problems);
        }
        let anchor = frame.anchor;
        let node = frame.finish();
        self.remember(anchor, &node);
        self.place(node);
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            let (size, depth) = measure(node);
            self.anchors.insert(anchor, Anchor { node: node.clone(), size, depth });
        }
    }

    fn alias(&mut self, id: usize) -> Result<Node, Bound> {
        let anchor = self.anchors.get(&id).ok_or(Bound::OwnAnchor)?;
        self.expansion = self.expansion.saturating_add(anchor.size);
        if self.expansion > MAX_EXPANSION {
            return Err(Bound::Expansion);
        }
        if self.frames.len() + anchor.depth > MAX_DEPTH {
            return Err(Bound::Depth);
        }
        self.expanded = self.expanded.saturating_add(anchor.size);
        Ok(anchor.node.clone())
    }

    fn style(&mut self, style: ScalarStyle, tag: Option<&Tag>, mark: Mark) -> Style {
        let written = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        match tag {
            None => written,
            Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
                "int" | "float" | "bool" | "null" => Style::Plain,
                _ if written == Style::Plain => Style::Quoted,
                _ => written,
            },
            Some(tag) => {
                self.custom_tag(tag, mark);
                written
            }
        }
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, mark: Mark) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.custom_tag(tag, mark);
        }
    }

    fn custom_tag(&mut self, tag: &Tag, mark: Mark) {
        let message = format!("the tag {}{} means nothing here", tag.handle, tag.suffix);
        self.problem(mark, message);
    }

    /// Reports what is no error of the syntax.
    fn problem(&mut self, mark: Mark, message: String) {
        self.report(mark, self.path(), message, true);
    }

    /// Reports a bound, unless it was: other places may be empty because of it too.
    fn once(&mut self, mark: Mark, bound: Bound) {
        if !self.told.contains(&bound) {
            self.told.push(bound);
            self.report(mark, self.path(), bound.to_string(), false);
        }
    }

    fn report(&mut self, mark: Mark, path: String, message: String, alone: bool) {
        self.problems.push(Problem { mark, path, message, hint: None, legible: true, alone });
    }

    /// Puts a complete node where it belongs: key, value, item or root.
    fn place(&mut self, node: Node) {
        if let Some(Frame { content: Content::Mapping { keys, key, .. }, .. }) = self.frames.last_mut()
            && key.is_none()
        {
            let mark = node.mark;
            let mut twice = None;
            let (new, problem) = match node.value {
                Value::Scalar(Scalar { text, style }) if text == "<<" && style == Style::Plain => {
                    (Key::Merge, None)
                }
                Value::Scalar(Scalar { text, .. }) if keys.contains(&text) => {
                    let message = format!("`{text}` is written twice in one object");
                    twice = Some(text);
                    (Key::Bad, Some(message))
                }
                Value::Scalar(Scalar { text, .. }) => {
                    keys.insert(text.clone());
                    (Key::Name(text), None)
                }
                Value::Sequence(_) | Value::Mapping(_) => (Key::Bad, Some("a key must be text".to_owned())),
            };
            *key = Some((new, mark));
            if let Some(message) = problem {
                let path = self.path() + &twice.map(|key| path_key(&key)).unwrap_or_default();
                let path = path.strip_prefix('.').map(str::to_owned).unwrap_or(path);
                self.report(mark, path, message, true);
            }
            return;
        }
        self.place_quietly(node);
    }

    fn place_quietly(&mut self, node: Node) {
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, key, merged, .. }) => match key.take() {
                Some((Key::Name(key), key_mark)) => entries.push(Entry { key, key_mark, value: node }),
                Some((Key::Merge, _)) => merged.push(node),
                Some((Key::Bad, _)) | None => {}
            },
        }
    }

    fn end_document(&mut self, documents: &mut Vec<Document<'t>>) {
        self.anchors.clear();
        (self.expansion, self.beyond, self.told) = (0, 0, Vec::new());
        let problems = std::mem::take(&mut self.problems);
        let start = Mark { line: self.lines_before.saturating_add(1), column: 1 };
        let node = self.root.take().unwrap_or_else(|| null(start));
        if !node.is_null() || !problems.is_empty() {
            documents.push(Document { node, problems, text: self.text });
        }
    }

    /// The path of the place where the next node goes.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.frames {
            match &frame.content {
                Content::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
                Content::Mapping { key: Some((Key::Name(key), _)), .. } => path.push_str(&path_key(key)),
                Content::Mapping { .. } => {}
            }
        }
        path.strip_prefix('.').map(str::to_owned).unwrap_or(path)
    }
}

/// What stands where nothing is written, or nothing that we read.
fn null(mark: Mark) -> Node {
    Node { mark, value: Value::Scalar(Scalar { text: String::new(), style: Style::Plain }) }
}

impl Frame {
    fn finish(self) -> Node {
        let value = match self.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, .. } => Value::Mapping(entries),
        };
        Node { mark: self.mark, value }
    }
}
