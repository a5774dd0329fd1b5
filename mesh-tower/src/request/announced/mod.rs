//! The deadline that an attempt announces to its endpoint, and how that deadline judges the answer (RT-2, RT-3).
//!
//! In the stack the attempt judges the answer where it records the outcome. A layer that is used alone, or over a
//! transport of the user's own, has no such attempt: there the layers that read the answer share an [`Announcement`],
//! which travels with the request. The timeout layer inserts it, and each try replaces its deadline by the time left.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, Request};
use mesh_core::outcome::Outcome;
use mesh_core::timeout::AnnouncedDeadline;
use mesh_core::timeout::grpc_timeout::{self, GRPC_TIMEOUT};

use super::record::Record;
use crate::clock::now;
use crate::error::Error;

/// The time that a request announces to its endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnnouncedTime {
    time: Duration,
    /// Whether the time bounds one try, not the whole request.
    per_try: bool,
}

impl AnnouncedTime {
    /// Reads the time from the headers of a gRPC request. `whole` says whether the request has a timeout here, which may
    /// be the caller's own deadline (RT-4). Without any timeout here, the caller's announcement passes through and no
    /// layer judges answers by it.
    pub(crate) fn of(headers: &HeaderMap, per_try: Option<Duration>, whole: bool) -> Option<Self> {
        if !whole && per_try.is_none() {
            return None;
        }
        let announced = headers.get(GRPC_TIMEOUT)?;
        let per_try = per_try.is_some_and(|limit| *announced == grpc_timeout::format(limit));
        let time = grpc_timeout::parse(announced.as_bytes())?;
        (per_try || whole).then_some(Self { time, per_try })
    }

    /// The deadline of an attempt that is sent at this moment.
    pub(crate) const fn from(self, sent: Instant) -> AnnouncedDeadline {
        AnnouncedDeadline::new(sent, self.time, self.per_try)
    }
}

/// The latest deadline that a gRPC request announced to its endpoint; an extension of the request.
///
/// Clones share the deadline, and so do all tries of the request.
#[derive(Clone, Debug)]
pub(crate) struct Announcement(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    deadline: Mutex<AnnouncedDeadline>,
    record: Option<Record>,
}

impl Announcement {
    /// Begins with the deadline of the whole request; `record` notes when that time is up.
    pub(crate) fn begin(
        extensions: &mut Extensions,
        deadline: AnnouncedDeadline,
        record: Option<Record>,
    ) -> Self {
        let announced = Self(Arc::new(Shared { deadline: Mutex::new(deadline), record }));
        extensions.insert(announced.clone());
        announced
    }

    /// Announces the deadline of the try that this request is about to make; `None` if no timeout bounds it here.
    pub(crate) fn attempt<B>(request: &mut Request<B>, per_try: Option<Duration>) -> Option<Self> {
        let begun = request.extensions().get::<Self>().cloned();
        let deadline = AnnouncedTime::of(request.headers(), per_try, begun.is_some())?.from(now());
        match begun {
            Some(announced) => {
                *announced.0.deadline.lock().expect("no panic while it is held") = deadline;
                Some(announced)
            }
            None => Some(Self::begin(request.extensions_mut(), deadline, None)),
        }
    }

    /// Judges an attempt whose answer has just arrived with this outcome.
    pub(crate) fn judge(&self, outcome: Outcome) -> Outcome {
        self.0.deadline.lock().expect("no panic while it is held").judge(now(), outcome)
    }

    /// The error in place of an answer that only reports that the time is up.
    pub(crate) fn timed_out(&self, outcome: Outcome) -> Option<Error> {
        timed_out(self.judge(outcome), self.0.record.as_ref())
    }
}

/// The error in place of an answer that was judged to be a timeout, as if our own timer had been first; `record` notes
/// that the time of the whole request is up.
pub(crate) fn timed_out(judged: Outcome, record: Option<&Record>) -> Option<Error> {
    match judged {
        Outcome::Timeout => record.into_iter().for_each(Record::note_time_up),
        Outcome::PerTryTimeout => {}
        _ => return None,
    }
    Some(Error::attempt(judged, None))
}

#[cfg(test)]
mod tests;
