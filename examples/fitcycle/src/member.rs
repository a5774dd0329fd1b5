//! How a service of fitcycle becomes a member of the mesh, and how little that takes.
//!
//! Three lines matter: [`Mesh::from_dir`] loads the YAML, [`Mesh::client`] carries the calls to other
//! services, [`Mesh::layer`] stands in front of the service's own routes. The rest is what any program does
//! that wants to be watched: a metrics recorder, and the admin endpoint on a port of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clap::Args;
use mesh_tower::Mesh;
use mesh_tower::admin::Admin;
use mesh_tower::telemetry::names::{BUCKETS, HISTOGRAMS};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tower::BoxError;
use tower::util::BoxCloneSyncService;

use crate::layers;
use crate::serve;
use crate::upstream::Upstream;

/// The exporter keeps raw samples of histograms until it is asked to fold them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Arguments of a service that can be a member.
#[derive(Clone, Debug, Args)]
pub(crate) struct MemberArgs {
    /// Be a member of the mesh that the YAML files in DIR describe.
    #[arg(long, value_name = "DIR")]
    mesh: Option<PathBuf>,
    /// The workload of this service in the mesh, such as default/Deployment/web-server.
    #[arg(long, value_name = "NAMESPACE/KIND/NAME", requires = "mesh")]
    workload: Option<String>,
    /// The address of a member's metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", requires = "mesh")]
    admin: SocketAddr,
}

/// A member of the mesh.
#[derive(Debug)]
pub(crate) struct Member(Mesh);

impl Member {
    /// Joins the mesh, if there is one to join; `service` is its name there unless another was given.
    pub(crate) async fn join(args: &MemberArgs, service: &str) -> anyhow::Result<Option<Self>> {
        let Some(folder) = &args.mesh else { return Ok(None) };
        // Metric handles are kept where they are made, so the recorder comes first.
        let metrics = recorder()?;
        let workload = args.workload.as_deref().unwrap_or(service);
        let mesh = Mesh::from_dir(folder).workload(workload).start().await?;

        let listener = serve::bind(args.admin).await?;
        serve::announce("admin", listener.local_addr()?)?;
        tokio::spawn(serve_admin(listener, mesh.clone(), metrics));
        Ok(Some(Self(mesh)))
    }

    /// Calls by the mesh's rules, straight to an instance.
    pub(crate) fn upstream(&self) -> Upstream {
        let client = self.0.client();
        let call = move |request: Request<Body>| {
            let client = client.clone();
            async move {
                let response = client.request(request).await?;
                Ok::<_, BoxError>(response.map(Body::new))
            }
        };
        BoxCloneSyncService::new(tower::service_fn(call))
    }

    /// The routes, with the mesh in front.
    pub(crate) fn serve(&self, router: Router) -> Router {
        router.layer(self.0.layer())
    }
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for name in HISTOGRAMS {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| anyhow!("there is a metrics recorder already"))?;
    Ok(handle)
}

async fn serve_admin(listener: TcpListener, mesh: Mesh, metrics: PrometheusHandle) -> anyhow::Result<()> {
    let render = metrics.clone();
    let admin = Admin::new(mesh).version(env!("CARGO_PKG_VERSION")).metrics(move || render.render());
    let upkeep = async {
        let mut due = tokio::time::interval(UPKEEP);
        loop {
            due.tick().await;
            metrics.run_upkeep();
        }
    };
    let router = layers::around(Router::new().fallback_service(admin));
    tokio::select! {
        outcome = axum::serve(listener, router) => outcome.context("serving the admin endpoint"),
        () = upkeep => Ok(()),
    }
}
