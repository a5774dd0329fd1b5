//! What an attempt tells its endpoint of its time, and how it is judged by that (RT-2, RT-3).
//!
//! In the stack the attempt judges an answer, where it records the outcome. Around a layer that is used alone, or a
//! transport of one's own, there is none: then those who read the answer share what was told, which goes with the
//! request. The timeout begins it, each try replaces it by what is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Extensions, HeaderMap, Request};
use mesh_core::outcome::Outcome;
use mesh_core::timeout::ToldDeadline;
use mesh_core::timeout::grpc_timeout::{self, GRPC_TIMEOUT};

use super::record::Record;
use crate::clock::now;
use crate::error::Error;

/// The time that a request tells its endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    time: Duration,
    /// Whether it is that of one try.
    per_try: bool,
}

impl Limit {
    /// Of a gRPC request; `whole` says whether there is a timeout of the request, be it the caller's own deadline
    /// (RT-4). Without any timeout here, what the caller told passes through and is not judged.
    pub(crate) fn told(headers: &HeaderMap, per_try: Option<Duration>, whole: bool) -> Option<Self> {
        if !whole && per_try.is_none() {
            return None;
        }
        let told = headers.get(GRPC_TIMEOUT)?;
        let per_try = per_try.is_some_and(|limit| *told == grpc_timeout::format(limit));
        let time = grpc_timeout::parse(told.as_bytes())?;
        (per_try || whole).then_some(Self { time, per_try })
    }

    /// The deadline of an attempt that is sent now.
    pub(crate) fn sent(self) -> ToldDeadline {
        ToldDeadline::new(now(), self.time, self.per_try)
    }
}

/// What the endpoint of a gRPC request was told last; an extension of the request, shared by its tries.
#[derive(Clone, Debug)]
pub(crate) struct Told(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    deadline: Mutex<ToldDeadline>,
    record: Option<Record>,
}

impl Told {
    /// Begins with the deadline of the whole request; the record will say whether the time is up.
    pub(crate) fn begin(extensions: &mut Extensions, deadline: ToldDeadline, record: Option<Record>) -> Self {
        let told = Self(Arc::new(Shared { deadline: Mutex::new(deadline), record }));
        extensions.insert(told.clone());
        told
    }

    /// What the try tells that is about to be made with this request; `None` if nothing bounds it here.
    pub(crate) fn attempt<B>(request: &mut Request<B>, per_try: Option<Duration>) -> Option<Self> {
        let begun = request.extensions().get::<Self>().cloned();
        let deadline = Limit::told(request.headers(), per_try, begun.is_some())?.sent();
        match begun {
            Some(told) => {
                *told.0.deadline.lock().expect("no panic while it is held") = deadline;
                Some(told)
            }
            None => Some(Self::begin(request.extensions_mut(), deadline, None)),
        }
    }

    /// How an attempt ended that was answered so just now.
    pub(crate) fn judge(&self, outcome: Outcome) -> Outcome {
        self.0.deadline.lock().expect("no panic while it is held").judge(now(), outcome)
    }

    /// The error in place of an answer that only says that the time is up.
    pub(crate) fn timed_out(&self, outcome: Outcome) -> Option<Error> {
        let judged = self.judge(outcome);
        match judged {
            Outcome::Timeout => self.0.record.iter().for_each(Record::note_time_up),
            Outcome::PerTryTimeout => {}
            _ => return None,
        }
        Some(Error::attempt(judged, None))
    }
}

#[cfg(test)]
mod tests;
