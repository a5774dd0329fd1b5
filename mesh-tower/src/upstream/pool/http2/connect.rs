//! A `WebSocket` over a stream: an extended `CONNECT` (RFC 8441) in place of the upgrade that was asked for.

use std::future::poll_fn;

use bytes::Bytes;
use h2::ext::Protocol;
use http::{Method, Request, Response, StatusCode};
use mesh_core::headers::websocket;

use super::super::failure::Failure;
use super::{Http2Body, MapBody, StreamPermit, prepare};
use crate::http::request_holder::RequestHolder;
use crate::upgrade::Opened;

impl<P: Send + 'static> StreamPermit<P> {
    /// Sends a request that asks for a `WebSocket`. A success becomes the 101 that an endpoint of HTTP/1.1 would
    /// have given: it has no body, and the stream is [taken](crate::upgrade::on) from it.
    pub(in crate::upstream::pool) async fn connect<R: RequestHolder>(
        &self,
        held: R,
    ) -> Result<Response<Option<Http2Body>>, Failure<R>> {
        let mut sender = self.connection.sender.clone();
        if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
            return Err(self.unsent(error, held));
        }
        let (mut head, body) = held.release().into_parts();
        let key = websocket::connect(&mut head.headers);
        head.method = Method::CONNECT;
        prepare(&mut head, &body);
        head.extensions.insert(Protocol::from_static("websocket"));
        let before = self.connection.written.bytes();
        let (response, mut stream) = sender
            .send_request(Request::from_parts(head, ()), false)
            .map_err(|error| self.failed(error, false))?;
        let response = response.await.map_err(|error| self.unanswered(error, before))?;
        let response = self.checked(response)?;
        if !response.status().is_success() {
            // Fails where the peer has ended the stream already.
            let _ = stream.send_data(Bytes::new(), true);
            return Ok(response.map_body(self.connection.max_fields).map(Some));
        }
        let (mut head, receive) = response.into_parts();
        head.status = StatusCode::SWITCHING_PROTOCOLS;
        websocket::prove(&mut head.headers, key.as_ref());
        head.extensions.insert(Opened::new(stream, receive));
        Ok(Response::from_parts(head, None))
    }
}
