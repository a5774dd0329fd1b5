//! What the stack knows of a request on its way, in one value.

use std::sync::Arc;

use http::Extensions;
use mesh_core::headers::Survey;

use super::matched::Matched;
use super::record::Record;

/// What the stack knows of a request on its way: beside it in a [`Passage`](crate::passage::Passage), or its one
/// extension, because each extension is an allocation and each question a lookup.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    /// Taken out by who acted on it.
    #[default]
    Empty,
    /// There is a record, and perhaps a look at the headers; no route yet.
    Recorded(Record, Option<Survey>),
    /// The route, with the record; shared with the copy that is kept for a retry.
    Routed(Arc<Matched>),
}

impl Slot {
    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Recorded(record, _) => Some(record),
            Self::Routed(matched) => Some(matched.record()),
            Self::Empty => None,
        }
    }

    pub(crate) fn matched(&self) -> Option<&Matched> {
        match self {
            Self::Routed(matched) => Some(matched),
            Self::Recorded(..) | Self::Empty => None,
        }
    }

    pub(crate) fn matched_mut(&mut self) -> Option<&mut Matched> {
        match self {
            Self::Routed(matched) => Some(Arc::make_mut(matched)),
            Self::Recorded(..) | Self::Empty => None,
        }
    }
}

impl Record {
    /// The record of the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().and_then(Slot::record).or_else(|| extensions.get())
    }
}

impl Matched {
    /// The match of the request with these extensions.
    ///
    /// In the stack it stands beside the request: [`Passage::matched`](crate::passage::Passage::matched).
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().and_then(Slot::matched)
    }
}
