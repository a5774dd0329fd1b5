//! The facts of a request on its way through the stack, in one value.

use std::sync::Arc;

use http::Extensions;
use mesh_core::headers::Survey;
use mesh_core::plan::Plan;

use super::matched::Matched;
use super::record::Record;
use crate::upstream::worker::View;

/// The facts of a request on its way through the stack. They are beside the request in a
/// [`BoxedRequest`](crate::boxed_request::BoxedRequest), or its one extension, because each extension costs an allocation and each
/// read a lookup.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    /// A layer has taken the facts out.
    #[default]
    Empty,
    /// The request has no route yet.
    Open(Open),
    /// The route, with the record; shared with the copy that is kept for a retry.
    Routed(Arc<Matched>),
}

/// The snapshot that a request took once, at the edge of its stack: later layers read their settings there.
#[derive(Clone, Debug)]
pub(crate) enum Entered {
    /// The plan and the pools of a worker.
    Worker(Arc<View>),
    /// The plan alone, for a server, which needs no pools.
    Server(Arc<Plan>),
}

/// The facts of a request before it has a route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open {
    pub(crate) entered: Option<Entered>,
    pub(crate) record: Option<Record>,
    pub(crate) survey: Option<Survey>,
}

impl Slot {
    /// The plan that the request keeps.
    pub(crate) fn plan(&self) -> Option<&Arc<Plan>> {
        match self {
            Self::Open(open) => open.entered.as_ref().map(|entered| match entered {
                Entered::Worker(view) => view.plan(),
                Entered::Server(plan) => plan,
            }),
            Self::Routed(matched) => Some(matched.view().plan()),
            Self::Empty => None,
        }
    }

    /// The facts without a route, to add to.
    pub(crate) fn open(&mut self) -> &mut Open {
        if !matches!(self, Self::Open(_)) {
            *self = Self::Open(Open::default());
        }
        match self {
            Self::Open(open) => open,
            Self::Empty | Self::Routed(_) => unreachable!("it was just made open"),
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Open(open) => open.record.as_ref(),
            Self::Routed(matched) => Some(matched.record()),
            Self::Empty => None,
        }
    }

    pub(crate) fn matched(&self) -> Option<&Matched> {
        match self {
            Self::Routed(matched) => Some(matched),
            Self::Open(_) | Self::Empty => None,
        }
    }

    pub(crate) fn matched_mut(&mut self) -> Option<&mut Matched> {
        match self {
            Self::Routed(matched) => Some(Arc::make_mut(matched)),
            Self::Open(_) | Self::Empty => None,
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
    /// In the stack it stands beside the request: [`BoxedRequest::matched`](crate::boxed_request::BoxedRequest::matched).
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().and_then(Slot::matched)
    }
}
