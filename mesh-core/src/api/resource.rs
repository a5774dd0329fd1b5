//! A resource: metadata, spec, and where it was written.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::message::message;
use super::source::Source;
use super::timestamp::Timestamp;
use crate::diagnostic::Code;
use crate::error::{Group, Identity, Origin};
use crate::text_map::TextMap;

message! {
    /// Name, namespace and what else identifies or describes a resource.
    pub struct Metadata [open] {
        /// Name.
        supported name: String,
        /// Namespace; `default` where none is written (N-1).
        supported namespace: String,
        /// Labels.
        supported labels: TextMap<String>,
        /// Annotations.
        supported annotations: TextMap<String>,
        /// When Kubernetes created it.
        supported creation_timestamp: Option<Timestamp>,
    }
}

#[cfg(test)]
thread_local! {
    /// How often this thread asked who a resource is, by which tests see how work grows.
    pub(crate) static IDENTITIES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Annotation that hides findings of a resource (N-7).
const SUPPRESS: &str = "galley.istio.io/analyze-suppress";

impl Metadata {
    /// Metadata with a name and a namespace; an empty one means `default`.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let mut metadata = Self { name: name.into(), namespace: namespace.into(), ..Self::default() };
        metadata.default_namespace();
        metadata
    }

    pub(crate) fn default_namespace(&mut self) {
        if self.namespace.is_empty() {
            "default".clone_into(&mut self.namespace);
        }
    }

    /// Whether the resource asks not to hear of this finding (N-7).
    #[must_use]
    pub fn suppresses(&self, code: Code) -> bool {
        let codes = self.annotations.get(SUPPRESS).map(String::as_str).unwrap_or_default();
        codes.split(',').map(str::trim).any(|named| named == "*" || named == code.as_str())
    }
}

/// Oldest first; by name, then namespace, where the age does not decide (N-3).
///
/// A resource without a timestamp counts as older than any that has one: files come without, and
/// sorting needs one order for all.
#[must_use]
pub fn creation_order(a: &Metadata, b: &Metadata) -> Ordering {
    let key = |m: &Metadata| m.creation_timestamp;
    key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.namespace.cmp(&b.namespace))
}

/// A resource of kind `T`. Its parts are read as its fields: `resource.spec`, `resource.meta`.
///
/// # Clone
/// Clones share the parts; a clone costs as much as that of an [`Arc`]. A change through `DerefMut` concerns one clone
/// alone: it copies the parts first if they are shared.
pub struct Resource<T>(Arc<Parts<T>>);

/// The parts of a [`Resource`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parts<T> {
    /// Name, namespace, labels.
    pub meta: Metadata,
    /// What was written.
    pub spec: T,
    /// The document; `<builder>` if code made it. Shared by the [`At`](super::At)s inside.
    pub source: Arc<Source>,
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { meta, spec, source } = &**self;
        let mut parts = f.debug_struct("Resource");
        parts.field("meta", meta).field("spec", spec).field("source", source).finish()
    }
}

impl<T: PartialEq> PartialEq for Resource<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl<T> Deref for Resource<T> {
    type Target = Parts<T>;

    fn deref(&self) -> &Parts<T> {
        &self.0
    }
}

impl<T: Clone> DerefMut for Resource<T> {
    fn deref_mut(&mut self) -> &mut Parts<T> {
        Arc::make_mut(&mut self.0)
    }
}

impl<T> From<Parts<T>> for Resource<T> {
    fn from(parts: Parts<T>) -> Self {
        Self(Arc::new(parts))
    }
}

impl<T> Resource<T> {
    /// A resource made by code.
    #[must_use]
    pub fn new(meta: Metadata, spec: T) -> Self {
        let path = std::any::type_name::<T>();
        let kind = kind_of(path.rsplit("::").next().unwrap_or_default());
        let group = match path {
            path if path.contains("::gateway_api::") => Group::GatewayApi,
            path if path.contains("::istio::") => Group::Istio,
            _ => Group::Other,
        };
        let source = Source::builder(&format!("{kind} {}/{}", meta.namespace, meta.name));
        Parts { meta, spec, source: Source { group, ..source }.into() }.into()
    }

