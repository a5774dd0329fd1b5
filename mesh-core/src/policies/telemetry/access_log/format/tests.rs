use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use serde_json::json;

use super::*;
use crate::endpoint::Address;
use crate::reply::Flag;
use crate::telemetry::access_log::Extra;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, value.parse().unwrap());
    }
    map
}

fn line(format: &str, record: &Record<'_>) -> String {
    let mut out = String::new();
    Format::text(format).unwrap().write(record, &mut out);
    assert_eq!(out.pop(), Some('\n'));
    out
}

fn json_line(format: &Format, record: &Record<'_>) -> serde_json::Value {
    let mut out = String::new();
    format.write(record, &mut out);
    assert!(out.ends_with("}\n"));
    serde_json::from_str(&out).unwrap()
}

fn full<'a>(request: &'a HeaderMap, response: &'a HeaderMap, host: &'a Address) -> Record<'a> {
    Record {
        start: Some(UNIX_EPOCH + Duration::from_millis(1_795_366_140_123)),
        method: Some("GET"),
        path: Some("/reviews/1?full=yes"),
        authority: Some("reviews:9080"),
        protocol: Some("HTTP/2"),
        code: 503,
        flags: Flag::UpstreamConnectionFailure.into(),
        details: Some("upstream_reset_before_response_started{remote_connection_failure}"),
        bytes_received: 0,
        bytes_sent: 91,
        duration: Some(Duration::from_micros(12_900)),
        request_headers: Some(request),
        response_headers: Some(response),
        upstream_host: Some(host),
        upstream_cluster: Some("outbound|9080|v1|reviews.default.svc.cluster.local"),
        downstream_remote: Some("10.0.0.9:41000".parse().unwrap()),
        route_name: Some("to-v1"),
        attempts: Some(3),
        ..Record::default()
    }
}

#[test]
fn al_1_the_default_line() {
    let request =
        headers(&[("user-agent", "curl/8"), ("x-request-id", "id-1"), ("x-envoy-original-path", "/old")]);
    let response = headers(&[("x-envoy-upstream-service-time", "11")]);
    let host = Address::Socket("10.0.0.1:9080".parse().unwrap());
    let mut out = String::new();
    Format::default_text().write(&full(&request, &response, &host), &mut out);
    assert_eq!(
        out,
        "[2026-11-22T16:49:00.123Z] \"GET /old HTTP/2\" 503 UF \
         upstream_reset_before_response_started{remote_connection_failure} - \"-\" 0 91 12 11 \"-\" \"curl/8\" \
         \"id-1\" \"reviews:9080\" \"10.0.0.1:9080\" outbound|9080|v1|reviews.default.svc.cluster.local - - \
         10.0.0.9:41000 - to-v1\n"
    );
}

#[test]
fn al_3_a_tcp_line_has_dashes_for_http() {
    let mut out = String::new();
    Format::default_text().write(&Record::default(), &mut out);
    assert!(out.starts_with("[-] \"- - -\" 0 - - - \"-\" 0 0 - - "), "{out}");
}

#[test]
fn al_2_json_keeps_numbers_and_says_null() {
    let request = headers(&[("user-agent", "say \"hi\"\\\u{9}")]);
    let response = HeaderMap::new();
    let host = Address::Socket("10.0.0.1:9080".parse().unwrap());
    let format = Format::default_json();
    let value = json_line(&format, &full(&request, &response, &host));
    assert_eq!(value["response_code"], 503);
    assert_eq!(value["bytes_sent"], 91);
    assert_eq!(value["duration"], 12);
    assert_eq!(value["response_flags"], "UF");
    assert_eq!(value["user_agent"], "say \"hi\"\\\t");
    assert_eq!(value["path"], "/reviews/1?full=yes");
    assert_eq!(value["x_forwarded_for"], serde_json::Value::Null);
    assert_eq!(value.as_object().unwrap().len(), 24);

    let mut out = String::new();
    format.write(&Record::default(), &mut out);
    let keys: Vec<_> = out.split('"').filter(|part| part.contains('_')).collect();
    assert!(keys.is_sorted(), "{keys:?}");
}

#[test]
fn al_5_custom_json_nests_and_mixes() {
    let labels =
        json!({"b": {"what": "%REQ(:METHOD)% to %ROUTE_NAME%", "n": 1}, "a": ["%RESPONSE_CODE%", true]});
    let format = Format::json(labels.as_object().unwrap()).unwrap();
    let record = Record { method: Some("GET"), code: 200, ..Record::default() };
    let mut out = String::new();
    format.write(&record, &mut out);
    assert_eq!(out, "{\"a\":[200,true],\"b\":{\"n\":1,\"what\":\"GET to -\"}}\n");
    let bad = json!({"x": {"y": "%NO_SUCH%"}});
    let error = Format::json(bad.as_object().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "x: y: unknown operator %NO_SUCH%");
}

