//! Accepts connections.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use mesh_tower::{Body, BoxError};
use tokio::net::TcpListener;
use tower_service::Service;

use crate::connection;
use crate::connection::entrance::Entrance;

/// How long to wait when the process is out of descriptors: a retry at once would burn the core that could close some.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// Accepts until dropped.
pub(crate) async fn accept<S, B>(listener: TcpListener, entrance: Entrance<S>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Responses are written whole: Nagle's algorithm would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "no TCP_NODELAY");
                }
                let ticket = entrance.registry.enter(&entrance.shared.key);
                tokio::spawn(connection::serve(stream, peer, entrance.clone(), ticket));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(listener = %entrance.shared.key, %error, "cannot accept");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }
}

/// Whether the error is of one connection, which its caller closed already.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
