//! One attempt at a destination: admission, the pick of an endpoint, the exchange with it, the record of its outcome.
//!
//! It knows the request and its route; [`state`](crate::upstream::state) and [`pool`](crate::upstream::pool), which it asks, know
//! destinations and connections only.
//!
//! # Readiness
//! Always ready; refusal happens in `call` (CB-5).
//!
//! # Errors
//! Overflow `UO`, no endpoint `UH`, no cluster `NC`, and every kind of reset; see [`crate::Error`].
//!
//! # Cancellation
//! Dropping the future, or the response body, frees the permits and resets the stream; it says
//! nothing about the endpoint.

mod body;
mod send;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::UPGRADE;
use http::{HeaderName, HeaderValue, Response};
use mesh_core::balance::{AvoidedPriorities, Choice};
use mesh_core::fault::FaultPolicy;
use mesh_core::outcome::Outcome;
use mesh_core::reply::{Flag, LocalReply};
use mesh_core::route::{Action, RequestView};

use self::body::End;
pub use self::body::ResponseBody;
use self::send::{Unsent, send};
use crate::clock::now;
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::announced::AnnouncedTime;
use crate::request::passage::{Carry as _, Passage};
use crate::request::{self, Matched, PerTryTimeout, Record};
use crate::upstream::health::IMMEDIATE_FAIL;
use crate::upstream::pool::{ClusterPool, EndpointPool};
use crate::upstream::state::Cluster;

/// Where an attempt goes, and what the balancer says of that.
type Picked = (Arc<EndpointPool>, Choice, AvoidedPriorities);

/// How long the endpoint took until response headers, in milliseconds (HD-3).
const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

/// Sends the request to an endpoint of its cluster.
///
/// Boxed, and the only future in the stack that is: it is larger than all layers' together, which would
/// else each move it, and a server keeps room for the whole future with every connection.
pub(crate) fn attempt(passage: Passage) -> BoxFuture<'static, Result<Response<ResponseBody>, BoxError>> {
    Box::pin(run(passage))
}

async fn run(mut passage: Passage) -> Result<Response<ResponseBody>, BoxError> {
    let Some(matched) = passage.take_matched() else {
        debug_assert!(false, "the route layer stands outside the cluster");
        return Err(Error::local(LocalReply::no_route()).into());
    };
    let Some(pool) = matched.pool(&RequestView::of(passage.request())) else {
        return Err(Error::local(matched.no_cluster()).into());
    };
    let cluster = pool.cluster();
    let record = matched.record();
    record.note(|decision| decision.cluster = Some(cluster.plan().clone()));
    let Some(permit) = cluster.try_request() else {
        return Err(Error::local(LocalReply::overflow()).into());
    };
    // Seldom one of the awaits here is met: boxed, so that not each attempt keeps room for them.
    let Some(picked) = (match chosen_or_picked(pool, &matched, &passage) {
        None => match cluster.following().filter(|following| following.is_awaited()) {
            Some(following) => {
                Box::pin(following.answered()).await;
                pick(pool, &matched)
            }
            None => None,
        },
        picked => picked,
    }) else {
        return Err(nobody(cluster, &matched).into());
    };
    let is_grpc = matched.survey().grpc;
    if let Some(policy) = matched.attempt_fault()
        && let Some(response) = Box::pin(injected(policy, &matched, is_grpc)).await
    {
        return Ok(response);
    }
    let endpoint = begin(cluster, picked, record);
    let mut end = Box::new(End {
        cluster: cluster.clone(),
        endpoint: endpoint.clone(),
        lease: None,
        record: record.clone(),
        status: http::StatusCode::OK,
        // Before it has a connection, an attempt that is dropped says nothing about the endpoint.
        awaits_trailers: false,
        start: now(),
        limit: None,
        announced: None,
        _permit: permit,
    });
    let request = passage.request();
    let protocol = pool.protocol(request.version());
    let switches = matched.survey().hop_by_hop && request.headers().contains_key(UPGRADE);
    let per_try = || request.extensions().get().map(|PerTryTimeout(limit)| *limit);
    let whole = matched.deadline().is_some();
    end.limit = if is_grpc { AnnouncedTime::of(request.headers(), per_try(), whole) } else { None };
    match send(&endpoint, protocol, switches, passage, &mut end).await {
        Ok((response, lease)) => {
            let (mut head, body) = response.into_parts();
            let took = end.took();
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let mut millis = HeaderValue::from(millis);
            // Seldom the same: in the table of an HTTP/2 connection it would push out what repeats.
            millis.set_sensitive(true);
            head.headers.insert(SERVICE_TIME, millis);
            record.note(|decision| {
                decision.local = lease.local_addr();
                if let (Some(target), Some(last)) = (lease.target(), decision.attempts.last_mut())
                    && last.endpoint.as_ref().is_none_or(|endpoint| endpoint.address != target.address)
                {
                    // The host has moved since, or before, this connection was made.
                    last.endpoint = Some(target.clone());
                }
            });
            if cluster.plan().health.is_some() && head.headers.contains_key(IMMEDIATE_FAIL) {
                cluster.fail_now(endpoint.host());
            }
            end.status = head.status;
            end.lease = Some(lease);
            match grpc::outcome_of_head(is_grpc, head.status, &head.headers) {
                Some(outcome) => {
                    if let Some(error) = end.judged(outcome) {
                        return Err(error.context(place(cluster, &endpoint)).into());
                    }
                }
                None => end.answered(took),
            }
            Ok(Response::from_parts(head, ResponseBody::new(body, end)))
        }
        Err(Unsent::Overflow) => {
            end.awaits_trailers = false;
            Err(Error::local(LocalReply::overflow()).into())
        }
        Err(Unsent::Failed(error)) => {
            end.awaits_trailers = false;
            if let Some(outcome) = error.outcome() {
                if outcome == Outcome::PerTryTimeout {
                    cluster.stats().upstream_rq_per_try_timeout.increment(1);
                }
                end.outcome(outcome);
            }
            let error = error.context(place(cluster, &endpoint));
            Err(match undeclared(cluster, &matched) {
                Some(known) => error.advise(known),
                None => error,
            }
            .into())
        }
    }
}

