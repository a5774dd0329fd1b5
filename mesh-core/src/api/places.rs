//! The places of all that is written in one tree: one table, whatever the messages in it.
//!
//! A document of thirty messages has a hundred fields, items and entries. Each is one row of twenty bytes; its name
//! is not kept, but follows from the table of the message that it is a field of:
//!
//! ```text
//! row  parent  first child  step
//!   0       -            1     -    spec
//!   1       0            3     2    field 2 of VirtualService: .http
//!   2       0            4     0    field 0: .hosts
//!   3       1            5     0    item 0: [0]
//! ```
//! The children of a row stand in a row, so an item is found by its index.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::schema::{Field, Shape, Table};
use super::source::{Mark, Source, path_key};
use super::tree::{Node, Value};
use crate::hash::WordHash;

/// The row of the tree's own message.
const ROOT: u32 = 0;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Places {
    source: Arc<Source>,
    /// The path of the tree in its document.
    path: Box<str>,
    /// What the tree is.
    table: &'static Table,
    /// Set once the tree is decoded.
    rows: OnceLock<Rows>,
}

#[derive(Debug)]
struct Rows {
    rows: Box<[Row]>,
    /// Keys of maps; a row says which is its own.
    keys: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    mark: Mark,
    parent: u32,
    /// Its first child; 0 if it has none.
    first: u32,
    /// Of a field, its place in the table; of a map's entry, its key's place; of an item, its index.
    step: u32,
}

impl Places {
    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(super) fn mark(&self, place: u32) -> Mark {
        self.row(place).map_or_else(Mark::default, |row| row.mark)
    }

    /// The path of a message in its document.
    pub(super) fn path(&self, place: u32) -> String {
        let Some(row) = self.row(place).filter(|_| place != ROOT) else { return self.path.as_ref().into() };
        let mut path = self.path(row.parent);
        let segment = match self.shape(row.parent) {
            Shape::Message(table) => format!(".{}", field(table, row).json_name()),
            Shape::Map(_) => path_key(self.key(row).unwrap_or_default()),
            Shape::List(_) | Shape::Scalar(_) | Shape::Enum(_) => format!("[{}]", row.step),
        };
        path.push_str(if path.is_empty() { segment.strip_prefix('.').unwrap_or(&segment) } else { &segment });
        path
    }

    /// The place of a written field of a message.
    pub(super) fn field(&self, message: u32, name: &str) -> Option<u32> {
        let Shape::Message(table) = self.shape(message) else { return None };
        self.children(message).find(|(_, row)| field(table, row).json_name() == name).map(|(place, _)| place)
    }

    /// The place of an item of a list.
    pub(super) fn item(&self, list: u32, index: usize) -> Option<u32> {
        let first = self.row(list)?.first;
        let place = first.checked_add(u32::try_from(index).ok()?)?;
        self.row(place).filter(|row| first != 0 && row.parent == list).map(|_| place)
    }

    /// The place of a value of a map.
    pub(super) fn entry(&self, map: u32, key: &str) -> Option<u32> {
        self.children(map).find(|(_, row)| self.key(row) == Some(key)).map(|(place, _)| place)
    }

    fn rows(&self) -> &[Row] {
        self.rows.get().map_or(&[], |rows| &rows.rows)
    }

    fn row(&self, place: u32) -> Option<&Row> {
        self.rows().get(place as usize)
    }

    fn key(&self, row: &Row) -> Option<&str> {
        self.rows.get()?.keys.get(row.step as usize).map(|key| &**key)
    }

    fn children(&self, parent: u32) -> impl Iterator<Item = (u32, &Row)> {
        let first = self.row(parent).map_or(0, |row| row.first);
        let rows = self.rows().get(first as usize..).filter(|_| first != 0).unwrap_or_default();
        (first..).zip(rows).take_while(move |(_, row)| row.parent == parent)
    }

