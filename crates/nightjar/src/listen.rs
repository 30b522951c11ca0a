//! The listener: TCP, TLS where it is on, and what the API must know of each connection.
//!
//! With TLS on, plain HTTP on the same port is accepted far enough to answer it with a redirect or a refusal.

use api::Connection;
use axum::{Extension, Router};
use axum_server::{Handle, accept::Accept};
use base::{Error, Result, Shutdown};
use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;
use tower::Layer;

/// How long a client may take to begin, to shake hands, or to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long open requests may go on after shutdown began.
const GRACE: Duration = Duration::from_secs(3);
/// The first byte of a TLS record that carries a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;

/// Binds the address, so that a port that is taken is an error before anything starts.
pub fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| Error::unavailable(format!("cannot listen on {address}")).because(error))
}

/// Serves until shutdown begins, and then lets open requests finish for a moment.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    shutdown: &Shutdown,
) -> Result<()> {
    let failed = |error| Error::unavailable("the listener failed").because(error);
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
    server.http_builder().http1().header_read_timeout(PATIENCE);
    let server = server
        .first_request_timeout(PATIENCE)
        .acceptor(Front { tls: tls.map(TlsAcceptor::from) })
        .serve(router.into_make_service());
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(failed),
        () = shutdown.begun() => handle.graceful_shutdown(Some(GRACE)),
    }
    server.await.map_err(failed)
}

/// Shakes hands where TLS is on, and tells the service of the connection.
#[derive(Clone)]
struct Front {
    tls: Option<TlsAcceptor>,
}

type Stream = Either<TlsStream<TcpStream>, TcpStream>;

impl<S: Send + 'static> Accept<TcpStream, S> for Front {
    type Stream = Stream;
    type Service = axum::middleware::AddExtension<S, Connection>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            stream.set_nodelay(true)?;
            let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
            let stream = timeout(PATIENCE, greet(tls, stream)).await.map_err(|_| io::ErrorKind::TimedOut)??;
            let connection = Connection { encrypted: matches!(stream, Either::Left(_)), local, peer };
            Ok((stream, Extension(connection).layer(service)))
        })
    }
}

async fn greet(tls: Option<TlsAcceptor>, stream: TcpStream) -> io::Result<Stream> {
    let Some(tls) = tls else { return Ok(Either::Right(stream)) };
    let mut first = [0];
    match stream.peek(&mut first).await? {
        1 if first[0] == HANDSHAKE => tls.accept(stream).await.map(Either::Left),
        _ => Ok(Either::Right(stream)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Tls};
    use axum::routing::get;
    use base::World;
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, version::TLS12, version::TLS13};
    use std::process::{Command, Stdio};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A TLS server that answers with what it knows of the connection, and the certificate it shows.
    async fn server() -> (SocketAddr, RootCertStore, Shutdown) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let config = Server { tls: Tls::SelfSigned, ..Server::default() };
        let tls = crate::tls::load(&config, folder.path(), &World::system()).unwrap();
        let mut roots = RootCertStore::empty();
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        roots.add(CertificateDer::from_pem_file(folder.path().join("tls/cert.pem")).unwrap()).unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let answer = |Extension(connection): Extension<Connection>| async move {
            format!("encrypted={} local={}", connection.encrypted, connection.local)
        };
        let (router, shutdown) = (Router::new().route("/", get(answer)), Shutdown::new());
        let signal = shutdown.clone();
        tokio::spawn(async move { serve(listener, tls, router, &signal).await });
        (address, roots, shutdown)
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn tls_1_2_and_1_3_are_spoken_and_older_versions_refused() {
        policy::prove!(C9_2_1);
        let (address, roots, _shutdown) = server().await;
        for version in [&TLS12, &TLS13] {
            let config = ClientConfig::builder_with_protocol_versions(&[version])
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            stream.write_all(REQUEST).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains(&format!("encrypted=true local={address}")), "{answer}");
        }
        let answer = hello(address, 3).await;
        assert_eq!(answer[0], HANDSHAKE, "the hello itself is acceptable: TLS 1.2 gets an answer");
        for minor in [0, 1, 2] {
            let answer = hello(address, minor).await;
            assert_eq!(
                (answer[0], &answer[5..7]),
                (21, &[2, 70][..]),
                "a fatal protocol_version alert (RFC 8446, 6.2)"
            );
        }
    }

    /// Sends a ClientHello that offers nothing newer than version 3.`minor` and gives what comes back. By hand, because no
    /// current TLS library can still make one.
    async fn hello(address: SocketAddr, minor: u8) -> Vec<u8> {
        let mut body = vec![3, minor];
        body.extend([7; 32]); // random
        body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]); // no session, ECDHE-ECDSA-AES128-GCM-SHA256, no compression
        let extensions: &[&[u8]] = &[
            &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23], // groups x25519 and secp256r1
            &[0, 11, 0, 2, 1, 0],               // uncompressed points
            &[0, 13, 0, 4, 0, 2, 4, 3],         // ecdsa_secp256r1_sha256
            &[0, 23, 0, 0],                     // extended master secret
        ];
        let extensions = extensions.concat();
        body.extend([0, extensions.len() as u8]);
        body.extend(extensions);
        let mut record = vec![HANDSHAKE, 3, 1, 0, (body.len() + 4) as u8, 1, 0, 0, body.len() as u8];
        record.extend(body);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&record).await.unwrap();
        let mut answer = vec![0; 7];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn openssl_agrees_on_the_suites_of_the_policy() {
        policy::prove!(C9_2_2);
        let (address, _, _shutdown) = server().await;
        let connects = |arguments: &'static [&str]| async move {
            let run = move || {
                Command::new("openssl")
                    .args(["s_client", "-connect", &address.to_string()])
                    .args(arguments)
                    .stdin(Stdio::null())
                    .output()
                    .expect("openssl is there")
            };
            tokio::task::spawn_blocking(run).await.unwrap().status.success()
        };
        assert!(connects(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]).await);
        assert!(connects(&["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"]).await);
        assert!(!connects(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]).await, "no CBC");
        assert!(!connects(&["-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256"]).await, "no key transport by RSA");
    }

    #[tokio::test]
    async fn plain_http_on_a_tls_port_reaches_the_service_as_not_encrypted() {
        let (address, _, _shutdown) = server().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("encrypted=false"), "{answer}");
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go() {
        let (address, _, shutdown) = server().await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        shutdown.begin();
        let mut byte = [0];
        let ended = timeout(PATIENCE + GRACE, silent.read(&mut byte)).await.expect("it is closed in time");
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
}