#[test]
fn al_3_alternatives_limits_and_percent_signs() {
    let request = headers(&[("x-long", "äbcdef"), ("x-two", "1"), ("x-two", "2"), ("x-empty", "")]);
    let record = Record { request_headers: Some(&request), path: Some("/p?q"), ..Record::default() };
    assert_eq!(line("%REQ(X-NONE?X-TWO)%", &record), "1,2");
    assert_eq!(line("%REQ(X-EMPTY?:PATH)%", &record), "/p?q");
    assert_eq!(line("%REQ(X-LONG):3%", &record), "äb");
    assert_eq!(line("%REQ(X-LONG):1%|", &record), "|");
    assert_eq!(line("%REQ(X-LONG):99%", &record), "äbcdef");
    assert_eq!(line("100%% %REQ(NONE):5%", &record), "100% -");
    assert_eq!(line("%REQ_WITHOUT_QUERY(:PATH)%", &record), "/p");
    assert_eq!(line("%START_TIME(%Y)%", &Record { start: Some(UNIX_EPOCH), ..Record::default() }), "1970");
}

#[test]
fn al_3_what_is_not_known_is_an_error() {
    for bad in [
        "%",
        "50% of",
        "%NOPE%",
        "%REQ%",
        "%REQ()%",
        "%REQ(X",
        "%REQ(X)",
        "%REQ(a b)%",
        "%DURATION(1)%",
        "%REQ(X):y%",
        "%START_TIME(%Q)%",
        "%GRPC_STATUS(ODD)%",
        "%CEL%",
        "%PROTOCOL",
    ] {
        assert!(Format::text(bad).is_err(), "{bad}");
    }
}

#[test]
fn al_5_further_operators() {
    let trailers = headers(&[("grpc-message", "gone")]);
    let record = Record {
        grpc: Some(14),
        attempts: Some(2),
        response_trailers: Some(&trailers),
        response_duration: Some(Duration::from_millis(5)),
        downstream_remote: Some("[::1]:80".parse().unwrap()),
        tls_version: Some("TLSv1.3"),
        hostname: Some("web-0"),
        ..Record::default()
    };
    assert_eq!(
        line("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%", &record),
        "Unavailable UNAVAILABLE 14"
    );
    assert_eq!(line("%TRAILER(GRPC-MESSAGE)% %UPSTREAM_REQUEST_ATTEMPT_COUNT%", &record), "gone 2");
    assert_eq!(line("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%", &record), "::1 80");
    assert_eq!(line("%RESPONSE_DURATION% %DOWNSTREAM_TLS_VERSION% %HOSTNAME%", &record), "5 TLSv1.3 web-0");
}

struct Answers;

impl Extra for Answers {
    fn write(&self, kind: ExtraKind, argument: &str, out: &mut String) -> bool {
        out.push_str("half");
        match kind {
            ExtraKind::Cel => out.push_str(argument),
            ExtraKind::Metadata => return false,
        }
        true
    }
}

#[test]
fn al_5_metadata_and_cel_are_asked_of_who_knows() {
    let format = "%CEL(request.path == ')x')% %METADATA(CLUSTER:istio:services)%";
    let record = Record { extra: Some(&Answers), ..Record::default() };
    assert_eq!(line(format, &record), "halfrequest.path == ')x' -");
    assert_eq!(
        Format::text(format).unwrap().extras(),
        [(ExtraKind::Cel, "request.path == ')x'"), (ExtraKind::Metadata, "CLUSTER:istio:services")]
    );
}

#[test]
fn al_1_the_headers_that_a_format_names_are_kept_and_no_others() {
    let format =
        Format::text("%REQ(X-A?X-B)% %REQ(X-C)% %REQ_WITHOUT_QUERY(:PATH)% %RESP(X-D)% %TRAILER(X-E)%")
            .unwrap();
    let request = headers(&[("x-b", "b"), ("x-c", "1"), ("x-c", "2"), ("cookie", "secret")]);
    let response = headers(&[("x-d", "d"), ("x-e", "no")]);
    let trailers = headers(&[("x-e", "e")]);
    let mut captured = Captured::default();
    format.capture_request(&request, &mut captured);
    format.capture_response(&response, &mut captured);
    format.capture_trailers(&trailers, &mut captured);
    assert!(!format!("{captured:?}").contains("secret"));
    let mut kept = String::new();
    format.write(&Record { captured: Some(&captured), ..Record::default() }, &mut kept);
    let mut whole = String::new();
    let record = Record {
        request_headers: Some(&request),
        response_headers: Some(&response),
        response_trailers: Some(&trailers),
        ..Record::default()
    };
    format.write(&record, &mut whole);
    assert_eq!(kept, "b 1,2 - d e\n");
    assert_eq!(kept, whole);
    captured.set_request(&http::HeaderName::from_static("x-c"), &"new".parse().unwrap());
    kept.clear();
    format.write(&Record { captured: Some(&captured), ..Record::default() }, &mut kept);
    assert_eq!(kept, "b new - d e\n");
}
