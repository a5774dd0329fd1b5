//! A request's head, kept to be sent again.

use http::{Extensions, Method, Request, Uri, Version};

use super::field_lines::FieldLines;
use crate::body::Body;
use crate::request::boxed_request::Carrier;
use crate::request::{Downstream, Matched, Record, Slot};

/// What a request's head is made of.
///
/// Cloning [`Extensions`] costs an allocation for the map, one for its table and one for each value.
/// Most requests carry no other values than these, so these are kept by type.
pub(super) struct Kept {
    method: Method,
    uri: Uri,
    version: Version,
    fields: FieldLines,
    extensions: Kinds,
    slot: Slot,
}

enum Kinds {
    Known(Option<Downstream>),
    Any(Extensions),
}

impl Kept {
    pub(super) fn of(carrier: &impl Carrier) -> Self {
        let head = carrier.request();
        Self {
            method: head.method().clone(),
            uri: head.uri().clone(),
            version: head.version(),
            fields: FieldLines::of(head.headers()),
            extensions: Kinds::of(head.extensions()),
            slot: carrier.slot().cloned().unwrap_or_default(),
        }
    }

    /// The route of the request.
    pub(super) fn matched(&self) -> Option<&Matched> {
        self.slot.matched()
    }

    /// The record of the request.
    pub(super) fn record(&self) -> Option<&Record> {
        self.slot.record().or_else(|| match &self.extensions {
            Kinds::Known(_) => None,
            Kinds::Any(any) => any.get(),
        })
    }

    /// What the stack knew of the request.
    pub(super) fn slot(&self) -> Slot {
        self.slot.clone()
    }

    /// The request again; see [`FieldLines::headers`].
    pub(super) fn request(&self, body: Body) -> Option<Request<Body>> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.fields.headers()?;
        *request.extensions_mut() = self.extensions.all();
        Some(request)
    }
}

impl Kinds {
    fn of(extensions: &Extensions) -> Self {
        if extensions.is_empty() {
            return Self::Known(None);
        }
        let downstream = extensions.get::<Downstream>();
        let known = usize::from(extensions.get::<Slot>().is_some()) + usize::from(downstream.is_some());
        if extensions.len() > known {
            return Self::Any(extensions.clone());
        }
        Self::Known(downstream.cloned())
    }

    fn all(&self) -> Extensions {
        let mut extensions = Extensions::new();
        match self {
            Self::Any(any) => extensions.clone_from(any),
            Self::Known(downstream) => drop(downstream.clone().map(|known| extensions.insert(known))),
        }
        extensions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Record;
    use crate::request::boxed_request::Carry;

    #[test]
    fn a_request_is_sent_again_as_it_was() {
        let mut request = Request::post("http://a/b").header("x", "y").header("x", "z").body(()).unwrap();
        request.begin();
        for other in [false, true] {
            if other {
                request.extensions_mut().insert("somebody else's");
            }
            let kept = Kept::of(&request);
            let again: Request<Body> = Request::carrying(kept.request(Body::empty()).unwrap(), kept.slot());
            assert_eq!(again.method(), Method::POST);
            assert_eq!(again.uri(), "http://a/b");
            assert_eq!(again.headers(), request.headers());
            assert!(Record::of(again.extensions()).is_some());
            assert_eq!(again.extensions().get::<&'static str>().is_some(), other);
        }
    }
}
