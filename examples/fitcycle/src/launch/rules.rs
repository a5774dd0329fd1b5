//! The rules of the manifests for calls to api-server, which the run is compared with.
//!
//! Read from the same typed objects that the mesh compiles its plan from, not from numbers written down a second time.

use std::collections::BTreeMap;

use mesh_core::api::Documents;
use mesh_core::api::istio::HttpRoute;
use serde::Serialize;

use super::traffic::Route;

/// Weight of each version, as written.
pub(super) type Weights = BTreeMap<String, u32>;

const API: &str = "api-server";

/// How often faults are injected, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Faults {
    pub(super) delay_reads: f64,
    pub(super) abort_writes: f64,
}

/// The promises of one VirtualService.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rules {
    pub(super) weights: Weights,
    pub(super) faults: Faults,
}

impl Rules {
    /// Finds what `route`'s VirtualService says about api-server; `None` if it is not there.
    ///
    /// The first rule that may serve a GET counts for reads and the first that may serve a POST for writes,
    /// as the data path takes the first that matches.
    pub(super) fn find(documents: &Documents, route: Route) -> Option<Self> {
        let service =
            documents.virtual_services.iter().find(|service| service.meta.name == route.virtual_service())?;
        let rule = |method| service.spec.http.iter().find(|rule| leads_to_api(rule) && takes(rule, method));
        let (read, write) = (rule("GET")?, rule("POST")?);
        let delay = read
            .fault
            .as_ref()
            .and_then(|fault| fault.delay.as_ref())
            .and_then(|delay| delay.percentage.as_ref());
        let abort = write
            .fault
            .as_ref()
            .and_then(|fault| fault.abort.as_ref())
            .and_then(|abort| abort.percentage.as_ref());
        let faults = Faults {
            delay_reads: delay.map_or(0.0, |percent| percent.value),
            abort_writes: abort.map_or(0.0, |percent| percent.value),
        };
        Some(Self { weights: weights(read), faults })
    }
}

fn weights(rule: &HttpRoute) -> Weights {
    let alone = rule.route.len() == 1;
    let weight =
        |written: Option<i32>| if alone { 1 } else { u32::try_from(written.unwrap_or(0)).unwrap_or(0) };
    let mut weights = Weights::new();
    for share in &rule.route {
        if let Some(destination) = &share.destination {
            *weights.entry(destination.subset.clone()).or_default() += weight(share.weight);
        }
    }
    weights
}

fn leads_to_api(rule: &HttpRoute) -> bool {
    let mut hosts = rule.route.iter().filter_map(|share| share.destination.as_ref());
    hosts.any(|destination| destination.host.split('.').next() == Some(API))
}

fn takes(rule: &HttpRoute, method: &str) -> bool {
    let fits = |wanted: Option<&String>| wanted.is_none_or(|wanted| wanted == method);
    rule.r#match.is_empty()
        || rule
            .r#match
            .iter()
            .any(|block| fits(block.method.as_ref().and_then(|method| method.exact.as_ref())))
}

#[cfg(test)]
mod tests {
    use mesh_core::api::istio::{
        Destination, HttpFaultInjection, HttpMatchRequest, HttpRouteDestination, Percent, StringMatch,
        VirtualService,
    };
    use mesh_core::api::{Metadata, Resource};

    use super::*;

    fn rule(method: Option<&str>, weights: [i32; 2]) -> HttpRoute {
        let share = |(subset, weight): (&str, i32)| HttpRouteDestination {
            destination: Some(Destination {
                host: API.into(),
                subset: subset.into(),
                ..Destination::default()
            }),
            weight: Some(weight),
            ..HttpRouteDestination::default()
        };
        let exact = |method: &str| StringMatch { exact: Some(method.into()), ..StringMatch::default() };
        let block =
            |method| HttpMatchRequest { method: Some(exact(method).into()), ..HttpMatchRequest::default() };
        HttpRoute {
            r#match: method.map(block).into_iter().collect(),
            route: ["v1", "v2"].into_iter().zip(weights).map(share).collect(),
            ..HttpRoute::default()
        }
    }

    #[test]
    fn weights_come_from_the_rule_for_reads_and_aborts_from_that_for_writes() {
        let (read, mut write) = (rule(Some("GET"), [90, 10]), rule(None, [50, 50]));
        let mut fault = HttpFaultInjection::default();
        fault.abort.get_or_insert_default().percentage = Some(Percent { value: 2.5, ..Percent::default() });
        write.fault = Some(fault.into());
        let spec = VirtualService { http: vec![read, write], ..VirtualService::default() };
        let documents = Documents {
            virtual_services: vec![Resource::new(Metadata::new("", "api-server"), spec)],
            ..Documents::default()
        };
        let rules = Rules::find(&documents, Route::Inside).unwrap();
        assert_eq!(rules.weights, Weights::from([("v1".to_owned(), 90), ("v2".to_owned(), 10)]));
        assert_eq!(rules.faults, Faults { delay_reads: 0.0, abort_writes: 2.5 });
        assert!(Rules::find(&documents, Route::Edge).is_none());
    }
}