    /// Whether the two are clones of one resource, none of which was changed.
    ///
    /// Resources that are not may be equal all the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The name of the resource in messages: `Kind namespace/name`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.source.resource
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        #[cfg(test)]
        IDENTITIES.set(IDENTITIES.get() + 1);
        (self.source.group, &self.source.resource)
    }

    /// Whether something of it is refused.
    pub(crate) fn is_refused(&self) -> bool {
        !self.source.refused.is_empty()
    }

    /// The place of the document.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.source.origin("", self.source.mark)
    }

    /// `origin`, naming this resource if code made it and it therefore does not know.
    #[must_use]
    pub fn locate(&self, origin: Origin) -> Origin {
        if origin.resource.is_empty() {
            Origin { group: self.source.group, resource: self.source.resource.clone(), ..origin }
        } else {
            origin
        }
    }
}

/// The kind as documents write it, of a type that is named as Rust has it.
fn kind_of(name: &str) -> &str {
    match name {
        "HttpRoute" => "HTTPRoute",
        "GrpcRoute" => "GRPCRoute",
        // Two of Istio's kinds are named as types that already are.
        "WorkloadProxyConfig" => "ProxyConfig",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_made_in_code_has_the_kind_that_documents_have() {
        use crate::api::gateway_api::{GrpcRoute, HttpRoute, ReferenceGrant};
        use crate::api::istio::{VirtualService, WorkloadProxyConfig};
        use crate::api::kubernetes::EndpointSlice;
        use crate::read::KINDS;

        fn label<T: Default>() -> String {
            Resource::new(Metadata::new("", "one"), T::default()).label().to_owned()
        }
        let labels = [
            label::<HttpRoute>(),
            label::<GrpcRoute>(),
            label::<ReferenceGrant>(),
            label::<VirtualService>(),
            label::<WorkloadProxyConfig>(),
            label::<EndpointSlice>(),
        ];
        for label in labels {
            let kind = label.strip_suffix(" default/one").unwrap();
            assert!(KINDS.iter().any(|known| known.name == kind), "{kind}");
        }
    }

    #[test]
    fn n_1_the_empty_namespace_is_default() {
        assert_eq!(Metadata::new("", "reviews").namespace, "default");
        assert_eq!(Metadata::new("prod", "reviews").namespace, "prod");
    }

    #[test]
    fn n_3_older_first_then_by_name() {
        let named = |name| Metadata::new("a", name);
        assert_eq!(creation_order(&named("a"), &named("b")), Ordering::Less);
        let mut old = named("z");
        old.creation_timestamp = Timestamp::parse("2020-01-01T00:00:00Z");
        let mut new = named("a");
        new.creation_timestamp = Timestamp::parse("2021-01-01T00:00:00Z");
        assert_eq!(creation_order(&old, &new), Ordering::Less);
    }

    #[test]
    fn n_7_suppression_by_code_or_star() {
        let mut meta = Metadata::new("", "x");
        assert!(!meta.suppresses(Code::PortNameIsNotUnderNamingConvention));
        meta.annotations.insert(SUPPRESS.into(), "IST0101, IST0118".into());
        assert!(meta.suppresses(Code::PortNameIsNotUnderNamingConvention));
        assert!(!meta.suppresses(Code::MissingAppOrVersionLabel));
        meta.annotations.insert(SUPPRESS.into(), "*".into());
        assert!(meta.suppresses(Code::MissingAppOrVersionLabel));
    }

    #[test]
    fn y_11_a_built_resource_names_itself() {
        let resource =
            Resource::new(Metadata::new("", "reviews"), super::super::istio::VirtualService::default());
        assert_eq!(resource.label(), "VirtualService default/reviews");
        let origin = resource.locate(resource.spec.at.field("hosts"));
        assert_eq!(origin.to_string(), "<builder> VirtualService default/reviews hosts");
    }
}
