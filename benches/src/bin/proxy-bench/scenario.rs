//! The scenario of a proxy: protocol, features, and the one request that is repeated.
//!
//! Backend, load generator and every peer's configuration read the same values here, so that no two of them
//! can disagree on what a scenario means.

use bytes::Bytes;
use clap::ValueEnum;

/// Name that the requests carry as their authority.
pub(crate) const HOST: &str = "bench.local";
/// Path of the plain answer.
pub(crate) const PLAIN_PATH: &str = "/bytes";
/// Path of the gRPC method, which echoes its message.
pub(crate) const GRPC_PATH: &str = "/bench.Echo/Unary";
/// Path that answers 503 first and 200 after that, in turns: only a proxy that retries hides it.
pub(crate) const FLAKY_PATH: &str = "/flaky";
/// Response header by which the backend says that the proxy gave the request an id.
pub(crate) const REQUEST_ID_SEEN: &str = "x-request-id-seen";

/// One line of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Scenario {
    /// HTTP/1.1 on both sides, nothing else.
    H1,
    /// HTTP/1.1 with JSON access log, request id, retries and outlier detection.
    H1Mesh,
    /// HTTP/2 with prior knowledge on both sides, nothing else.
    H2,
    /// HTTP/2 with the mesh features.
    H2Mesh,
    /// Unary gRPC calls, nothing else.
    Grpc,
    /// Unary gRPC calls with the mesh features.
    GrpcMesh,
    /// Memory: of the process at start, and for each idle keep-alive connection.
    Idle,
}

impl Scenario {
    /// Every scenario, in the order of the table.
    pub(crate) const ALL: [Self; 7] =
        [Self::H1, Self::H1Mesh, Self::H2, Self::H2Mesh, Self::Grpc, Self::GrpcMesh, Self::Idle];

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H1Mesh => "h1-mesh",
            Self::H2 => "h2",
            Self::H2Mesh => "h2-mesh",
            Self::Grpc => "grpc",
            Self::GrpcMesh => "grpc-mesh",
            Self::Idle => "idle",
        }
    }

    /// HTTP/2 on both sides of the proxy.
    pub(crate) const fn is_http2(self) -> bool {
        matches!(self, Self::H2 | Self::H2Mesh | Self::Grpc | Self::GrpcMesh)
    }

    /// The requests are gRPC calls.
    pub(crate) const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcMesh)
    }

    /// The proxy logs, identifies, retries and ejects.
    pub(crate) const fn has_mesh_features(self) -> bool {
        matches!(self, Self::H1Mesh | Self::H2Mesh | Self::GrpcMesh | Self::Idle)
    }

    /// The same without the mesh features.
    pub(crate) const fn plain(self) -> Self {
        match self {
            Self::H1 | Self::H1Mesh | Self::Idle => Self::H1,
            Self::H2 | Self::H2Mesh => Self::H2,
            Self::Grpc | Self::GrpcMesh => Self::Grpc,
        }
    }

    /// Connections of the load generator, and requests in flight on each: enough to keep one core of a proxy busy.
    pub(crate) const fn concurrency(self) -> (usize, usize) {
        if self.is_http2() { (8, 16) } else { (64, 1) }
    }
}

/// The plain answer's body: 1 KiB of text.
pub(crate) fn plain_body() -> Bytes {
    Bytes::from("a service mesh that you link, not deploy; ".repeat(25)).slice(..1024)
}

/// A gRPC message with its five-byte prefix, as sent and as expected back.
pub(crate) fn grpc_message() -> Bytes {
    let message = [b'm'; 128];
    let mut frame = vec![0; 5];
    frame[4] = u8::try_from(message.len()).expect("a short message");
    frame.extend_from_slice(&message);
    frame.into()
}

/// Retries that may follow a first try.
pub(crate) const RETRIES: u32 = 2;
/// Requests in flight to the backend beyond which a proxy refuses more.
pub(crate) const REQUEST_LIMIT: u32 = 1024;
/// Errors in a row after which an endpoint is ejected.
pub(crate) const ERRORS_TO_EJECT: u32 = 5;
