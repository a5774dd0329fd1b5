//! HTTP/2 frame by frame, for bytes that no client library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::proxy::DEADLINE;

/// The first bytes of a connection.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 section 6).
pub mod kind {
    #![expect(missing_docs, reason = "the names are the standard's")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flag of DATA and HEADERS: the stream ends.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION: the fields end.
pub const END_HEADERS: u8 = 4;

/// A frame's bytes.
///
/// # Panics
/// If the payload is longer than a frame can be.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block that does not change the compression's table: literals without indexing, in plain text.
///
/// # Panics
/// If a name or value has 127 bytes or more, whose length takes more than one byte.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
            bytes.push(length.expect("a short name or value"));
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// The pseudo fields of a request for `http://edge.test/`, and more fields.
#[must_use]
pub fn request(method: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "edge.test")];
    block(&[&pseudo, fields].concat())
}

/// A received frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A peer that sends and reads frames. It has sent its settings, and a caller has sent the preface.
#[derive(Debug)]
pub struct Caller {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Caller {
    /// Connects.
    ///
    /// # Panics
    /// If the address refuses the connection.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.set_nodelay(true).expect("it is open");
        let (read, write) = stream.into_split();
        let mut caller = Self { read, write };
        caller.send(&[PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat()).await;
        caller
    }

    /// The server's side: reads a caller's preface.
    ///
    /// # Panics
    /// If other bytes come, or none.
    pub async fn accept(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("it is open");
        let (mut read, write) = stream.into_split();
        let mut preface = vec![0; PREFACE.len()];
        timeout(DEADLINE, read.read_exact(&mut preface)).await.expect("in time").expect("a preface");
        assert_eq!(preface, PREFACE, "HTTP/2");
        let mut peer = Self { read, write };
        peer.send(&frame(kind::SETTINGS, 0, 0, &[])).await;
        peer
    }

    /// Sends these bytes; [`next`](Self::next) shows whether the peer has closed.
    pub async fn send(&mut self, bytes: &[u8]) {
        // As above.
        let _ = self.write.write_all(bytes).await;
    }

    /// The next frame; `None` at the connection's end.
    ///
    /// # Panics
    /// If no frame comes for too long.
    pub async fn next(&mut self) -> Option<Frame> {
        timeout(DEADLINE, read(&mut self.read)).await.expect("a frame, or the end, in time")
    }

    /// The first frame of this type on this stream; `None` if the connection ends before.
    pub async fn until(&mut self, kind: u8, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if (frame.kind, frame.stream) == (kind, stream) {
                return Some(frame);
            }
        }
    }

    /// Sends all these bytes while it reads, then waits for an answer on `stream`; returns whether the connection was
    /// closed instead.
    ///
    /// # Panics
    /// If neither comes for too long.
    pub async fn is_closed_by(self, bytes: Vec<u8>, stream: u32) -> bool {
        let Self { read: mut from, mut write } = self;
        let writing = tokio::spawn(async move {
            // A peer that has closed takes no more bytes; the test looks for that.
            let _ = write.write_all(&bytes).await;
            write
        });
        let reading = async {
            loop {
                match read(&mut from).await {
                    None => return true,
                    Some(frame) if (frame.kind, frame.stream) == (kind::HEADERS, stream) => return false,
                    Some(_) => {}
                }
            }
        };
        let closed = timeout(DEADLINE, reading).await.expect("an answer, or the end, in time");
        writing.abort();
        closed
    }
}

async fn read(from: &mut OwnedReadHalf) -> Option<Frame> {
    let mut head = [0; 9];
    from.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}
