//! WebSocket and other upgrades (VA-14).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{DEADLINE, World, echo_heads, exchange, gateway_to, read_head};

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: a.test\r\nconnection: keep-alive, Upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n";

/// Switches, then says back all it hears, and a last word once the other side has ended.
async fn switching() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                count => {
                    heard.extend_from_slice(&buffer[..count]);
                    stream.write_all(&buffer[..count]).await.unwrap();
                }
            }
        }
        stream.write_all(b"bye").await.unwrap();
    });
    address
}

#[tokio::test]
async fn va_14_a_websocket_is_a_tunnel_and_each_side_ends_by_itself() {
    let world = World::gateway(&gateway_to(switching().await)).await;
    let mut stream = TcpStream::connect(world.address("gateway|80")).await.unwrap();
    stream.write_all(ASK.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    timeout(DEADLINE, stream.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"hello");
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, "bye");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn va_14_other_upgrades_are_refused() {
    let world = World::gateway(&gateway_to(echo_heads().await)).await;
    let ask = "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade, close\r\nupgrade: irc\r\n\r\n";
    let answer = exchange(world.address("gateway|80"), ask).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("upgrade_failed"), "{answer}");
}
