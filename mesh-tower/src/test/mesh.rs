//! A mesh over the network in memory.

use std::fmt::Write as _;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use mesh_core::api::Documents;
use mesh_core::identity::Workload;

use super::{Dns, Event, Network, Upstream};
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::mesh::{Client, Mesh, MeshBuilder};
use crate::source::Source;
use crate::telemetry::AccessLog;

/// A mesh under test that has not started yet.
#[derive(Debug)]
#[must_use = "the mesh does nothing until it is started"]
pub struct MeshTest {
    builder: MeshBuilder,
    network: Network,
    dns: Dns,
}

impl MeshTest {
    /// A mesh configured by YAML, one or several documents.
    ///
    /// # Panics
    /// If the YAML has an error; the message has all findings.
    pub fn new(yaml: &str) -> Self {
        Self::from_documents(documents(yaml))
    }

    /// A mesh configured by documents.
    pub fn from_documents(documents: Documents) -> Self {
        Self::over(Mesh::from_documents(documents))
    }

    /// A mesh that follows a source of your own.
    pub fn from_source(source: impl Source) -> Self {
        Self::over(Mesh::from_source(source))
    }

    fn over(builder: MeshBuilder) -> Self {
        let (network, dns) = (Network::new(), Dns::new());
        let builder = builder
            .connector(Arc::new(network.clone()))
            .resolver(Arc::new(dns.clone()))
            .access_log(AccessLog::off())
            .strict(true)
            .seed(1);
        Self { builder, network, dns }
    }

    /// The name server.
    #[must_use]
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Draws all random numbers from this seed; 1 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.builder = self.builder.seed(seed);
        self
    }

    /// Sets the workload of the process: `namespace/kind/name` of a document, or a workload's name.
    pub fn workload(mut self, name: &str) -> Self {
        self.builder = self.builder.workload(name);
        self
    }

    /// Sets the workload of the process with all its fields.
    pub fn identity(mut self, workload: Workload) -> Self {
        self.builder = self.builder.identity(workload);
        self
    }

    /// Changes the mesh's own settings.
    pub fn with(mut self, change: impl FnOnce(MeshBuilder) -> MeshBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Starts it on the current runtime.
    ///
    /// # Panics
    /// If the mesh does not start; the message has all findings.
    pub async fn start(self) -> TestMesh {
        let mesh = match self.builder.start().await {
            Ok(mesh) => mesh,
            Err(error) => panic!("{error}"),
        };
        let client = mesh.client();
        TestMesh { mesh, client, network: self.network, dns: self.dns }
    }
}

/// A mesh under test.
///
/// # Panics
/// Its drop fails the test if a scripted fault has not happened: such a test proves nothing.
#[derive(Debug)]
pub struct TestMesh {
    mesh: Mesh,
    client: Client,
    network: Network,
    dns: Dns,
}

impl TestMesh {
    /// The mesh.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Its client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The name server.
    #[must_use]
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// The upstream at this address; it listens from now on.
    ///
    /// # Panics
    /// If `address` is not `IP:port`.
    #[must_use]
    pub fn upstream(&self, address: &str) -> Upstream {
        self.network.upstream(address)
    }

    /// Sends a GET and reads the whole answer; an error of the mesh becomes its response.
    ///
    /// # Panics
    /// If the URI does not parse.
    pub async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).expect("a URI")).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let grpc = crate::grpc::is_grpc(request.headers());
        match self.client.request(request).await {
            Ok(response) => Answer::read(response, None).await,
            Err(error) => Answer::read(error.response(grpc), Some(error)).await,
        }
    }

    /// Puts another configuration in force, as a reload does.
    ///
    /// # Panics
    /// If the text has an error.
    pub fn reload(&self, yaml: &str) {
        assert!(self.mesh.apply(documents(yaml)), "the reload was refused: {:?}", self.mesh.status());
    }

    /// The events at the upstreams, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.network.events()
    }

    /// The events at the upstreams, one line each.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.events().iter().fold(String::new(), |mut text, event| {
            writeln!(text, "{event}").expect("a string takes all");
            text
        })
    }

    /// Checks that all scripted faults have happened.
    ///
    /// # Panics
    /// If a scripted fault has not happened.
    pub fn assert_all_fired(&self) {
        let unfired = self.network.unfired();
        assert!(
            unfired.is_empty(),
            "scripted faults that never happened: {unfired:?}\n{}",
            self.transcript()
        );
    }
}

impl Drop for TestMesh {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_all_fired();
        }
    }
}

/// A whole response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Status, version and headers.
    pub head: http::response::Parts,
    /// The received bytes of the body.
    pub body: bytes::Bytes,
    /// Trailers.
    pub trailers: Option<http::HeaderMap>,
    /// The mesh's own error, if no endpoint answered.
    pub error: Option<Error>,
    /// Why the body ended early, if it did.
    pub broken: Option<BoxError>,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(response: Response<Body>, error: Option<Error>) -> Self {
        let (head, mut body) = response.into_parts();
        let (mut bytes, mut trailers, mut broken) = (Vec::new(), None, None);
        while let Some(frame) = body.frame().await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => bytes.extend_from_slice(&data),
                Ok(Err(other)) => trailers = other.into_trailers().ok(),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        Self { head, body: bytes.into(), trailers, error, broken }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The header's value as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Envoy's response flags if the mesh made the answer; `-` if an endpoint answered.
    #[must_use]
    pub fn flags(&self) -> String {
        self.error.as_ref().map_or_else(|| "-".to_owned(), |error| error.reply().flags.to_string())
    }

    /// The `grpc-status` of the trailers, else of the headers.
    #[must_use]
    pub fn grpc_status(&self) -> Option<u8> {
        let trailers = self.trailers.as_ref().and_then(crate::grpc::status);
        trailers.or_else(|| crate::grpc::status(&self.head.headers))
    }
}

/// The documents in a test's text.
///
/// # Panics
/// If the text has an error.
fn documents(yaml: &str) -> Documents {
    let (documents, findings) = Documents::parse([("test.yaml", yaml)]);
    let text =
        findings.iter().filter(|finding| finding.is_error()).fold(String::new(), |mut text, finding| {
            writeln!(text, "{finding:#}").expect("a string takes all");
            text
        });
    assert!(text.is_empty(), "the configuration of the test is wrong:\n{text}");
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(
        expected = "the configuration of the test is wrong:\nError [IST0106] (Sidecar default/a test.yaml:4:8) \
                               spec.egres: unknown field `egres`\n    hint: did you mean `egress`?\n"
    )]
    fn a_wrong_text_shows_where_and_what_would_be_right() {
        let text =
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\nspec: {egres: []}\n";
        let _ = MeshTest::new(text);
    }
}
