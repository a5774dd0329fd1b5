//! The state that a scripted upstream and its connections share.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::log::{Arrival, Log};
use super::script::Script;
use crate::body::Body;

pub(super) type Handler =
    Arc<dyn Fn(Request<Body>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// The state of a scripted upstream.
pub(super) struct UpstreamState {
    pub(super) address: SocketAddr,
    pub(super) log: Log,
    pub(super) script: Script,
    pub(super) handler: Mutex<Handler>,
    pub(super) arrivals: Mutex<Vec<Arc<Mutex<Arrival>>>>,
    /// Counts arrivals, and wakes the tests that wait for one.
    pub(super) arrived: watch::Sender<usize>,
    pub(super) connections: AtomicU64,
    pub(super) open: watch::Sender<usize>,
    pub(super) max_streams: AtomicU32,
    pub(super) down: AtomicBool,
    /// Its cancellation closes the connections open now; a fresh token replaces it then.
    pub(super) close: Mutex<CancellationToken>,
    /// Its cancellation drains them; likewise replaced.
    pub(super) drain: Mutex<CancellationToken>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no panic while an upstream is locked")
}
