//! Which of the services that call the API a process is, and how it runs: alone or as a member of the mesh.

use clap::Args;

use crate::front::Front;
use crate::layers;
use crate::member::{Member, MemberArgs};
use crate::serve::{self, ServeArgs};
use crate::upstream::{self, API, ApiClient};
use crate::{mobile, report, web};

/// Command line of a service that calls the API.
#[derive(Clone, Debug, Args)]
pub(crate) struct FrontArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    member: MemberArgs,
    /// Where the API is.
    #[arg(long, value_name = "URL", default_value = API)]
    api: String,
}

/// The services of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Web,
    Mobile,
    Report,
}

/// Runs one of them until it is asked to stop.
pub(crate) async fn run(kind: Kind, args: FrontArgs) -> anyhow::Result<()> {
    let (service, router): (_, fn(Front) -> axum::Router) = match kind {
        Kind::Web => ("web-server", web::router),
        Kind::Mobile => ("mobile-server", mobile::router),
        Kind::Report => ("report-server", report::router),
    };
    let instance = args.serve.instance_or(service);
    let front = |upstream| layers::around(router(Front::new(ApiClient::new(upstream, &args.api), &instance)));
    let router = match Member::join(&args.member, service).await? {
        Some(member) => member.serve(front(member.upstream())),
        None => front(upstream::plain()?),
    };
    serve::run(&args.serve, router).await
}
