//! What a health check believes: the server's own certificate, whatever name it is for.

use std::{
    io,
    net::{IpAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::tls::certificates;

/// The one certificate that is accepted.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl OwnCertificate {
    /// The first certificate of the server's file.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let certificate = certificates(path)?.into_iter().next().ok_or("holds no certificate")?;
        Ok(Self { certificate, provider: Arc::new(aws_lc_rs::default_provider()) })
    }

    /// Speaks TLS on a connection to the server.
    ///
    /// # Errors
    /// When TLS cannot be set up. A server with another certificate shows when the connection is used.
    pub(crate) fn connect(
        self,
        address: IpAddr,
        stream: TcpStream,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self))
            .with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), address.into());
        Ok(StreamOwned::new(connection.map_err(io::Error::other)?, stream))
    }
}

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("the certificate is not this server's".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