/// The endpoint that the request names, of a headless service, or that the balancer picks.
fn chosen_or_picked(pool: &ClusterPool, matched: &Matched, passage: &Passage) -> Option<Picked> {
    if pool.cluster().plan().headless
        && let Some(chosen) = pool.chosen(RequestView::of(passage.request()).authority)
    {
        return chosen.map(|endpoint| (endpoint, Choice::default(), AvoidedPriorities::default()));
    }
    pick(pool, matched)
}

/// The attempt begins: it is counted, and the record says where it goes and why.
fn begin(cluster: &Cluster, (endpoint, choice, avoid): Picked, record: &Record) -> Arc<EndpointPool> {
    cluster.stats().upstream_rq_total.increment(1);
    endpoint.host().begin();
    if choice.panic {
        cluster.stats().lb_healthy_panic.increment(1);
    }
    record.note(|decision| {
        decision.begin_attempt(Some(endpoint.target()));
        decision.chose(choice);
        decision.avoid = avoid;
    });
    endpoint
}

/// Injects a fault into this attempt (FI-10): a delay, which the timeouts see, and then perhaps an answer
/// that the retries judge like an endpoint's.
async fn injected(policy: &FaultPolicy, matched: &Matched, grpc: bool) -> Option<Response<ResponseBody>> {
    let injection = matched.view().rng().draw(|rng| policy.decide(rng));
    let record = matched.record();
    if let Some(delay) = injection.delay {
        record.note(|decision| {
            decision.delay = Some(delay);
            decision.flags.set(Flag::DelayInjected);
        });
        tokio::time::sleep(delay).await;
    }
    let reply = injection.abort?.reply();
    let response = Error::local(reply.clone()).response(grpc);
    let outcome = Outcome::Response {
        status: response.status(),
        grpc: grpc::status(response.headers()),
        in_trailers: false,
    };
    record.note(|decision| {
        decision.begin_attempt(None);
        decision.end_attempt(outcome);
        if let Some(attempt) = decision.attempts.last_mut() {
            attempt.injected = true;
        }
        decision.flags.set(Flag::FaultInjected);
    });
    let text = if response.headers().contains_key("grpc-status") { "".into() } else { reply.body };
    let body = Bytes::copy_from_slice(text.as_bytes());
    Some(response.map(|_| body.into()))
}

/// There is no endpoint: none is healthy, or the name that the request calls has no address.
fn nobody(cluster: &Cluster, matched: &Matched) -> Error {
    let mut reply = LocalReply::no_healthy_upstream();
    match cluster.following() {
        Some(following) if following.is_on_demand() => {
            // Somebody wants it: do not wait for the next turn.
            following.ask_again();
            reply.flags = Flag::DnsResolutionFailed.into();
            reply.details = "dns_resolution_failure".into();
            let source = format!("{} has no address", cluster.plan().service.host);
            let error = Error::caller(reply, Some(source.into()));
            match undeclared(cluster, matched) {
                Some(known) => error.advise(known),
                None => error,
            }
        }
        _ => Error::local(reply),
    }
}

/// What helps a caller whose request went past the registry because of its port alone.
fn undeclared(cluster: &Cluster, matched: &Matched) -> Option<String> {
    let past = matches!(matched.route().action, Action::Passthrough);
    let plan = cluster.plan();
    past.then(|| request::undeclared(matched.view().plan(), &plan.service.host, plan.port))?
}

fn place(cluster: &Cluster, endpoint: &EndpointPool) -> String {
    format!("{} at {}", cluster.plan().name, endpoint.target().address)
}

fn pick(pool: &ClusterPool, matched: &Matched) -> Option<Picked> {
    let retry = &matched.route().retry;
    let (tried, avoid): (Vec<_>, _) = matched.record().note(|decision| {
        let endpoints = decision.attempts.iter().filter_map(|attempt| attempt.endpoint.as_ref());
        let tried = if retry.avoid_previous_hosts {
            endpoints.map(|endpoint| endpoint.address.clone()).collect()
        } else {
            Vec::new()
        };
        (tried, decision.avoid)
    });
    let avoid = retry.retry_remote_localities.then_some(avoid);
    pool.pick(matched.hash(), &tried, retry.host_selection_attempts, avoid)
}
