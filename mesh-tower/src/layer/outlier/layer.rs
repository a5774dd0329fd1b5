//! [`OutlierLayer`].

use std::sync::Arc;

use mesh_core::outlier::Detector;
use tower_layer::Layer;

use super::{Outlier, PerRouteLayer};

/// Watches each service that it makes as one endpoint of a set; [per route](Self::per_route), the endpoint of each
/// attempt.
#[derive(Clone, Debug)]
pub struct OutlierLayer {
    detector: Arc<Detector>,
    hosts: usize,
}

impl OutlierLayer {
    /// Watches endpoints of a set of `hosts` that share `detector`: one for each service that the layer makes.
    #[must_use]
    pub const fn new(detector: Arc<Detector>, hosts: usize) -> Self {
        Self { detector, hosts }
    }

    /// Records the attempts at the endpoints that [`balance`](crate::balance) has picked.
    #[must_use]
    pub const fn per_route() -> PerRouteLayer {
        PerRouteLayer(())
    }
}

impl<S> Layer<S> for OutlierLayer {
    type Service = Outlier<S>;

    fn layer(&self, inner: S) -> Outlier<S> {
        Outlier::new(inner, self.detector.clone(), self.hosts)
    }
}
