//! A GOAWAY whose last stream id lies below a request that is on its way.
//!
//! No server library sends a GOAWAY at a given request, because the race is the point of it. So a filter stands in the
//! pipe. It knows only HTTP/2's frame header: it counts the streams that the client opens, holds back the first stream
//! over the limit, and sends the GOAWAY by which the server never processes that stream (RFC 9113 §6.8). Earlier streams
//! go on to their end.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::oneshot;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;
const HEADER_LENGTH: usize = 9;

/// Stands between `client` and the returned end. It calls `on_sent` when it has sent GOAWAY.
pub(super) fn filter(
    client: DuplexStream,
    after: u32,
    on_sent: impl FnOnce() + Send + 'static,
) -> DuplexStream {
    let (inner, server) = tokio::io::duplex(64 * 1024);
    let (client_read, client_write) = split(client);
    let (inner_read, inner_write) = split(inner);
    let (order, ordered) = oneshot::channel();
    tokio::spawn(async move {
        let up = upstream(client_read, inner_write, after, order);
        let down = downstream(inner_read, client_write, ordered, on_sent);
        // Each direction ends with its stream; an error counts as a close.
        let _ = tokio::join!(up, down);
    });
    server
}

async fn upstream(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    after: u32,
    order: oneshot::Sender<u32>,
) -> io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    from.read_exact(&mut preface).await?;
    to.write_all(&preface).await?;
    if preface != *PREFACE {
        tokio::io::copy(&mut from, &mut to).await?;
        return to.shutdown().await;
    }
    let (mut opened, mut last, mut order) = (0, 0, Some(order));
    while let Some(frame) = next(&mut from).await? {
        let stream = stream_of(&frame);
        if frame[3] == HEADERS && stream > last && order.is_some() {
            opened += 1;
            if opened > after {
                let order = order.take().expect("just seen");
                // Fails if the other direction has ended; then GOAWAY has no reader.
                let _ = order.send(last);
            } else {
                last = stream;
            }
        }
        if order.is_some() || stream <= last {
            to.write_all(&frame).await?;
        }
    }
    to.shutdown().await
}

async fn downstream(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut ordered: oneshot::Receiver<u32>,
    on_sent: impl FnOnce(),
) -> io::Result<()> {
    let mut on_sent = Some(on_sent);
    let mut pending = Vec::new();
    loop {
        tokio::select! {
            biased;
            last = &mut ordered, if on_sent.is_some() => {
                let on_sent = on_sent.take().expect("ordered once");
                if let Ok(last) = last {
                    to.write_all(&goaway(last)).await?;
                    on_sent();
                }
            }
            read = from.read_buf(&mut pending) => {
                if read? == 0 {
                    return to.shutdown().await;
                }
                while let Some(length) = whole_frame(&pending) {
                    to.write_all(&pending[..length]).await?;
                    pending.drain(..length);
                }
            }
        }
    }
}

async fn next(from: &mut ReadHalf<DuplexStream>) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; HEADER_LENGTH];
    if from.read(&mut frame[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut frame[1..]).await?;
    let length = payload_length(&frame);
    frame.resize(HEADER_LENGTH + length, 0);
    from.read_exact(&mut frame[HEADER_LENGTH..]).await?;
    Ok(Some(frame))
}

fn whole_frame(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEADER_LENGTH {
        return None;
    }
    let length = HEADER_LENGTH + payload_length(bytes);
    (bytes.len() >= length).then_some(length)
}

fn payload_length(frame: &[u8]) -> usize {
    u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize
}

fn stream_of(frame: &[u8]) -> u32 {
    u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]) & 0x7fff_ffff
}

fn goaway(last: u32) -> [u8; 17] {
    let mut frame = [0; 17];
    frame[2] = 8;
    frame[3] = GOAWAY;
    frame[9..13].copy_from_slice(&last.to_be_bytes());
    // The error code stays 0: NO_ERROR.
    frame
}
