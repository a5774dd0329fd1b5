//! `WebSocket`s through the gateway (VA-14).

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::gateway;

#[tokio::test]
async fn va_14_an_echo_of_text_and_of_much() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    // A route's timeout does not cut what was upgraded.
    let proxy = gateway(address, "HTTP", "    timeout: 1s").await;
    let gateway = proxy.address("gateway|80");
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (mut socket, response) =
        tokio_tungstenite::client_async(format!("ws://{gateway}/chat"), stream).await.unwrap();
    assert_eq!(response.status(), 101);
    for size in [1, 1_000, 1_000_000] {
        let text = "x".repeat(size);
        socket.send(Message::text(text.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), text.as_str());
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}
