//! What is refused and was not there before a reload: it never was good, and takes nothing away (Y-12).

use std::collections::HashSet;

use crate::api::gateway_api::ParentReference;
use crate::api::{Documents, Metadata, Resource};
use crate::error::Identity;

/// Drops the refused rules that are new: the hosts that they name are served without them, and by the others'
/// newest rules. What was shut before stays so, if the refused rule that shut it has another name now.
///
/// Of a DestinationRule this is asked service by service, where it is known how that one is called.
pub(super) fn drop(refused: &mut Documents, before: &Documents, good: &Documents) {
    drop_of(&mut refused.virtual_services, &before.virtual_services, &good.virtual_services, |one| {
        // One without hosts is a delegate: it is asked for by name.
        let hosts = &one.spec.hosts;
        (!hosts.is_empty()).then(|| hosts.clone())
    });
    drop_of(&mut refused.http_routes, &before.http_routes, &good.http_routes, |one| {
        Some(places(&one.meta, &one.spec.parent_refs, &one.spec.hostnames))
    });
    drop_of(&mut refused.grpc_routes, &before.grpc_routes, &good.grpc_routes, |one| {
        Some(places(&one.meta, &one.spec.parent_refs, &one.spec.hostnames))
    });
}

/// `places` are what a resource shuts where it is refused; `None` if it stays in any case.
fn drop_of<T>(
    refused: &mut Vec<Resource<T>>,
    before: &[Resource<T>],
    good: &[Resource<T>],
    places: fn(&Resource<T>) -> Option<Vec<String>>,
) {
    if refused.is_empty() {
        return;
    }
    let known: HashSet<Identity<'_>> = before.iter().map(Resource::identity).collect();
    let now: HashSet<Identity<'_>> = refused.iter().chain(good).map(Resource::identity).collect();
    let gone = before.iter().filter(|one| !now.contains(&one.identity()));
    let shut: HashSet<String> = gone.filter_map(places).flatten().collect();
    refused.retain(|one| {
        known.contains(&one.identity())
            || places(one).is_none_or(|own| own.iter().any(|place| shut.contains(place)))
    });
}

/// Each host at each parent that a route names.
fn places(meta: &Metadata, parents: &[ParentReference], hostnames: &[String]) -> Vec<String> {
    let parent =
        |one: &ParentReference| format!("{} {}/{}", one.kind(), one.namespace(&meta.namespace), one.name);
    let every = [String::new()];
    let hosts = if hostnames.is_empty() { &every } else { hostnames };
    let at = |parent: String| hosts.iter().map(move |host| format!("{parent} {host}"));
    parents.iter().map(parent).flat_map(at).collect()
}
