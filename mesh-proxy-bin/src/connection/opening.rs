//! How a connection begins: TLS or plain, and which protocol it speaks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mesh_tower::normalize::Downstream;
use mesh_tower::tls::Acceptor;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ProtocolVersion;

use crate::connection::activity::{Activity, HEAD_LIMIT};
use crate::connection::stream::Stream;

/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// What HTTP/2 with prior knowledge begins with; no method of HTTP/1 does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The stream to serve, what it speaks, and what is known of its caller.
type Opened = (Stream, Protocol, Downstream);

/// Makes the handshake where there is a certificate, and finds out the protocol.
pub(super) async fn open(
    stream: TcpStream,
    acceptor: Option<Arc<Acceptor>>,
    downstream: Downstream,
    activity: &Arc<Activity>,
) -> io::Result<Opened> {
    match acceptor {
        Some(acceptor) => secure(stream, acceptor, downstream, activity).await,
        None => plain(stream, downstream, activity).await,
    }
}

async fn plain(stream: TcpStream, downstream: Downstream, activity: &Arc<Activity>) -> io::Result<Opened> {
    let protocol = match timeout(HEAD_LIMIT, sniff(&stream)).await {
        Ok(protocol) => protocol?,
        Err(elapsed) => {
            // The sweep would come to the same, a little later.
            activity.time_out();
            return Err(elapsed.into());
        }
    };
    Ok((Stream::plain(stream, activity.clone()), protocol, downstream))
}

async fn secure(
    stream: TcpStream,
    acceptor: Arc<Acceptor>,
    mut downstream: Downstream,
    activity: &Arc<Activity>,
) -> io::Result<Opened> {
    let stream = timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await??;
    let session = stream.get_ref().1;
    downstream = downstream.tls(match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    });
    if let Some(name) = session.server_name() {
        downstream = downstream.server_name(name);
    }
    let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Stream::tls(stream, activity.clone()), protocol, downstream))
}

/// Tells the protocol from the first bytes without taking them: what follows reads the socket directly, and
/// no byte of it passes through a buffer put in front.
async fn sniff(stream: &TcpStream) -> io::Result<Protocol> {
    let mut bytes = [0; PREFACE.len()];
    let mut wait = Duration::from_millis(1);
    loop {
        let count = stream.peek(&mut bytes).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match decide(&bytes[..count]) {
            Some(protocol) => return Ok(protocol),
            // Looking again returns at once while nothing was taken, so after a part
            // of the preface this waits between two looks.
            None => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(Duration::from_millis(100));
    }
}

fn decide(bytes: &[u8]) -> Option<Protocol> {
    if bytes.starts_with(PREFACE) {
        Some(Protocol::Http2)
    } else if PREFACE.starts_with(bytes) {
        None
    } else {
        Some(Protocol::Http1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        assert_eq!(decide(b"GET / HTTP/1.1\r\n"), Some(Protocol::Http1));
        assert_eq!(decide(b"POST"), Some(Protocol::Http1));
        assert_eq!(decide(b"P"), None);
        assert_eq!(decide(&PREFACE[..10]), None);
        assert_eq!(decide(PREFACE), Some(Protocol::Http2));
        assert_eq!(decide(b"PRI * HTTP/1.1\r\n"), Some(Protocol::Http1));
    }
}
