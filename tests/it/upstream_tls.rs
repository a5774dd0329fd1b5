//! TLS to endpoints, mode SIMPLE (TL-1, TL-3), over sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_core::api::Documents;
use mesh_tower::Mesh;
use mesh_tower::record::Record;
use rcgen::CertifiedKey;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A TLS server that answers with the server name it was asked for.
async fn server(certificate: &CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate closes here.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let name = stream.get_ref().1.server_name().unwrap_or("-").to_owned();
                let answer = hyper::service::service_fn(move |_| {
                    let name = name.clone();
                    async move { Ok::<_, hyper::Error>(http::Response::new(Full::new(Bytes::from(name)))) }
                });
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    address
}

/// Calls `http://secure.example:8443/` under these `tls` settings; returns the text, or the error's line.
async fn call(address: SocketAddr, protocol: &str, tls: &str) -> Result<String, String> {
    call_recorded(address, protocol, tls, Record::default()).await
}

/// The same, with the call's decision record.
async fn call_recorded(
    address: SocketAddr,
    protocol: &str,
    tls: &str,
    record: Record,
) -> Result<String, String> {
    let yaml = format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: secure}}
spec:
  hosts: [secure.example]
  ports: [{{number: 8443, name: web, protocol: {protocol}}}]
  resolution: STATIC
  endpoints: [{{address: {}, ports: {{web: {}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: secure}}
spec:
  host: secure.example
  trafficPolicy:
    tls: {{mode: SIMPLE, {tls}}}
",
        address.ip(),
        address.port()
    );
    let (documents, findings) = Documents::parse([("secure.yaml", yaml)]);
    assert!(!findings.has_errors(), "{findings}");
    let mesh = Mesh::from_documents(documents).start().await.unwrap();
    let mut request =
        http::Request::get("http://secure.example:8443/").body(mesh_tower::Body::empty()).unwrap();
    request.extensions_mut().insert(record);
    let response = mesh.client().request(request).await.map_err(|error| error.reply().details.to_string())?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// TL-1: mode SIMPLE.
#[tokio::test]
async fn tl_3_the_name_asked_for_and_the_names_accepted() {
    let certificate = rcgen::generate_simple_self_signed(["secure.example".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certificate.cert.pem()).unwrap();
    let trusted = format!("caCertificates: {}", roots.display());
    let address = server(&certificate).await;
    for protocol in ["HTTP", "HTTP2"] {
        let asked = async |tls: String| call(address, protocol, &tls).await;
        assert_eq!(asked(trusted.clone()).await.unwrap(), "secure.example", "the host is the SNI");
        let other = asked(format!("{trusted}, sni: other.example")).await.unwrap_err();
        assert!(other.contains("TLS_error"), "a certificate for another name: {other}");
        let listed =
            format!("{trusted}, sni: other.example, subjectAltNames: [wrong.example, secure.example]");
        assert_eq!(asked(listed).await.unwrap(), "other.example", "the names accepted are listed");
        let unlisted = asked(format!("{trusted}, subjectAltNames: [wrong.example]")).await.unwrap_err();
        assert!(unlisted.contains("TLS_error"), "{unlisted}");
        assert!(asked("insecureSkipVerify: true".to_owned()).await.is_ok());
    }
    let untrusted = rcgen::generate_simple_self_signed(["secure.example".to_owned()]).unwrap();
    let error = call(server(&untrusted).await, "HTTP", &trusted).await.unwrap_err();
    assert!(error.contains("remote_connection_failure|TLS_error"), "{error}");
}

/// AL-3: our address of a connection is the socket's, also under TLS.
#[tokio::test]
async fn al_3_our_address_of_a_connection_is_known_under_tls() {
    let certificate = rcgen::generate_simple_self_signed(["secure.example".to_owned()]).unwrap();
    let address = server(&certificate).await;
    for protocol in ["HTTP", "HTTP2"] {
        let record = Record::default();
        call_recorded(address, protocol, "insecureSkipVerify: true", record.clone()).await.unwrap();
        let local = record.decision().local;
        assert!(local.is_some_and(|local| local.ip() == address.ip()), "{protocol}: {local:?}");
    }
}
