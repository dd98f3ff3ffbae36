//! Whether the server speaks TLS itself.
#![cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "every build accepts these settings, HTTP alone needs them")
)]

use std::{net::SocketAddr, path::PathBuf};

use super::Reader;

/// The files of TLS, and who is sent to it.
#[derive(Debug)]
pub(crate) struct TlsConfig {
    /// The certificate chain and its private key. None: plain HTTP.
    pub(crate) identity: Option<Identity>,
    /// The authorities of client certificates.
    pub(crate) client_ca: Option<PathBuf>,
    /// A plain listener that sends everybody to TLS.
    pub(crate) redirect_listen: Option<SocketAddr>,
}

/// What the server proves who it is with.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificates: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let certificates: Option<PathBuf> = reader.optional(
            "MCP_TLS_CERT",
            "a PEM file of the server's certificate and its chain; read again when it changes",
        );
        let key: Option<PathBuf> = reader.optional(
            "MCP_TLS_KEY",
            "a PEM file of the certificate's private key; read again when it changes",
        );
        let client_ca: Option<PathBuf> = reader.optional(
            "MCP_TLS_CLIENT_CA",
            "a PEM file of the authorities whose client certificates are accepted; read again when it changes",
        );
        let redirect_listen: Option<SocketAddr> = reader.optional(
            "MCP_TLS_REDIRECT_LISTEN",
            "an address for plain HTTP that sends everybody to TLS (308), like `0.0.0.0:8081`",
        );
        let identity = match (certificates, key) {
            (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
            (None, None) => None,
            (Some(_), None) => missing(reader, "MCP_TLS_KEY", "MCP_TLS_CERT"),
            (None, Some(_)) => missing(reader, "MCP_TLS_CERT", "MCP_TLS_KEY"),
        };
        for (is_set, variable) in [
            (client_ca.is_some(), "MCP_TLS_CLIENT_CA"),
            (redirect_listen.is_some(), "MCP_TLS_REDIRECT_LISTEN"),
        ] {
            if is_set && identity.is_none() {
                let origin = reader.origin(variable);
                let text = "needs MCP_TLS_CERT and MCP_TLS_KEY: set them, or remove it".to_owned();
                reader.problem(variable, &origin, text);
            }
        }
        Self { identity, client_ca, redirect_listen }
    }
}

fn missing(reader: &mut Reader<'_>, variable: &'static str, given: &str) -> Option<Identity> {
    let origin = reader.origin(variable);
    reader.problem(variable, &origin, format!("is missing while {given} is set: set both"));
    None
}
