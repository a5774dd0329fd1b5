//! The faults that a test scripts for an upstream.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// A misbehaviour that is applied once, to the next connection or request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The next connection is refused.
    Refuse,
    /// The next connection is never established; only the caller's timeout ends it.
    Blackhole,
    /// The next connection serves this many requests, then sends GOAWAY: the request that follows lies above the last
    /// stream id and was never processed. HTTP/2 only.
    GoAwayAfter(u32),
    /// The request is answered with this status and an empty body.
    Status(u16),
    /// The request is answered with this gRPC status, trailers-only.
    Grpc(u8),
    /// The request is answered as usual, after this time.
    Delay(Duration),
    /// Response headers come at once, the body after this time.
    SlowBody(Duration),
    /// The request is never answered.
    Hang,
    /// The connection is closed when the request's head has arrived.
    CloseBeforeResponse,
    /// The connection is closed when the request's last byte has arrived.
    CloseAfterRequestBody,
    /// The connection is reset when the request's last byte has arrived: then reads and writes fail at the caller's end.
    ResetAfterRequestBody,
    /// The stream is refused (`REFUSED_STREAM`): the peer states that it has not processed the request. HTTP/2 only; over
    /// HTTP/1.1 the connection closes.
    RefuseStream,
    /// The stream is reset (`INTERNAL_ERROR`) before a response. HTTP/2 only; over HTTP/1.1 the
    /// connection closes.
    ResetStream,
    /// Half of the usual response body comes, then the stream, or connection, is reset.
    ResetMidBody,
}

impl Fault {
    const fn is_of_connection(self) -> bool {
        matches!(self, Self::Refuse | Self::Blackhole | Self::GoAwayAfter(_))
    }
}

/// Faults that have not fired yet.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    connections: VecDeque<Fault>,
    requests: VecDeque<Fault>,
    /// Those of connections that have not yet served enough requests.
    goaways: Vec<Fault>,
}

impl Script {
    pub(super) fn declare(&self, fault: Fault, times: usize) {
        let mut pending = self.lock();
        let queue = if fault.is_of_connection() { &mut pending.connections } else { &mut pending.requests };
        queue.extend(std::iter::repeat_n(fault, times));
    }

    pub(super) fn next_connection(&self) -> Option<Fault> {
        let mut pending = self.lock();
        let fault = pending.connections.pop_front();
        if let Some(fault @ Fault::GoAwayAfter(_)) = fault {
            pending.goaways.push(fault);
        }
        fault
    }

    pub(super) fn next_request(&self) -> Option<Fault> {
        self.lock().requests.pop_front()
    }

    pub(super) fn sent_goaway(&self, fault: Fault) {
        let mut pending = self.lock();
        if let Some(index) = pending.goaways.iter().position(|waiting| *waiting == fault) {
            pending.goaways.remove(index);
        }
    }

    pub(super) fn unfired(&self) -> Vec<Fault> {
        let pending = self.lock();
        pending.connections.iter().chain(&pending.requests).chain(&pending.goaways).copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().expect("no panic while a script is read")
    }
}
