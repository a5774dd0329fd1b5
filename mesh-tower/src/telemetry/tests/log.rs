//! The contents of the access log's line.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_core::plan::AccessLogTarget;
use mesh_core::telemetry::access_log::Format;
use tokio_test::assert_ready;

use super::super::access_log::Line;
use super::super::{AccessLog, names};
use super::bench::*;
use crate::body::Body;
use crate::request::Record;

#[tokio::test(start_paused = true)]
async fn streamed_uploads_are_counted_as_they_are_read() {
    let mut bench = Bench::new();
    let frames = ["12", "345", "6"].map(|data| Ok(Frame::data(Bytes::from(data))));
    let (mut future, inner, send) = bench.send(request(&[]).map(|_| Body::new(Script::new(frames, true))));
    let mut upload = inner.into_body();
    upload.frame().await.unwrap().unwrap();
    upload.frame().await.unwrap().unwrap();
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    assert_eq!(bench.recording.samples(names::REQUEST_BYTES), [5.0]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_there_already_is_used_and_headers_made_below_are_logged() {
    let mut bench = Bench::new();
    let record = Record::default();
    let mut call = request(&[]);
    call.extensions_mut().insert(record.clone());
    let (log, lines) = AccessLog::in_memory(Format::text("%REQ(X-REQUEST-ID)%").unwrap());
    bench.service.log = log;
    let (mut future, inner, send) = bench.send(call);
    decide(&inner, |decision| {
        decision.generation = 7;
        decision.request_id = Some(HeaderValue::from_static("made"));
    });
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    assert_eq!(record.decision().generation, 7);
    assert_eq!(lines.take(), ["made"]);
}

#[tokio::test(start_paused = true)]
async fn tm_5_without_a_log_nothing_is_kept_and_it_can_be_turned_on() {
    let log = AccessLog::off();
    assert!(Line::begin(&log, &request(&[])).is_none());
    assert!(!log.is_on() && log.flush(Duration::ZERO));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let target = AccessLogTarget::File(path.to_str().unwrap().into());
    log.configure(Some(&(Arc::new(Format::text("one").unwrap()), target.clone()))).unwrap();
    log.write(&mesh_core::telemetry::access_log::Record::default());
    log.configure(Some(&(Arc::new(Format::text("two").unwrap()), target))).unwrap();
    log.write(&mesh_core::telemetry::access_log::Record::default());
    assert!(log.flush(Duration::from_secs(60)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    log.configure(None).unwrap();
    assert!(!log.is_on());
}

#[test]
fn futures_stay_small() {
    fn send<T: Send>() {}
    send::<super::super::ResponseFuture<std::future::Ready<()>>>();
    send::<super::super::Body<Body>>();
    let size = size_of::<super::super::call::Call>();
    assert!(size <= 192, "{size}");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let target = AccessLogTarget::File("/nowhere/at/all/access.log".into());
    let error =
        AccessLog::off().configure(Some(&(Arc::new(Format::text("-").unwrap()), target))).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/at/all/access.log: "), "{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
