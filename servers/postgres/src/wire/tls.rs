//! TLS to the database, in the modes that PostgreSQL's own clients have (section 34.19 of its manual).

use std::{path::PathBuf, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use super::AddressError;

/// How a connection is encrypted.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    pub(super) mode: Mode,
    /// Certificates of authorities to believe, instead of the system's.
    pub(super) roots: Option<PathBuf>,
    /// What the database knows us by, with its key.
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    Disable,
    /// Encrypted where the database can.
    #[default]
    Prefer,
    /// Encrypted, to whoever answers.
    Require,
    /// Encrypted, to somebody whom an authority vouches for.
    VerifyCa,
    /// Encrypted, to the host of the address.
    VerifyFull,
}

impl FromStr for Mode {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(AddressError::Mode),
        })
    }
}

impl Tls {
    /// Whether nobody can stand in for the database.
    pub(super) fn verifies(&self) -> bool {
        self.mode == Mode::VerifyFull
    }

    /// Reads the files; nothing when the connection is not to be encrypted.
    pub(super) fn connector(&self) -> Result<Option<TlsConnector>, AddressError> {
        if self.mode == Mode::Disable {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = ModeVerifier {
            inner: self.verifier(&provider)?,
            checks_name: self.mode == Mode::VerifyFull,
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let chain = CertificateDer::pem_file_iter(certificate).map_err(unusable)?;
                let chain = chain.collect::<Result<_, _>>().map_err(unusable)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(unusable)?;
                config.with_client_auth_cert(chain, key).map_err(unusable)?
            }
            (None, None) => config.with_no_client_auth(),
            _ => return Err(AddressError::File("`sslcert` and `sslkey` go together".to_owned())),
        };
        Ok(Some(TlsConnector::from(Arc::new(config))))
    }

    /// Who checks the database's certificate; nobody where the mode says so. Like PostgreSQL's clients, `require`
    /// checks when it is told whom to believe.
    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ServerCertVerifier>>, AddressError> {
        match (self.mode, &self.roots) {
            (Mode::Disable | Mode::Prefer, _) | (Mode::Require, None) => Ok(None),
            (_, Some(path)) => {
                let mut roots = RootCertStore::empty();
                for root in CertificateDer::pem_file_iter(path).map_err(unusable)? {
                    roots.add(root.map_err(unusable)?).map_err(unusable)?;
                }
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
                Ok(Some(verifier.build().map_err(unusable)?))
            }
            (_, None) => {
                let verifier = Verifier::new(Arc::clone(provider)).map_err(unusable)?;
                Ok(Some(Arc::new(verifier)))
            }
        }
    }
}

/// These errors tell of files and formats, never of what stands in them.
fn unusable(error: impl std::fmt::Display) -> AddressError {
    AddressError::File(error.to_string())
}

/// A verifier as strict as the mode asks for.
#[derive(Debug)]
struct ModeVerifier {
    inner: Option<Arc<dyn ServerCertVerifier>>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ModeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The chain was good: the name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
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
