//! Which endpoint an attempt goes to, and the answer if there is none.

use http::Request;
use mesh_core::balance::{AvoidedPriorities, Choice};
use mesh_core::reply::{Flag, LocalReply};
use mesh_core::route::RequestView;

use crate::error::Error;
use crate::request::Matched;
use crate::request::boxed_request::{BoxedRequest, Carry};
use crate::upstream::pool::{ClusterPool, Picked};

/// The pick after the names have been asked for.
pub(super) fn later(pool: &ClusterPool, boxed: &BoxedRequest) -> Result<Picked, Error> {
    let matched = Carry::matched(boxed).expect("it was matched at the first look");
    pick(pool, matched).ok_or_else(|| none(pool, matched))
}

/// The endpoint that the request names, of a headless service, or that the balancer picks.
pub(super) fn chosen_or_picked<B>(
    pool: &ClusterPool,
    matched: &Matched,
    request: &Request<B>,
) -> Option<Picked> {
    if pool.cluster().plan().headless
        && let Some(chosen) = pool.chosen(RequestView::of(request).authority)
    {
        matched.record().note(|decision| decision.cluster = Some(pool.cluster().plan().clone()));
        let (choice, avoid) = (Choice::default(), AvoidedPriorities::default());
        return chosen.map(|endpoint| Picked { endpoint, choice, avoid });
    }
    pick(pool, matched)
}

fn pick(pool: &ClusterPool, matched: &Matched) -> Option<Picked> {
    let retry = &matched.route().retry;
    let (tried, avoid): (Vec<_>, _) = matched.record().note(|decision| {
        decision.cluster = Some(pool.cluster().plan().clone());
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

/// There is no endpoint: none is healthy, or the name that the request calls has no address.
pub(super) fn none(pool: &ClusterPool, matched: &Matched) -> Error {
    // It holds a place of the cluster, which is shown from its first request on.
    let _ = pool.cluster().stats();
    let mut reply = LocalReply::no_healthy_upstream();
    match pool.cluster().following() {
        Some(following) if following.is_on_demand() => {
            // A request needs it: do not wait for the next turn.
            following.ask_again();
            reply.flags = Flag::DnsResolutionFailed.into();
            reply.details = "dns_resolution_failure".into();
            let source = format!("{} has no address", pool.cluster().plan().service.host);
            matched.advise(Error::caller(reply, Some(source.into())))
        }
        _ => Error::local(reply),
    }
}
