//! A policy from its parts as the configuration has them (HC-1).

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::uri::{Authority, PathAndQuery};

use super::{HealthPolicy, Probe};
use crate::field::{FieldError, FieldErrors};

/// The parts of a [`HealthPolicy`]; `None` is the default.
#[derive(Clone, Debug, Default)]
pub struct HealthParts<'a> {
    /// What is asked; it has no default. The block of this kind is needed, but for gRPC, and no other belongs to it.
    pub kind: Option<ProbeKind>,
    /// The request of a question by HTTP.
    pub http: Option<HttpProbeParts<'a>>,
    /// The bytes of a question by TCP; without any, a connection is answer enough.
    pub tcp: Option<TcpProbeParts>,
    /// The service that a question by gRPC is about; empty is the server as a whole.
    pub grpc: Option<&'a str>,
    /// Longest wait for an answer: at least 1 ms, whole milliseconds.
    pub timeout: Option<Duration>,
    /// Time between questions: at least 1 ms, whole milliseconds.
    pub interval: Option<Duration>,
    /// The first question is put off by a random part of this: 0, or at least 1 ms and whole milliseconds.
    pub initial_jitter: Option<Duration>,
    /// Failures in a row that take an endpoint out; at least 1.
    pub unhealthy_threshold: Option<u32>,
    /// Successes in a row that take it back; at least 1.
    pub healthy_threshold: Option<u32>,
}

/// What an endpoint is asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A request.
    Http,
    /// Bytes, or a mere connection.
    Tcp,
    /// `grpc.health.v1.Health/Check`.
    Grpc,
}

/// The parts of a question by TCP.
#[derive(Clone, Debug, Default)]
pub struct TcpProbeParts {
    /// What is sent.
    pub send: Vec<u8>,
    /// What comes back somewhere in the answer.
    pub receive: Vec<u8>,
}

/// The parts of a request that asks an endpoint.
#[derive(Clone, Debug, Default)]
pub struct HttpProbeParts<'a> {
    /// Path and query.
    pub path: &'a str,
    /// Method; `GET` if unset. `CONNECT` asks nothing.
    pub method: Option<&'a str>,
    /// Host to ask for; the service's if unset.
    pub hostname: Option<&'a str>,
    /// Statuses of an endpoint that is well; 200 if there are none.
    pub expected_statuses: &'a [u32],
    /// Statuses that count as one failure, not as a clear "no".
    pub retriable_statuses: &'a [u32],
    /// What the first KiB of the body has in it.
    pub expected_response: Option<Vec<u8>>,
}

impl HealthPolicy {
    /// The policy of these parts.
    ///
    /// # Errors
    /// Names each field that breaks a rule: a duration below 1 ms or of broken milliseconds, a threshold of 0, a kind
    /// that is missing, a block that is missing or of another kind, a path, method, host or status that no request and
    /// no answer has.
    pub fn of_parts(parts: HealthParts<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.duration("timeout", parts.timeout);
        errors.duration("interval", parts.interval);
        errors.duration("initialJitter", parts.initial_jitter.filter(|jitter| !jitter.is_zero()));
        for (path, threshold) in
            [("unhealthyThreshold", parts.unhealthy_threshold), ("healthyThreshold", parts.healthy_threshold)]
        {
            if threshold == Some(0) {
                errors.push(FieldError::new(path, "must be at least 1"));
            }
        }
        let Some(kind) = parts.kind else {
            errors.push(FieldError::new("", "`type` is needed"));
            return Err(errors);
        };
        for (path, of, is_there) in [
            ("http", ProbeKind::Http, parts.http.is_some()),
            ("tcp", ProbeKind::Tcp, parts.tcp.is_some()),
            ("grpc", ProbeKind::Grpc, parts.grpc.is_some()),
        ] {
            let name = kind.as_str();
            if is_there && kind != of {
                errors.push(FieldError::new(path, format!("does not belong to type {name}")));
            } else if !is_there && kind == of && kind != ProbeKind::Grpc {
                errors.push(FieldError::new("", format!("type {name} needs `{path}`")));
            }
        }
        let http = parts.http.map(|http| http.probe(&mut errors));
        let tcp = parts.tcp.unwrap_or_default();
        let probe = match (kind, http) {
            (ProbeKind::Http, Some(http)) => http,
            (ProbeKind::Tcp, _) => Probe::Tcp { send: tcp.send, receive: tcp.receive },
            (ProbeKind::Http | ProbeKind::Grpc, _) => {
                Probe::Grpc { service: parts.grpc.unwrap_or_default().into() }
            }
        };
        let policy = Self::new(probe);
        errors.or(Self {
            timeout: parts.timeout.unwrap_or(policy.timeout),
            interval: parts.interval.unwrap_or(policy.interval),
            initial_jitter: parts.initial_jitter.unwrap_or(policy.initial_jitter),
            unhealthy_threshold: parts.unhealthy_threshold.unwrap_or(policy.unhealthy_threshold),
            healthy_threshold: parts.healthy_threshold.unwrap_or(policy.healthy_threshold),
            ..policy
        })
    }
}

