//! The admin pages of a mesh, on a path of an axum server: readiness, metrics, the configuration in force.

use axum::Router;
use axum::routing::get;
use mesh_examples::{serve, text, version};
use mesh_tower::admin::Admin;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::telemetry::names;
use mesh_tower::{BoxError, Mesh};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix(names::ISTIO.into()), &names::BUCKETS)?
        .install_recorder()?;
    let reviews = Service::new("reviews").port(9080, Protocol::Http);
    let reviews = reviews.endpoint(version("v1").await?, [("version", "v1")]);
    let mesh = Mesh::builder().service(reviews).rule(Rule::to("reviews")).start().await?;

    // They show much of the inside: serve them to operators, not to callers. `status_only()` serves only the pages
    // that probes and Prometheus need.
    let admin = Admin::new(mesh.clone()).metrics(move || prometheus.render());
    let routes = Router::new().route("/", get(|| async { "the application" })).nest_service("/mesh", admin);
    let server = serve(routes).await?;

    let client = mesh.client();
    text(client.get("http://reviews:9080/").await?).await?;
    for (path, wanted) in [
        ("", "application"),
        ("mesh/ready", "LIVE"),
        ("mesh/clusters", "::rq_active::"),
        ("mesh/stats/prometheus", "# HELP istio_requests_total"),
    ] {
        let page = text(client.get(&format!("http://{server}/{path}")).await?).await?;
        let line = page.lines().find(|line| line.contains(wanted)).unwrap_or("not there");
        println!("/{path}: {line}");
    }
    Ok(())
}
