//! HTTPS at the gateway, the certificate chosen by SNI (GW-11).

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_tests::backend::Backend;
use mesh_tests::proxy::Proxy;
use rcgen::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{HOST, PROXY};

fn certificate(host: &str) -> CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed([host.to_owned()]).unwrap()
}

fn secret(name: &str, certificate: &CertifiedKey<rcgen::KeyPair>) -> String {
    let indented = |pem: String| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: default}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{}  tls.key: |
{}---
",
        indented(certificate.cert.pem()),
        indented(certificate.signing_key.serialize_pem()),
    )
}

fn yaml(backend: SocketAddr, secrets: &str) -> String {
    let server = |name: &str| {
        format!(
            "  - port: {{number: 443, name: https-{name}, protocol: HTTPS}}
    hosts: [{name}.test]
    tls: {{mode: SIMPLE, credentialName: {name}}}
"
        )
    };
    secrets.to_owned()
        + &mesh_tests::config::entry(HOST, "HTTP", 8080, &[backend])
        + &format!(
            "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  servers:
{}{}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: edge, namespace: default}}
spec:
  hosts: [one.test, two.test]
  gateways: [edge]
  http:
  - route: [{{destination: {{host: {HOST}, port: {{number: 8080}}}}}}]
",
            server("one"),
            server("two")
        )
}

/// GET over TLS that trusts this certificate only: the protocol agreed on, and the text.
async fn get(
    address: SocketAddr,
    host: &str,
    trusted: &CertifiedKey<rcgen::KeyPair>,
    protocols: &[&[u8]],
) -> std::io::Result<(Vec<u8>, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let agreed = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
    let request = http::Request::get(format!("https://{host}/")).header("host", host);
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = if agreed == b"h2" {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Ok((agreed, String::from_utf8_lossy(&body).into_owned()))
}

/// Waits for this certificate to be shown.
async fn until_served(address: SocketAddr, host: &str, trusted: &CertifiedKey<rcgen::KeyPair>) {
    let served = async {
        let mut turn = tokio::time::interval(std::time::Duration::from_millis(5));
        while get(address, host, trusted, &[b"h2"]).await.is_err() {
            turn.tick().await;
        }
    };
    tokio::time::timeout(mesh_tests::proxy::DEADLINE, served).await.unwrap();
}

/// The same by a Gateway of the Gateway API: two listeners on one port; the Secret of one is in another namespace,
/// which grants it (GA-1).
#[tokio::test]
async fn ga_1_gw_11_listeners_of_the_gateway_api_serve_by_sni() {
    let (one, two) = (certificate("one.test"), certificate("two.test"));
    let backend = Backend::text("secret").await;
    let secrets = secret("one", &one) + &secret("two", &two).replace("namespace: default", "namespace: keys");
    let yaml = secrets
        + &mesh_tests::config::entry(HOST, "HTTP", 8080, &[backend.address()])
        + &format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  gatewayClassName: istio
  listeners:
  - name: one
    port: 443
    protocol: HTTPS
    hostname: one.test
    tls: {{mode: Terminate, certificateRefs: [{{name: one}}]}}
  - name: two
    port: 443
    protocol: HTTPS
    hostname: two.test
    tls: {{certificateRefs: [{{group: '', kind: Secret, name: two, namespace: keys}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: edge, namespace: keys}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}}]
  to: [{{group: '', kind: Secret}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: edge, namespace: default}}
spec:
  parentRefs: [{{name: edge}}]
  rules:
  - backendRefs: [{{group: networking.istio.io, kind: Hostname, name: {HOST}, port: 8080}}]
"
        );
    let proxy = Proxy::start(PROXY, &yaml, "--bind 443=127.0.0.1:0").await;
    let address = proxy.address("gateway|443");
    for (host, shown, other) in [("one.test", &one, &two), ("two.test", &two, &one)] {
        let (agreed, text) = get(address, host, shown, &[b"h2", b"http/1.1"]).await.unwrap();
        assert_eq!((agreed.as_slice(), text.as_str()), (b"h2".as_slice(), "secret"), "{host}");
        assert!(get(address, host, other, &[b"h2"]).await.is_err(), "{host}");
    }
    assert!(get(address, "three.test", &one, &[b"h2"]).await.is_err(), "no listener has this name");
}

