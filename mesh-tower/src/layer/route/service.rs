//! [`Route`].

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};
use mesh_core::grpc_web::Call;
use mesh_core::headers::Survey;
use mesh_core::plan::ListenerKey;
use mesh_core::reply::{Dialect, LocalReply};
use mesh_core::route::{Action, Fallback, Found, RequestView};
use tower_service::Service;

use super::rules::{Rules, rules};
use crate::context::Context;
use crate::error::{BoxError, Error};
use crate::future::ReadyOr;
use crate::grpc::{self, is_grpc};
use crate::request::boxed_request::Carrier;
use crate::request::{Entered, Facts, Matched, Open, Record, Slot, VariableSource, undeclared};
use crate::upstream::worker::{View, Worker};

/// Routes requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Route<S> {
    pub(super) inner: S,
    pub(super) worker: Arc<Worker>,
    pub(super) listener: Option<ListenerKey>,
}

enum Step {
    Forward(Arc<View>, Arc<mesh_core::route::Route>, Option<Call>),
    Answer(Box<Response<Bytes>>),
    Refuse(Error),
}

impl<S> Route<S> {
    fn decide<B>(&self, view: Arc<View>, request: &Request<B>, record: &Record) -> Step {
        let facts = RequestView::of(request);
        let https = facts.scheme == "https";
        let rules = rules(view.plan(), self.listener.as_ref(), facts.authority, https);
        let found = match &rules {
            Rules::Table(table) if table.reads_claims() => {
                let context = request.extensions().get::<Context>();
                match context.and_then(Context::claims) {
                    Some(claims) => table.find(&facts.claims(claims)),
                    None => table.find(&facts),
                }
            }
            Rules::Table(table) => table.find(&facts),
            Rules::UnknownPort => Found::NoHost(view.unknown_port()),
            Rules::NoListener => Found::NoHost(Fallback::NotFound),
        };
        let page = page(&rules, &found, request, record);
        let refuse = |reply: LocalReply| {
            let mut error = Error::local(reply);
            if let Some(page) = page {
                error.set_dialect(Dialect::GrpcWeb(page.response));
            }
            Step::Refuse(error)
        };
        let dialect =
            || page.map_or_else(|| is_grpc(request.headers()).into(), |page| Dialect::GrpcWeb(page.response));
        let route = match found {
            Found::Route(_, route) => route.clone(),
            Found::NoRule(_) | Found::NoHost(Fallback::NotFound) => {
                return refuse(LocalReply::no_route());
            }
            Found::NoHost(Fallback::BlackHole) => {
                let refused = view.black_hole();
                record.note(|decision| {
                    decision.generation = view.plan().generation;
                    decision.route = Some(refused.route.clone());
                    decision.cluster = Some(refused.cluster.clone());
                });
                let default = if https { 443 } else { 80 };
                let (host, port) = split_port(facts.authority, default);
                let known = undeclared(view.plan(), host, port);
                return match (refuse(LocalReply::black_hole()), known) {
                    (Step::Refuse(error), Some(known)) => Step::Refuse(error.advise(known)),
                    (refused, _) => refused,
                };
            }
            Found::NoHost(Fallback::Passthrough) => view.allow_any().clone(),
        };
        record.note(|decision| {
            decision.generation = view.plan().generation;
            decision.route = Some(route.clone());
        });
        match &route.action {
            Action::Forward(_) | Action::Passthrough => Step::Forward(view, route, page),
            Action::Redirect(redirect) => match redirect.location(&facts) {
                Some((status, location)) => {
                    let reply = LocalReply::configured(status);
                    let mut response = reply.response(dialect()).map(|_| Bytes::new());
                    response.headers_mut().insert(LOCATION, location);
                    answered(&route, request, &mut response);
                    note_answer(record, &response);
                    Step::Answer(Box::new(response))
                }
                None => refuse(LocalReply::bad_request("redirect_location_invalid")),
            },
            Action::Refused(document) => refuse(LocalReply::refused(document)),
            Action::DirectResponse(direct) => {
                let mut response = direct.response(dialect());
                answered(&route, request, &mut response);
                note_answer(record, &response);
                Step::Answer(Box::new(response))
            }
        }
    }
}

/// The call of a page, to a port that speaks grpc-web (RF-6).
fn page<B>(rules: &Rules<'_>, found: &Found<'_>, request: &Request<B>, record: &Record) -> Option<Call> {
    let speaks = match (found, rules) {
        (Found::Route(host, _) | Found::NoRule(host), _) => host.grpc_web,
        (Found::NoHost(_), Rules::Table(table)) => table.is_grpc_web(),
        (Found::NoHost(_), Rules::UnknownPort | Rules::NoListener) => false,
    };
    let call = if speaks { Call::of(request.headers()) } else { None };
    if call.is_some() {
        record.note(|decision| decision.grpc_web = call);
    }
    call
}

/// Host and port of an authority.
fn split_port(authority: &str, default: u16) -> (&str, u16) {
    let host = mesh_core::route::host_of(authority);
    let port = authority.get(host.len() + 1..).and_then(|port| port.parse().ok());
    (host, port.unwrap_or(default))
}

/// The operations of the rule on its own answer, which may ask about the request (RF-8).
fn answered<B>(route: &mesh_core::route::Route, request: &Request<B>, response: &mut Response<Bytes>) {
    let operations = &route.response_headers;
    let facts = operations.has_variables().then(|| Facts::of(&route.name, None, request));
    operations.apply_response(response.headers_mut(), &VariableSource::from(facts.as_ref()));
}

/// The rule answers by itself.
fn note_answer(record: &Record, response: &Response<Bytes>) {
    record.note(|decision| {
        decision.details = "direct_response".into();
        decision.grpc_status = grpc::status(response.headers());
    });
}

impl<S, R: Carrier, ResB> Service<R> for Route<S>
where
    S: Service<R, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: From<Bytes>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ReadyOr<S::Future, Response<ResB>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let Open { entered, record, survey } = carrier.take_open();
        let of_caller = || carrier.request().extensions().get().cloned().unwrap_or_default();
        let record = record.unwrap_or_else(of_caller);
        let view = match entered {
            Some(Entered::Worker(view)) => view,
            // Used alone, or in a handler, whose server sends nothing.
            Some(Entered::Server(_)) | None => self.worker.view(),
        };
        match self.decide(view, carrier.request(), &record) {
            Step::Forward(view, route, page) => {
                let survey = survey.unwrap_or_else(|| Survey::of(carrier.request().headers()));
                let mut matched = Matched::new(view, route, record, survey);
                if let Some(page) = page {
                    matched.set_grpc_web(page);
                }
                matched.take_options(carrier.request_mut().extensions_mut());
                *carrier.slot_or_empty() = Slot::Routed(Arc::new(matched));
                ReadyOr::Calling(self.inner.call(carrier))
            }
            Step::Answer(response) => ReadyOr::ok(response.map(Into::into)),
            Step::Refuse(error) => ReadyOr::fail(error),
        }
    }
}
