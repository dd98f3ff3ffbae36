//! TLS of our own: certificates that change while the server runs, and those of clients.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use mcp_auth::PeerCertificate;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    },
};

use crate::{
    config::{Identity, Problem, TlsConfig},
    reload::{InForce, Watched, read},
};

/// The largest file of certificates or of a key, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// What is offered in the handshake (RFC 7301).
pub(super) const H2: &[u8] = b"h2";

/// The server's side of TLS, 1.2 at least.
#[derive(Clone, Debug)]
pub(crate) struct Tls(InForce<ServerConfig>);

impl Tls {
    /// What the settings ask for, and its files; `None` for plain HTTP.
    ///
    /// The files are one: a key belongs to its certificate. Where one is replaced before the other the pair does not
    /// match, and the last good one stays until it does.
    ///
    /// # Errors
    /// Files that cannot be used, by the variable that names them.
    pub(crate) fn new(config: &TlsConfig) -> Result<Option<(Self, Watched)>, Problem> {
        let Some(Identity { certificates, key }) = config.identity.clone() else { return Ok(None) };
        let client_ca = config.client_ca.clone();
        let mut files = vec![("MCP_TLS_CERT", certificates.clone()), ("MCP_TLS_KEY", key.clone())];
        files.extend(client_ca.clone().map(|path| ("MCP_TLS_CLIENT_CA", path)));
        let make = move || {
            server_config(&certificates, &key, client_ca.as_deref())
                .map_err(|(variable, text)| Problem::new(variable, "configuration", text))
        };
        let (in_force, files) = Watched::value(&files, make)?;
        Ok(Some((Self(in_force), files)))
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.0.now().into()
    }
}

/// When the first certificate of a file expires.
///
/// # Errors
/// When the file holds no certificate.
pub(crate) fn expires_at(path: &Path) -> Result<DateTime<Utc>, String> {
    let chain = certificates(path)?;
    let first = chain.first().and_then(|der| PeerCertificate::parse(der));
    first.map(|it| it.expires_at()).ok_or_else(|| "holds no certificate".to_owned())
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// When there is none, or the file cannot be read.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path, MAX_FILE).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err("holds no PEM certificate".to_owned()),
    }
}

type Wrong = (&'static str, String);

fn server_config(
    certificate_file: &Path,
    key_file: &Path,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, Wrong> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let wrong = |variable, path: &Path| {
        let shown = path.display().to_string();
        move |text: String| (variable, format!("{shown}: {text}"))
    };
    let chain = certificates(certificate_file).map_err(wrong("MCP_TLS_CERT", certificate_file))?;
    let key = read(key_file, MAX_FILE).map_err(|error| error.to_string());
    let key = key
        .and_then(|pem| {
            PrivateKeyDer::from_pem_slice(&pem).map_err(|_| "holds no PEM private key".to_owned())
        })
        .map_err(wrong("MCP_TLS_KEY", key_file))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ("MCP_TLS_CERT", error.to_string()))?;
    let builder = match client_ca {
        Some(path) => {
            let verifier = client_verifier(path, provider);
            builder.with_client_cert_verifier(verifier.map_err(wrong("MCP_TLS_CLIENT_CA", path))?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        let text = format!("does not belong to the certificate of MCP_TLS_CERT: {error}");
        ("MCP_TLS_KEY", text)
    })?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// A certificate is verified where one is sent. Whether one is needed is the gate's to say: probes send none.
fn client_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("holds no usable authority: {error}"))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| format!("holds no usable authority: {error}"))
}
