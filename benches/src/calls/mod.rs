//! The calls that are measured: each layer, the stack, and the client, every one beside its floor.
//!
//! A [`Call`] can be repeated any number of times on the one runtime of its [`World`]. A meter (a clock, an allocator,
//! valgrind) knows nothing else of a call, so that all figures are of the same work.

mod layers;
mod server;
mod stack;
mod wire;
mod world;

use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use mesh_tower::{Body, BoxError};
use tower::{Service, ServiceExt};

pub use layers::layers;
pub use stack::stack;
pub use wire::clients;
pub use world::World;

/// Something to call again and again.
pub struct Call {
    /// The name of the call.
    pub name: &'static str,
    /// The call that it is compared with: the same call without the part that this one adds.
    pub floor: &'static str,
    run: Box<dyn FnMut(u64)>,
}

impl Call {
    /// Calls it so many times, one after the other.
    ///
    /// A function of its own in the executable: valgrind counts what happens inside of it.
    #[inline(never)]
    pub fn run(&mut self, times: u64) {
        (self.run)(times);
    }

    /// Calls of `service` with `request`, each read to the end of its response.
    fn new<S, B>(name: &'static str, floor: &'static str, world: &Rc<World>, host: &str, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let world = world.clone();
        let template = world::request(host);
        let mut service = service;
        let run = move |times| {
            world.block_on(async {
                for _ in 0..times {
                    let request = fresh(&template);
                    let ready = service.ready().await.map_err(Into::into).expect("the service is ready");
                    let response = ready.call(request).await.map_err(Into::into).expect("the call succeeds");
                    let mut body = std::pin::pin!(response.into_body());
                    while let Some(frame) = body.frame().await {
                        frame.map_err(Into::into).expect("the body is read");
                    }
                }
            });
        };
        Self { name, floor, run: Box::new(run) }
    }
}

/// The request as a program would make it: a copied map has no room for another header, a new one has.
fn fresh(template: &Request<()>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = template.uri().clone();
    for (name, value) in template.headers() {
        request.headers_mut().append(name.clone(), value.clone());
    }
    request
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("name", &self.name).field("floor", &self.floor).finish_non_exhaustive()
    }
}

/// Every call there is, its floor before it.
#[must_use]
pub fn all(world: &Rc<World>) -> Vec<Call> {
    let mut calls = layers(world);
    calls.extend(stack(world));
    calls.extend(clients(world));
    let mut seen = std::collections::HashSet::new();
    calls.retain(|call| seen.insert(call.name));
    calls
}
