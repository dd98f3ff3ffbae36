//! Who may call: the settings of authentication.
#![cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "every build accepts these settings, HTTP alone needs them")
)]

use std::{collections::BTreeMap, path::PathBuf, str::FromStr, time::Duration};

use mcp_auth::{AuthMode, ConfigError, IssuerUrl, ScopeSet};
use mcp_limits::HumanDuration;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use super::{Reader, TlsConfig, list::Names};

/// Beyond this, clocks would not differ but be wrong.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// Who may call.
#[derive(Debug)]
pub(crate) struct AuthConfig {
    /// `None` when the deployer did not say.
    pub(crate) mode: Option<AuthMode>,
    pub(crate) keys: Option<SecretString>,
    pub(crate) keys_file: Option<PathBuf>,
    pub(crate) revoked_file: Option<PathBuf>,
    pub(crate) stdio_scopes: Option<ScopeSet>,
    pub(crate) oauth: OauthConfig,
    /// Whether client certificates are verified (`MCP_TLS_CLIENT_CA`).
    pub(crate) has_client_ca: bool,
    /// `[auth.certificates]`: what the owner of each client certificate may do.
    pub(crate) certificates: BTreeMap<String, ScopeSet>,
}

impl AuthConfig {
    pub(super) fn read(reader: &mut Reader<'_>, tls: &TlsConfig) -> Self {
        Self {
            mode: reader.optional(
                "MCP_AUTH",
                "`none` (loopback only), or `oauth`, `api-key` and `mtls` joined by `+`; `none` on a loopback address \
                 when not set",
            ),
            keys: reader.plain_secret(
                "MCP_API_KEYS",
                "comma-separated plain keys with read scopes; `key=scope scope` widens one",
            ),
            keys_file: reader.optional(
                "MCP_API_KEYS_FILE",
                "a TOML file of `[[key]]` entries with owner, sha256, scopes and optionally expires_at; read again when \
                 it changes",
            ),
            revoked_file: reader.optional(
                "MCP_REVOKED_TOKENS_FILE",
                "a file of credentials to refuse, one a line: a `jti`, `sub:NAME before:TIME` or `key:FINGERPRINT`; read \
                 again when it changes",
            ),
            stdio_scopes: reader.optional(
                "MCP_STDIO_SCOPES",
                "the scopes of the stdio client, separated by spaces; all read scopes when not set",
            ),
            oauth: OauthConfig::read(reader),
            has_client_ca: tls.client_ca.is_some(),
            certificates: reader.live(|reader| scope_table(reader, "auth.certificates")),
        }
    }
}

/// Whose tokens are accepted, and how they are checked.
#[derive(Debug)]
pub(crate) struct OauthConfig {
    pub(crate) issuer: Option<Issuer>,
    pub(crate) jwks_url: Option<IssuerUrl>,
    pub(crate) jwks_file: Option<PathBuf>,
    /// Empty: the URI of this server.
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Duration,
    pub(crate) max_lifetime: Option<Duration>,
    /// More claims that hold scopes, besides `scope` and `scp`.
    pub(crate) scope_claims: Vec<String>,
    /// What the issuer's names for scopes mean here.
    pub(crate) scope_map: BTreeMap<String, ScopeSet>,
    pub(crate) introspection_url: Option<IssuerUrl>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
}

impl OauthConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let names = |names: Option<Names>| names.map(|names| names.0).unwrap_or_default();
        let oauth = Self {
            issuer: reader.optional(
                "MCP_AUTH_ISSUER",
                "the authorization server whose tokens are accepted, exactly as their `iss` names it",
            ),
            jwks_url: reader.optional(
                "MCP_AUTH_JWKS_URL",
                "where the issuer's keys are; found out from the issuer when not set",
            ),
            jwks_file: reader.optional(
                "MCP_AUTH_JWKS_FILE",
                "a JWK Set to use instead of asking the issuer; read again when it changes",
            ),
            audiences: names(reader.optional(
                "MCP_AUTH_AUDIENCE",
                "a comma-separated list of audiences of which a token must name one; this server's URI when not set",
            )),
            leeway: reader
                .or("MCP_AUTH_LEEWAY", "5s", "how far clocks may differ, at most 5m")
                .or_stand_in(HumanDuration(Duration::ZERO))
                .0,
            max_lifetime: reader
                .optional("MCP_AUTH_MAX_TOKEN_LIFETIME", "the longest lifetime of a token, like `1h`")
                .map(|HumanDuration(longest)| longest),
            scope_claims: names(reader.optional(
                "MCP_AUTH_SCOPE_CLAIMS",
                "a comma-separated list of claims that hold scopes besides `scope` and `scp`, like `realm_access.roles`",
            )),
            scope_map: BTreeMap::new(),
            introspection_url: reader.optional(
                "MCP_AUTH_INTROSPECTION_URL",
                "where the issuer says what an opaque token is worth (RFC 7662)",
            ),
            client_id: reader.optional(
                "MCP_AUTH_INTROSPECTION_CLIENT_ID",
                "this server's name at the introspection endpoint",
            ),
            client_secret: reader.live(|reader| {
                reader.secret(
                    "MCP_AUTH_INTROSPECTION_CLIENT_SECRET",
                    "this server's secret at the introspection endpoint",
                )
            }),
        };
        if oauth.leeway > MAX_LEEWAY {
            let origin = reader.origin("MCP_AUTH_LEEWAY");
            let text = "is more than 5m: set the clocks right instead".to_owned();
            reader.problem("MCP_AUTH_LEEWAY", &origin, text);
        }
        Self { scope_map: scope_table(reader, "auth.scope_map"), ..oauth }
    }
}

/// An authorization server: its exact name, which its tokens repeat, and the URL that this is.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) url: IssuerUrl,
}

impl FromStr for Issuer {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Ok(Self { name: text.to_owned(), url: text.parse()? })
    }
}

/// A table from a name to scopes.
fn scope_table(reader: &mut Reader<'_>, name: &'static str) -> BTreeMap<String, ScopeSet> {
    let table = reader.table::<ScopeList>(name).into_iter();
    table.map(|(name, scopes)| (name, scopes.0)).collect()
}

/// An entry of such a table: a list of scopes, or one text with spaces.
struct ScopeList(ScopeSet);

impl<'de> Deserialize<'de> for ScopeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of scopes, or one text with spaces")]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        let text = match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(text) => text,
            OneOrMany::Many(scopes) => scopes.join(" "),
        };
        text.parse().map(Self).map_err(de::Error::custom)
    }
}
