//! The record of the choices made for one request.
//!
//! It feeds the access log, metrics, spans and error messages. On the request path it holds shared pointers into
//! the plan and a few numbers; nothing is formatted.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::balance::{AvoidedPriorities, Choice};
use crate::endpoint::Endpoint;
use crate::grpc_web;
use crate::outcome::{GrpcCode, Outcome};
use crate::plan::ClusterPlan;
use crate::reply::ResponseFlags;
use crate::retry::GiveUp;
use crate::route::Route;

/// How many attempts are remembered one by one; later ones are only counted.
pub const MAX_REMEMBERED: usize = 8;

/// One try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The endpoint that was picked, if any was.
    pub endpoint: Option<Arc<Endpoint>>,
    /// Why that endpoint could be picked: its priority, and whether that panics.
    pub choice: Choice,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Whether that was injected, and no endpoint was asked (FI-10).
    pub injected: bool,
}

/// What was decided for one request.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The plan's generation.
    pub generation: u64,
    /// The rule that served it.
    pub route: Option<Arc<Route>>,
    /// Index of the weighted destination.
    pub destination: usize,
    /// Whether a page's gRPC was bridged (RF-6).
    pub grpc_web: Option<grpc_web::Call>,
    /// The status of the call, where its trailers were bridged.
    pub grpc_status: Option<GrpcCode>,
    /// The cluster that it went to.
    pub cluster: Option<Arc<ClusterPlan>>,
    /// An injected delay.
    pub delay: Option<Duration>,
    /// The tries, oldest first, at most [`MAX_REMEMBERED`].
    pub attempts: Vec<Attempt>,
    /// The priorities that the next try avoids, where retries may go to remote localities (RT-12).
    pub avoid: AvoidedPriorities,
    /// Our address on the connection of the latest try.
    pub local: Option<SocketAddr>,
    /// How many tries there were.
    pub attempt_count: u32,
    /// Why no other try followed a failure.
    pub gave_up: Option<GiveUp>,
    /// Response flags.
    pub flags: ResponseFlags,
    /// Response code details; empty means `via_upstream`.
    pub details: Cow<'static, str>,
    /// `x-request-id`, where it was made here rather than sent by the caller (HD-1).
    pub request_id: Option<HeaderValue>,
    /// `x-forwarded-for` as it goes on, where it was changed here (HD-5).
    pub forwarded_for: Option<HeaderValue>,
    /// The caller's address as trusted headers tell it, where that is not the connection's peer (HD-5).
    pub client: Option<SocketAddr>,
}

impl Decision {
    /// Notes that a try begins.
    pub fn begin_attempt(&mut self, endpoint: Option<Arc<Endpoint>>) {
        self.attempt_count += 1;
        let attempt = Attempt { endpoint, choice: Choice::default(), outcome: None, injected: false };
        if self.attempts.len() < MAX_REMEMBERED {
            self.attempts.push(attempt);
        } else if let Some(last) = self.attempts.last_mut() {
            *last = attempt;
        }
    }

    /// Notes why the endpoint of the latest try could be picked.
    pub fn chose(&mut self, choice: Choice) {
        if let Some(last) = self.attempts.last_mut() {
            last.choice = choice;
        }
    }

    /// Notes how the latest try ended.
    pub fn end_attempt(&mut self, outcome: Outcome) {
        if let Some(last) = self.attempts.last_mut() {
            last.outcome = Some(outcome);
        }
    }

    /// The endpoint of the latest try.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.attempts.last().and_then(|attempt| attempt.endpoint.as_ref())
    }
}

/// On one line: every choice and where it was written, but no time of day and no address of our own, so that equal
/// decisions read alike (OU-5). Access logs have it as `%METADATA(MESH:decision)%`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}", self.generation)?;
        if let Some(route) = &self.route {
            let (name, origin, block) = (&route.name, &route.origin, route.match_index);
            write!(f, "; rule {name} ({origin}) match {block} destination {}", self.destination)?;
        }
        if let Some(cluster) = &self.cluster {
            write!(f, "; cluster {}", cluster.name)?;
        }
        if let Some(delay) = self.delay {
            write!(f, "; delay {delay:?}")?;
        }
        write!(f, "; {} tries", self.attempt_count)?;
        for attempt in &self.attempts {
            write!(f, "; {attempt}")?;
        }
        if let Some(reason) = self.gave_up {
            write!(f, "; no retry: {}", reason.reason())?;
        }
        if self.grpc_web.is_some() {
            f.write_str("; grpc-web")?;
        }
        let details = if self.details.is_empty() { "via_upstream" } else { &*self.details };
        write!(f, "; flags {} {details}", self.flags)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{}", endpoint.address)?,
            None => f.write_str("no endpoint")?,
        }
        let Choice { priority, load, panic } = self.choice;
        write!(f, " priority {priority} load {load}{}", if panic { " panic" } else { "" })?;
        f.write_str(if self.injected { " injected" } else { "" })?;
        match self.outcome {
            Some(outcome) => write!(f, " {outcome:?}"),
            None => f.write_str(" running"),
        }
    }
}
