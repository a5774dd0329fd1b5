//! A map from text that is written once and read often.
//!
//! Labels, annotations and the headers of a rule have few entries, and there are many such maps: a node of a B-tree
//! has room for eleven entries, which is half a kilobyte for the one label of most subsets. Here the entries stand in
//! one block, in order of their keys. Clones share it, so an endpoint has the labels of its document at no cost.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// See the [module](self). Empty by default; that takes no memory of its own.
///
/// # Clone
/// Clones share the entries until one of them is changed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextMap<V>(Option<Arc<[Entry<V>]>>);

type Entry<V> = (String, V);

impl<V> TextMap<V> {
    /// The empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.find(key).ok().map(|place| &self.entries()[place].1)
    }

    /// Whether there is a value for a key.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// The entries, in order of their keys.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.entries().iter())
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    fn entries(&self) -> &[Entry<V>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Where a key is, else where it would stand.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries().binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// Of entries in order, each key once.
    fn of(entries: Vec<Entry<V>>) -> Self {
        Self((!entries.is_empty()).then(|| entries.into()))
    }
}

impl<V: Clone> TextMap<V> {
    /// Adds an entry; returns the value that the key had. Copies the others: to add many, use [`Extend`].
    pub fn insert(&mut self, key: String, value: V) -> Option<V> {
        let place = self.find(&key);
        let mut entries = self.entries().to_vec();
        let before = match place {
            Ok(place) => Some(std::mem::replace(&mut entries[place].1, value)),
            Err(place) => {
                entries.insert(place, (key, value));
                None
            }
        };
        *self = Self::of(entries);
        before
    }

    /// Adds an entry unless its key has one.
    pub fn insert_new(&mut self, key: &str, value: &V) {
        if !self.contains_key(key) {
            self.insert(key.to_owned(), value.clone());
        }
    }

    /// Takes an entry away; returns its value. Copies the others.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let place = self.find(key).ok()?;
        let mut entries = self.entries().to_vec();
        let (_, value) = entries.remove(place);
        *self = Self::of(entries);
        Some(value)
    }
}

impl<V> Default for TextMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for TextMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V> Index<&str> for TextMap<V> {
    type Output = V;

    /// # Panics
    /// If the key has no value.
    fn index(&self, key: &str) -> &V {
        self.get(key).expect("the key has a value")
    }
}

impl<V: Serialize> Serialize for TextMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<V> FromIterator<Entry<V>> for TextMap<V> {
    /// Of several values for one key the last one stays.
    fn from_iter<I: IntoIterator<Item = Entry<V>>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later, _), (first, _)| later == first);
        Self::of(entries)
    }
}

impl<V, const COUNT: usize> From<[Entry<V>; COUNT]> for TextMap<V> {
    fn from(entries: [Entry<V>; COUNT]) -> Self {
        Self::from_iter(entries)
    }
}

impl<V: Clone> Extend<Entry<V>> for TextMap<V> {
    fn extend<I: IntoIterator<Item = Entry<V>>>(&mut self, entries: I) {
        *self = self.entries().iter().cloned().chain(entries).collect();
    }
}

impl<V: Clone> IntoIterator for TextMap<V> {
    type Item = Entry<V>;
    type IntoIter = std::vec::IntoIter<Entry<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries().to_vec().into_iter()
    }
}

impl<'a, V> IntoIterator for &'a TextMap<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The entries of a [`TextMap`], in order of their keys.
#[derive(Clone, Debug)]
pub struct Iter<'a, V>(std::slice::Iter<'a, Entry<V>>);

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a String, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<V> ExactSizeIterator for Iter<'_, V> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::TextMap;

    #[test]
    fn clones_share_until_one_is_changed() {
        let map = TextMap::from([("b".to_owned(), 1), ("a".to_owned(), 2)]);
        let mut other = map.clone();
        assert!(std::ptr::eq(map.get("a").unwrap(), other.get("a").unwrap()));
        other.insert("c".to_owned(), 3);
        assert_eq!((map.len(), other.len()), (2, 3));
        assert_eq!(size_of::<TextMap<String>>(), 16);
    }

    proptest! {
        #[test]
        fn it_is_as_a_b_tree(
            first in prop::collection::vec(("[a-d]", 0..9_u8), 0..6),
            more in prop::collection::vec(("[a-f]", 0..9_u8), 0..6),
            gone in "[a-f]",
        ) {
            let mut map: TextMap<u8> = first.iter().cloned().collect();
            let mut tree: BTreeMap<String, u8> = first.into_iter().collect();
            map.extend(more.clone());
            tree.extend(more.clone());
            for (key, value) in more {
                prop_assert_eq!(map.insert(key.clone(), value / 2), tree.insert(key, value / 2));
            }
            prop_assert_eq!(map.remove(&gone), tree.remove(&gone));
            prop_assert!(map.iter().eq(tree.iter()) && map.is_empty() == tree.is_empty());
            let keys = ["a", "b", "c", "d", "e", "f", "g"];
            prop_assert!(keys.iter().all(|key| map.get(key) == tree.get(*key)));
        }
    }
}