#[tokio::test]
async fn gw_11_the_certificate_is_chosen_by_sni_and_the_protocol_by_alpn() {
    let (one, two) = (certificate("one.test"), certificate("two.test"));
    let backend = Backend::text("secret").await;
    let yaml = yaml(backend.address(), &(secret("one", &one) + &secret("two", &two)));
    let proxy = Proxy::start(PROXY, &yaml, "--role gateway --bind 443=127.0.0.1:0").await;
    let address = proxy.address("gateway|443");
    for (host, trusted) in [("one.test", &one), ("two.test", &two)] {
        for protocol in [&b"h2"[..], b"http/1.1"] {
            let (agreed, text) = get(address, host, trusted, &[protocol]).await.unwrap();
            assert_eq!((agreed.as_slice(), text.as_str()), (protocol, "secret"), "{host}");
        }
    }
    assert!(get(address, "two.test", &one, &[b"h2"]).await.is_err(), "another certificate is shown");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_after_a_reload() {
    let (one, two, renewed) = (certificate("one.test"), certificate("two.test"), certificate("one.test"));
    let backend = Backend::text("secret").await;
    let old = yaml(backend.address(), &(secret("one", &one) + &secret("two", &two)));
    let proxy = Proxy::start(PROXY, &old, "--role gateway --bind 443=127.0.0.1:0").await;
    let address = proxy.address("gateway|443");
    assert!(get(address, "one.test", &one, &[b"h2"]).await.is_ok());
    proxy.write(&yaml(backend.address(), &(secret("one", &renewed) + &secret("two", &two))));
    proxy
        .until("/stats/prometheus", |_, text| text.lines().any(|line| line == "mesh_config_generation 2"))
        .await;
    until_served(address, "one.test", &renewed).await;
    assert!(get(address, "two.test", &two, &[b"h2"]).await.is_ok());
}

#[tokio::test]
async fn a_certificate_in_a_file_is_read_again_by_itself_and_half_a_pair_changes_nothing() {
    let (one, renewed) = (certificate("one.test"), certificate("one.test"));
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("one.crt"), folder.path().join("one.key"));
    let write_chain = |of: &CertifiedKey<_>| std::fs::write(&chain, of.cert.pem()).unwrap();
    let write_key = |of: &CertifiedKey<rcgen::KeyPair>| {
        std::fs::write(&key, of.signing_key.serialize_pem()).unwrap();
    };
    write_chain(&one);
    write_key(&one);
    let backend = Backend::text("secret").await;
    let files = format!("serverCertificate: {}, privateKey: {}", chain.display(), key.display());
    let yaml = yaml(backend.address(), &secret("two", &certificate("two.test")));
    let yaml = yaml.replace("credentialName: one", &files);
    let proxy = Proxy::start(PROXY, &yaml, "--role gateway --bind 443=127.0.0.1:0").await;
    let address = proxy.address("gateway|443");
    assert!(get(address, "one.test", &one, &[b"h2"]).await.is_ok());
    write_chain(&renewed);
    proxy.logged("its new certificates cannot be used; the last good ones stay").await;
    assert!(get(address, "one.test", &one, &[b"h2"]).await.is_ok(), "the old pair is shown whole");
    write_key(&renewed);
    until_served(address, "one.test", &renewed).await;
}

/// As Istio's gateways do: an offer without a known protocol does not prevent the connection.
#[tokio::test]
async fn gw_11_an_alpn_offer_with_nothing_in_common_is_served_without_alpn() {
    let (one, two) = (certificate("one.test"), certificate("two.test"));
    let backend = Backend::text("secret").await;
    let yaml = yaml(backend.address(), &(secret("one", &one) + &secret("two", &two)));
    // With terms of its own for one of the two, the listener has several configurations.
    let terms = yaml.replacen("credentialName: two", "minProtocolVersion: TLSV1_3, credentialName: two", 1);
    assert_ne!(terms, yaml);
    for yaml in [yaml, terms] {
        let proxy = Proxy::start(PROXY, &yaml, "--role gateway --bind 443=127.0.0.1:0").await;
        let address = proxy.address("gateway|443");
        for (host, trusted) in [("one.test", &one), ("two.test", &two)] {
            for offer in [&[&b"istio"[..], b"http/1.0"][..], &[b"spdy/3"], &[]] {
                let (agreed, text) = get(address, host, trusted, offer).await.unwrap();
                assert_eq!((agreed.as_slice(), text.as_str()), (&b""[..], "secret"), "{host} {offer:?}");
            }
            let (agreed, _) = get(address, host, trusted, &[b"spdy/3", b"h2"]).await.unwrap();
            assert_eq!(agreed, b"h2", "{host}");
        }
    }
}
