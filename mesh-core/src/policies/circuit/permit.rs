//! A taken resource that gives itself back when dropped.

use std::sync::Arc;

use super::{CircuitPolicy, Limits, Resource};

/// One of a limited resource; dropping it gives it back, so a cancelled call leaks nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit {
    limits: Arc<Limits>,
    resource: Resource,
}

impl Permit {
    /// Takes one of `resource`; `None`, counted as overflow, if its limit is reached.
    #[must_use]
    pub fn try_take(limits: &Arc<Limits>, resource: Resource, policy: &CircuitPolicy) -> Option<Self> {
        limits.try_take(resource, policy).then(|| Self { limits: Arc::clone(limits), resource })
    }

    /// Takes a connection, beyond the limit if the pool has none (CB-6).
    #[must_use]
    pub fn try_connection(limits: &Arc<Limits>, policy: &CircuitPolicy, pool_is_empty: bool) -> Option<Self> {
        let resource = Resource::Connections;
        limits.try_connection(policy, pool_is_empty).then(|| Self { limits: Arc::clone(limits), resource })
    }

    /// The resource that it permits.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.resource
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limits.release(self.resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cb_5_a_dropped_permit_is_room_again() {
        let limits = Arc::new(Limits::default());
        let policy = CircuitPolicy { max_requests: 1, ..CircuitPolicy::default() };
        let permit = Permit::try_take(&limits, Resource::Requests, &policy).unwrap();
        assert_eq!(permit.resource(), Resource::Requests);
        assert!(Permit::try_take(&limits, Resource::Requests, &policy).is_none());
        drop(permit);
        assert!(Permit::try_take(&limits, Resource::Requests, &policy).is_some());
        assert_eq!(limits.active(Resource::Requests), 0);
    }
}
