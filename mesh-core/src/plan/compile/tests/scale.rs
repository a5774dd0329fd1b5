//! Ten thousand services: work grows with their number, not with its square.

use super::options;
use crate::api::istio::{
    Destination, DestinationRule, HttpRoute, HttpRouteDestination, Subset, VirtualService,
};
use crate::api::kubernetes::{Service, ServicePort};
use crate::api::{Documents, Metadata, Resource};
use crate::plan::compile::compile;

const SERVICES: usize = 10_000;

#[test]
fn ten_thousand_services_compile() {
    let mut documents = Documents::default();
    for number in 0..SERVICES {
        let name = format!("s{number}");
        let meta = || Metadata::new(format!("n{}", number % 50), &name);
        let port = ServicePort { name: "http".into(), port: 80, ..ServicePort::default() };
        let service = Service { ports: vec![port], ..Service::default() };
        documents.services.push(Resource::new(meta(), service));
        let subset = Subset {
            name: "v1".into(),
            labels: [("version".to_owned(), "v1".to_owned())].into(),
            ..Subset::default()
        };
        let rule =
            DestinationRule { host: name.clone(), subsets: vec![subset], ..DestinationRule::default() };
        documents.destination_rules.push(Resource::new(meta(), rule));
        let destination = Destination { host: name.clone(), subset: "v1".into(), ..Destination::default() };
        let to = HttpRouteDestination { destination: Some(destination), ..HttpRouteDestination::default() };
        let http = vec![HttpRoute { route: vec![to], ..HttpRoute::default() }];
        let rules = VirtualService { hosts: vec![name.clone()], http, ..VirtualService::default() };
        documents.virtual_services.push(Resource::new(meta(), rules));
    }
    documents.sort();
    let compiled = compile(&documents, &options("n1/web"), None);
    assert!(!compiled.diagnostics.has_errors());
    assert_eq!(compiled.plan.clusters.len(), 2 * SERVICES);
    assert_eq!(compiled.plan.outbound[&80].hosts().len(), SERVICES);
}