impl ProbeKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Tcp => "TCP",
            Self::Grpc => "GRPC",
        }
    }
}

impl HttpProbeParts<'_> {
    fn probe(self, errors: &mut FieldErrors) -> Probe {
        if !self.path.starts_with('/') || PathAndQuery::try_from(self.path).is_err() {
            errors.push(FieldError::new("http.path", format!("`{}` is not a path", self.path)));
        }
        let method = self.method.map_or(Some(Method::GET), known);
        if method.is_none() {
            let message = format!("`{}` is not a method to ask with", self.method.unwrap_or_default());
            errors.push(FieldError::new("http.method", message));
        }
        if let Some(host) = self.hostname.filter(|host| Authority::try_from(*host).is_err()) {
            errors.push(FieldError::new("http.hostname", format!("`{host}` is not a host")));
        }
        let expected = statuses("http.expectedStatuses", self.expected_statuses, errors);
        Probe::Http {
            method: method.unwrap_or_default(),
            host: self.hostname.map(Arc::from),
            path: self.path.into(),
            expected: if expected.is_empty() { vec![200] } else { expected },
            retriable: statuses("http.retriableStatuses", self.retriable_statuses, errors),
            body: self.expected_response,
        }
    }
}

/// A standard method that asks for something.
fn known(method: &str) -> Option<Method> {
    const KNOWN: [Method; 8] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    KNOWN.into_iter().find(|known| known == method)
}

fn statuses(path: &'static str, list: &[u32], errors: &mut FieldErrors) -> Vec<u16> {
    let mut statuses = Vec::with_capacity(list.len());
    for (index, status) in list.iter().enumerate() {
        match u16::try_from(*status).ok().filter(|status| (100..600).contains(status)) {
            Some(status) => statuses.push(status),
            None => errors.push(FieldError::item(path, index, format!("{status} is not an HTTP status"))),
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parts: HealthParts<'_>) -> Result<HealthPolicy, String> {
        HealthPolicy::of_parts(parts).map_err(|errors| errors.to_string())
    }

    #[test]
    fn hc_1_what_is_not_written_is_the_default() {
        let http = HttpProbeParts { path: "/healthz", ..HttpProbeParts::default() };
        let parts = HealthParts { kind: Some(ProbeKind::Http), http: Some(http), ..HealthParts::default() };
        let Probe::Http { method, expected, .. } = made(parts).unwrap().probe else { panic!("a request") };
        assert_eq!((method, expected), (Method::GET, vec![200]));
        let kind = Some(ProbeKind::Grpc);
        let parts = HealthParts { kind, initial_jitter: Some(Duration::ZERO), ..HealthParts::default() };
        assert_eq!(made(parts), Ok(HealthPolicy::new(Probe::Grpc { service: "".into() })));
    }

    #[test]
    fn hc_1_a_block_belongs_to_its_kind() {
        let of = |kind| HealthParts { kind, ..HealthParts::default() };
        assert_eq!(made(of(None)).unwrap_err(), "`type` is needed");
        assert_eq!(made(of(Some(ProbeKind::Http))).unwrap_err(), "type HTTP needs `http`");
        let parts = HealthParts { grpc: Some(""), ..of(Some(ProbeKind::Tcp)) };
        assert_eq!(made(parts).unwrap_err(), "type TCP needs `tcp`; grpc: does not belong to type TCP");
    }

    #[test]
    fn hc_1_each_field_that_breaks_a_rule_is_named() {
        let http = HttpProbeParts {
            path: "healthz",
            method: Some("CONNECT"),
            hostname: Some("a b"),
            expected_statuses: &[200, 99],
            retriable_statuses: &[600],
            expected_response: None,
        };
        let parts = HealthParts {
            kind: Some(ProbeKind::Http),
            http: Some(http),
            timeout: Some(Duration::ZERO),
            unhealthy_threshold: Some(0),
            ..HealthParts::default()
        };
        assert_eq!(
            made(parts).unwrap_err(),
            "timeout: a duration must be at least 1ms; \
             unhealthyThreshold: must be at least 1; \
             http.path: `healthz` is not a path; \
             http.method: `CONNECT` is not a method to ask with; \
             http.hostname: `a b` is not a host; \
             http.expectedStatuses[1]: 99 is not an HTTP status; \
             http.retriableStatuses[0]: 600 is not an HTTP status"
        );
    }
}
