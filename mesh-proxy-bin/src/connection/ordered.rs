//! A connection that ends when its worker says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mesh_tower::BoxError;
use mesh_tower::frames::GuardedStream;
use mesh_tower::write_batch::Flusher;
use pin_project::pin_project;

use crate::connection::activity::{Activity, Order};
use crate::connection::stream::Stream;

/// A connection that follows orders.
#[pin_project]
pub(super) struct Ordered<C> {
    #[pin]
    connection: C,
    /// Begins its end: no new request, and those that are open may finish.
    leave: fn(Pin<&mut C>),
    /// The order at which that is done.
    leave_at: Order,
    activity: Arc<Activity>,
    /// Batches the writes of HTTP/2.
    flusher: Option<Flusher<GuardedStream<Stream>>>,
    watched: bool,
    leaving: bool,
}

impl<C> Ordered<C> {
    pub(super) fn new(
        connection: C,
        leave: fn(Pin<&mut C>),
        leave_at: Order,
        activity: &Arc<Activity>,
        flusher: Option<Flusher<GuardedStream<Stream>>>,
    ) -> Self {
        let activity = activity.clone();
        Self { connection, leave, leave_at, activity, flusher, watched: false, leaving: false }
    }
}

impl<C: Future<Output = hyper::Result<()>>> Future for Ordered<C> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.watched {
            // Before the first look at the order, so that none is missed. A task's waker stays the same.
            this.activity.watch(cx.waker());
            *this.watched = true;
        }
        let order = this.activity.order();
        if order == Order::End {
            return Poll::Ready(Ok(()));
        }
        if order >= *this.leave_at && !*this.leaving {
            *this.leaving = true;
            (this.leave)(this.connection.as_mut());
        }
        let ended = this.connection.poll(cx).map_err(BoxError::from);
        if let Some(flusher) = this.flusher
            && let Poll::Ready(Err(error)) = flusher.poll_flush(cx)
        {
            return Poll::Ready(Err(error.into()));
        }
        ended
    }
}
