//! Istio's metrics in a program's own Prometheus exporter, with histograms as dashboards read them.

use mesh_examples::version;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::telemetry::names;
use mesh_tower::{BoxError, Mesh};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Install the exporter before the mesh starts, because the mesh keeps its metric handles. Without buckets the
    // exporter would make summaries.
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix(names::ISTIO.into()), &names::BUCKETS)?
        .install_recorder()?;

    let reviews = Service::new("reviews").port(9080, Protocol::Http);
    let reviews = reviews.endpoint(version("v1").await?, [("version", "v1")]);
    let mesh = Mesh::builder().workload("shop").service(reviews).rule(Rule::to("reviews")).start().await?;
    let client = mesh.client();
    for _ in 0..3 {
        // A call is counted when its response has been read.
        mesh_examples::text(client.get("http://reviews:9080/").await?).await?;
    }

    let page = prometheus.render();
    for name in [names::REQUESTS, names::DURATION] {
        let of_it = page.lines().filter(|line| {
            line.starts_with(&format!("# HELP {name} "))
                || line.starts_with(&format!("# TYPE {name} "))
                || (line.starts_with(name) && !line.contains("_bucket"))
                || (line.starts_with(name) && line.contains("le=\"+Inf\""))
        });
        // There are two dozen labels; this prints one.
        for line in of_it {
            let (start, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            let label = "destination_service=\"reviews.default.svc.cluster.local\"";
            match start.split_once('{') {
                Some((sample, labels)) => {
                    println!("{sample}{{{}}} {value}", if labels.contains(label) { label } else { "?" })
                }
                None => println!("{line}"),
            }
        }
    }
    Ok(())
}
