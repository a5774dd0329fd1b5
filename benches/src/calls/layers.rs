//! Each layer by itself.

use std::rc::Rc;
use std::sync::Arc;

use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::CircuitPolicy;
use mesh_core::outlier::{Detector, OutlierPolicy};
use mesh_tower::balance::Balance;
use mesh_tower::circuit::CircuitLayer;
use mesh_tower::context::{InheritLayer, ScopeLayer};
use mesh_tower::cors::CorsLayer;
use mesh_tower::fault::FaultLayer;
use mesh_tower::grpc_web::GrpcWebLayer;
use mesh_tower::mirror::MirrorLayer;
use mesh_tower::outlier::Outlier;
use mesh_tower::retry::RetryLayer;
use mesh_tower::rewrite::RewriteLayer;
use mesh_tower::split::SplitLayer;
use mesh_tower::timeout::TimeoutLayer;
use tower::ServiceBuilder;

use super::world::{self, FAULT, FULL, PLAIN, RETRY, REWRITE, SPLIT, TIMEOUT, no_op};
use super::{Call, World};

/// The layers that stand alone over a no-op; those that act by the route over the route layer.
#[must_use]
pub fn layers(world: &Rc<World>) -> Vec<Call> {
    let no_op_call = |host| Call::new("no-op", "no-op", world, host, no_op());
    let telemetry = world::telemetry();
    let logged = telemetry.clone().access_log(world::json_log());
    let route = world.route();
    let rng = mesh_tower::clock::SharedRng::seeded(1);
    macro_rules! alone {
        ($name:expr, $host:expr, $layer:expr) => {
            Call::new($name, "no-op", world, $host, ServiceBuilder::new().layer($layer).service(no_op()))
        };
    }
    macro_rules! routed {
        ($name:expr, $host:expr, $layer:expr) => {
            Call::new(
                $name,
                "route",
                world,
                $host,
                ServiceBuilder::new().layer(route.clone()).layer($layer).service(no_op()),
            )
        };
    }
    let detector = Arc::new(Detector::new(OutlierPolicy::default()));
    let members = [("a", 1, no_op()), ("b", 1, no_op())];
    vec![
        no_op_call(PLAIN),
        alone!("telemetry", PLAIN, telemetry),
        alone!("telemetry, JSON log", PLAIN, logged),
        alone!("context, to a call", PLAIN, InheritLayer::default()),
        alone!("context, of a request", PLAIN, ScopeLayer::default()),
        alone!("normalize", PLAIN, world::normalize()),
        alone!("route", PLAIN, route.clone()),
        alone!("route, third rule", FULL, route.clone()),
        routed!("grpc-web, none", PLAIN, GrpcWebLayer::per_route()),
        routed!("cors, none", PLAIN, CorsLayer::per_route()),
        routed!("fault, none", PLAIN, FaultLayer::per_route()),
        routed!("fault, 0 %", FAULT, FaultLayer::per_route()),
        routed!("split, one", PLAIN, SplitLayer::new(rng.clone())),
        routed!("split, 90/10", SPLIT, SplitLayer::new(rng.clone())),
        routed!("rewrite, none", PLAIN, RewriteLayer::per_route()),
        routed!("rewrite, path + headers", REWRITE, RewriteLayer::per_route()),
        routed!("mirror, none", PLAIN, MirrorLayer::new(no_op(), rng)),
        routed!("timeout, none", PLAIN, TimeoutLayer::per_route()),
        routed!("timeout, 2 s", TIMEOUT, TimeoutLayer::per_route()),
        routed!("retry, default", PLAIN, RetryLayer::per_route()),
        routed!("retry, written", RETRY, RetryLayer::per_route()),
        alone!("circuit", PLAIN, CircuitLayer::new(CircuitPolicy::default())),
        Call::new("outlier", "no-op", world, PLAIN, Outlier::new(no_op(), detector, 1)),
        Call::new(
            "balance of two",
            "no-op",
            world,
            PLAIN,
            Balance::new(BalancePolicy::LeastRequest, members),
        ),
    ]
}