    /// What the value at this place looks like.
    fn shape(&self, place: u32) -> Shape {
        let Some(row) = self.row(place).filter(|_| place != ROOT) else { return Shape::Message(self.table) };
        match self.shape(row.parent) {
            Shape::Message(table) => field(table, row).shape,
            Shape::List(inner) | Shape::Map(inner) => *inner,
            scalar @ (Shape::Scalar(_) | Shape::Enum(_)) => scalar,
        }
    }
}

/// The field of a message that this row is.
fn field(table: &'static Table, row: &Row) -> &'static Field {
    &table.fields[row.step as usize]
}

/// The places of a tree that is being decoded.
#[derive(Debug)]
pub(super) struct PlacesBuilder {
    places: Arc<Places>,
    rows: Vec<Row>,
    keys: Vec<Box<str>>,
    /// The rows of objects, which may be messages, by the address of their node.
    objects: HashMap<usize, u32, WordHash>,
    /// How many messages have begun and not ended.
    depth: usize,
}

impl PlacesBuilder {
    /// For the message at `root`.
    pub(super) fn new(source: Arc<Source>, path: &str, table: &'static Table, root: &Node) -> Self {
        let places = Arc::new(Places { source, path: path.into(), table, rows: OnceLock::new() });
        let rows = vec![Row { mark: root.mark, parent: ROOT, first: 0, step: 0 }];
        let objects = HashMap::from_iter([(address(root), ROOT)]);
        Self { places, rows, keys: Vec::new(), objects, depth: 0 }
    }

    /// A message begins, of which these fields are written, each with its place in the table. Returns its own place.
    pub(super) fn begin(
        &mut self,
        message: &Node,
        table: &'static Table,
        written: &[(usize, &Node)],
    ) -> (Arc<Places>, u32) {
        self.depth += 1;
        let place =
            *self.objects.get(&address(message)).expect("the node stands in the tree of the first one");
        let fields = written.iter().map(|&(field, node)| (number(field), node));
        let first = self.add(place, fields);
        for (&(field, node), place) in written.iter().zip(first..) {
            self.add_below(place, node, table.fields[field].shape);
        }
        (self.places.clone(), place)
    }

    /// A message ends. Whether it was the first one that began: then its places are known.
    pub(super) fn end(&mut self) -> bool {
        self.depth -= 1;
        if self.depth > 0 {
            return false;
        }
        let rows =
            Rows { rows: std::mem::take(&mut self.rows).into(), keys: std::mem::take(&mut self.keys).into() };
        self.places.rows.set(rows).expect("a tree ends once");
        true
    }

    /// Adds rows below `parent`; returns the place of the first.
    fn add<'n>(&mut self, parent: u32, children: impl Iterator<Item = (u32, &'n Node)>) -> u32 {
        let first = number(self.rows.len());
        for (step, node) in children {
            if let Value::Mapping(_) = node.value {
                self.objects.insert(address(node), number(self.rows.len()));
            }
            self.rows.push(Row { mark: node.mark, parent, first: 0, step });
        }
        if number(self.rows.len()) > first {
            self.rows[parent as usize].first = first;
        }
        first
    }

    /// Adds what stands in a list or a map. A message adds its fields when it begins.
    fn add_below(&mut self, place: u32, node: &Node, shape: Shape) {
        let inner = match shape {
            Shape::Message(_) => return,
            Shape::List(inner) | Shape::Map(inner) => Some(*inner),
            Shape::Scalar(_) | Shape::Enum(_) => None,
        };
        let (first, nodes): (u32, Vec<&Node>) = match &node.value {
            Value::Scalar(_) => return,
            Value::Sequence(items) => (self.add(place, (0..).zip(items)), items.iter().collect()),
            Value::Mapping(entries) => {
                let keys = number(self.keys.len());
                self.keys.extend(entries.iter().map(|entry| entry.key.as_str().into()));
                let values = || entries.iter().map(|entry| &entry.value);
                (self.add(place, (keys..).zip(values())), values().collect())
            }
        };
        let Some(inner) = inner else { return };
        for (node, place) in nodes.into_iter().zip(first..) {
            self.add_below(place, node, inner);
        }
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a document has fewer than 2³² nodes")
}
