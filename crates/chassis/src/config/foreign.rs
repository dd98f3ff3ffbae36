//! Variables that the common guides use and we do not read: one warning each, naming ours.

use super::Vars;

/// Theirs, and ours.
const FOREIGN: [(&str, &str); 12] = [
    ("API_KEY", "MCP_API_KEYS"),
    ("API_KEYS", "MCP_API_KEYS"),
    ("API_TOKEN", "MCP_API_KEYS"),
    ("AUTH_AUDIENCE", "MCP_AUTH_AUDIENCE"),
    ("AUTH_ISSUER", "MCP_AUTH_ISSUER"),
    ("JWKS_URI", "MCP_AUTH_JWKS_URL"),
    ("JWKS_URL", "MCP_AUTH_JWKS_URL"),
    ("JWT_SECRET", "MCP_AUTH_ISSUER (shared-secret tokens are not accepted)"),
    ("OIDC_ISSUER", "MCP_AUTH_ISSUER"),
    ("RATE_LIMIT", "MCP_RATE_LIMIT"),
    ("SSL_CERT_PATH", "MCP_TLS_CERT"),
    ("SSL_KEY_PATH", "MCP_TLS_KEY"),
];

/// Warns once for each variable that somebody set in vain.
pub(crate) fn warn_of_foreign_variables(vars: &Vars) {
    for (theirs, ours) in foreign_variables(vars) {
        tracing::warn!(variable = theirs, instead = ours, "this variable is not read");
    }
}

/// The variables that somebody set in vain, each with ours.
pub(crate) fn foreign_variables(vars: &Vars) -> impl Iterator<Item = (&'static str, &'static str)> {
    FOREIGN.into_iter().filter(|(theirs, _)| vars.get(theirs).is_some())
}
