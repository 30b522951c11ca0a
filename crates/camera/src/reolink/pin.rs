//! TLS with a camera that signed its certificate itself: it is pinned on first use, so that nobody can step between later.

use super::Error;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The SHA-256 of a certificate in DER.
pub type Fingerprint = [u8; 32];

const HANDSHAKE: Duration = Duration::from_secs(8);

/// What a camera's certificate must be.
#[derive(Debug)]
pub(super) struct Pin {
    known: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Pin {
    /// A pin to a known certificate, or to the first that is met.
    pub fn new(known: Option<Fingerprint>) -> Self {
        let known = known.map(OnceLock::from).unwrap_or_default();
        Self { known, provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    pub fn get(&self) -> Option<Fingerprint> {
        self.known.get().copied()
    }

    /// Encrypts a connection. The certificate counts as known once the camera has proved that it has its key.
    pub async fn secure(self: Arc<Self>, stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Error> {
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned());
        let name = name.unwrap_or_else(|_| ServerName::try_from("camera").expect("it is a valid name"));
        let shaken = timeout(HANDSHAKE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        let limit = HANDSHAKE;
        let stream = shaken.map_err(|_| crate::Error::Timeout { step: "encryption", limit })?.map_err(refused)?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(Error::Tls)?;
        // Of two connections at once, the first decides.
        if *self.known.get_or_init(|| fingerprint(shown)) != fingerprint(shown) {
            return Err(Error::Certificate);
        }
        Ok(stream)
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

fn refused(error: io::Error) -> Error {
    const OTHER: rustls::Error = rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) if *inner == OTHER => Error::Certificate,
        Some(_) => Error::Tls,
        None => crate::Error::from(error).into(),
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.known.get() {
            Some(known) if *known != fingerprint(shown) => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
