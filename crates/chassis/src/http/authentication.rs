//! From the settings of authentication to what checks credentials.

use std::{
    fmt::Display,
    path::Path,
    str,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_auth::{
    ApiKeys, AuthMode, Authenticator, CertificateScopes, ClientCredentials, Fetch, Introspection,
    Jwks, JwtVerifier, Revocations, ScopeSet, TokenRules,
};
use mcp_shared::{SharedRevocations, SharedState};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::fetch::IssuerClient;
use crate::{
    Check,
    config::{AuthConfig, Issuer, OauthConfig, Problem},
    reload::{Watched, read},
};

/// The largest key file, in bytes; what fits is checked again by `mcp-auth`.
const MAX_KEYS: u64 = 16 << 20;
/// The largest JWK Set, in bytes.
const MAX_JWKS: u64 = 1 << 20;

type Problems = Vec<Problem>;

/// Whom this deployment believes.
#[derive(Debug)]
pub(crate) struct Authentication {
    pub(crate) authenticator: Arc<Authenticator>,
    /// The authorization server of this deployment's tokens, and its keys.
    pub(super) oauth: Option<Oauth>,
    mode: AuthMode,
    /// What we prove who we are with to the introspection endpoint.
    secret: Mutex<Option<SecretString>>,
}

/// The authorization server.
#[derive(Debug)]
pub(super) struct Oauth {
    pub(super) issuer: Issuer,
    keys: Jwks,
    /// Without the issuer's keys nothing can be checked.
    needs_keys: bool,
}

impl Authentication {
    /// What the settings ask for, and its files; `None` where everybody may come in.
    ///
    /// # Errors
    /// Settings that are missing, contradict each other, or name files that cannot be used.
    pub(super) fn new(
        config: &AuthConfig,
        resource: &Url,
        read_scopes: &ScopeSet,
        shared: Option<&SharedState>,
    ) -> Result<Option<(Self, Vec<Watched>)>, Problems> {
        refuse_contradictions(config)?;
        let mode = config.mode.unwrap_or(AuthMode::NONE);
        if mode.is_none() {
            return Ok(None);
        }
        let mut files = Vec::new();
        let revocations = Arc::new(Revocations::default());
        let mut authenticator = Authenticator::new(Arc::clone(&revocations));
        if let Some(state) = shared {
            let source = Arc::new(SharedRevocations::new(state));
            authenticator = authenticator.with_shared_revocations(source);
        }
        let mut oauth = None;
        if mode.oauth {
            let (built, with_oauth, keys) = with_oauth(authenticator, &config.oauth, resource)?;
            (authenticator, oauth) = (built, Some(with_oauth));
            files.extend(keys);
        }
        let authenticator = Arc::new(authenticator);
        if mode.mtls {
            authenticator.set_certificates(CertificateScopes::new(config.certificates.clone()));
        }
        if mode.api_key {
            files.extend(api_keys(config, read_scopes, &authenticator)?);
        }
        if let Some(path) = &config.revoked_file {
            let apply = move |path: &Path| revocations.reload(path).map_err(told);
            files.push(watched("MCP_REVOKED_TOKENS_FILE", path, apply)?);
        }
        let secret = Mutex::new(config.oauth.client_secret.clone());
        Ok(Some((Self { authenticator, oauth, mode, secret }, files)))
    }

    /// Puts in force what a configuration says of credentials and no file of theirs does.
    pub(super) fn renew(&self, config: &AuthConfig) {
        if self.mode.mtls {
            let scopes = CertificateScopes::new(config.certificates.clone());
            self.authenticator.set_certificates(scopes);
        }
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        let oauth = &config.oauth;
        let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
        if oauth.client_secret.as_ref().map(exposed) == secret.as_ref().map(exposed) {
            return;
        }
        secret.clone_from(&oauth.client_secret);
        if let (Some(id), Some(secret)) = (oauth.client_id.clone(), oauth.client_secret.clone()) {
            self.authenticator.set_introspection_client(ClientCredentials { id, secret });
        }
    }

    /// Whether credentials can be checked; nothing where that needs nobody else.
    pub(crate) async fn check(&self) -> Option<Check> {
        self.oauth.as_ref().filter(|oauth| oauth.needs_keys)?;
        Some(Check::run("issuer", self.authenticator.ready()).await)
    }
}

impl Oauth {
    /// The issuer's own metadata: where it was found, else where RFC 8414 has it.
    pub(super) fn document(&self) -> Url {
        self.keys.discovered_at().unwrap_or_else(|| self.issuer.url.metadata())
    }
}

/// Settings that say two things: believing either would surprise somebody.
pub(super) fn refuse_contradictions(config: &AuthConfig) -> Result<(), Problems> {
    let mode = config.mode.unwrap_or(AuthMode::NONE);
    let (oauth, has_client_ca) = (&config.oauth, config.has_client_ca);
    let introspection = oauth.introspection_url.is_some();
    let client = oauth.client_id.is_some() && oauth.client_secret.is_some();
    let any_client = oauth.client_id.is_some() || oauth.client_secret.is_some();
    let rules = [
        (
            mode.mtls && !has_client_ca,
            "MCP_AUTH",
            "`mtls` needs the authority of the clients' certificates: set MCP_TLS_CLIENT_CA",
        ),
        (
            mode.mtls && has_client_ca && config.certificates.is_empty(),
            "MCP_AUTH",
            "`mtls` lets in whom the file's `[auth.certificates]` lists, like `\"CN=agent\" = \"tickets:read\"`",
        ),
        (
            !mode.mtls && has_client_ca,
            "MCP_TLS_CLIENT_CA",
            "is set while MCP_AUTH accepts no certificates: add `mtls` to it, or remove this",
        ),
        (
            mode.oauth && oauth.issuer.is_none(),
            "MCP_AUTH_ISSUER",
            "`oauth` needs the issuer of its tokens: set it to the authorization server",
        ),
        (
            !mode.oauth && oauth.issuer.is_some(),
            "MCP_AUTH_ISSUER",
            "is set while MCP_AUTH accepts no tokens: set MCP_AUTH=oauth, or remove it",
        ),
        (
            oauth.jwks_url.is_some() && oauth.jwks_file.is_some(),
            "MCP_AUTH_JWKS_FILE",
            "keys come from one place: keep this or MCP_AUTH_JWKS_URL",
        ),
        (
            introspection && !client,
            "MCP_AUTH_INTROSPECTION_URL",
            "needs MCP_AUTH_INTROSPECTION_CLIENT_ID and MCP_AUTH_INTROSPECTION_CLIENT_SECRET",
        ),
        (
            !introspection && any_client,
            "MCP_AUTH_INTROSPECTION_URL",
            "is missing while its client is set: set it, or remove the client",
        ),
        (
            mode.api_key && config.keys.is_none() && config.keys_file.is_none(),
            "MCP_AUTH",
            "`api-key` needs keys: set MCP_API_KEYS_FILE or MCP_API_KEYS",
        ),
    ];
    let broken: Vec<_> = rules
        .into_iter()
        .filter(|(broken, ..)| *broken)
        .map(|(_, name, text)| Problem::new(name, "configuration", text))
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// Adds the tokens of the issuer, and the file of its keys where there is one.
fn with_oauth(
    authenticator: Authenticator,
    config: &OauthConfig,
    resource: &Url,
) -> Result<(Authenticator, Oauth, Option<Watched>), Problems> {
    let problem = |name: &str, text: String| vec![Problem::new(name, "configuration", text)];
    let issuer = config.issuer.clone().ok_or_else(Vec::new)?;
    let client: Arc<dyn Fetch> = Arc::new(IssuerClient::default());
    let mut file = None;
    let keys = match (&config.jwks_file, &config.jwks_url) {
        (Some(path), _) => {
            let keys = Jwks::fixed(NO_KEYS).map_err(|error| problem("MCP_AUTH", told(error)))?;
            file = Some(jwks_file(path, keys.clone())?);
            keys
        }
        (None, Some(url)) => Jwks::at(url.clone(), Arc::clone(&client)),
        (None, None) => Jwks::of_issuer(&issuer.name, Arc::clone(&client))
            .map_err(|error| problem("MCP_AUTH_ISSUER", told(error)))?,
    };
    let rules = rules(config, &issuer, resource);
    let mut built = authenticator.with_jwt(JwtVerifier::new(keys.clone(), rules.clone()));
    if let (Some(endpoint), Some(id), Some(secret)) =
        (&config.introspection_url, &config.client_id, &config.client_secret)
    {
        let us = ClientCredentials { id: id.clone(), secret: secret.clone() };
        built = built.with_introspection(Introspection::new(endpoint.clone(), us, rules, client));
    }
    // An issuer of opaque tokens alone may have no keys at all.
    let named = config.jwks_url.is_some() || config.jwks_file.is_some();
    let needs_keys = named || config.introspection_url.is_none();
    Ok((built, Oauth { issuer, keys, needs_keys }, file))
}

const NO_KEYS: &[u8] = br#"{"keys":[]}"#;

fn jwks_file(path: &Path, keys: Jwks) -> Result<Watched, Problems> {
    let apply = move |path: &Path| keys.replace(&read(path, MAX_JWKS).map_err(told)?).map_err(told);
    watched("MCP_AUTH_JWKS_FILE", path, apply)
}

fn rules(config: &OauthConfig, issuer: &Issuer, resource: &Url) -> TokenRules {
    let mut rules = TokenRules::new(&issuer.name, resource.as_str());
    if !config.audiences.is_empty() {
        rules.audiences.clone_from(&config.audiences);
    }
    rules.leeway = config.leeway;
    rules.max_lifetime = config.max_lifetime;
    rules.scope_claims.clone_from(&config.scope_claims);
    rules.scope_map.clone_from(&config.scope_map);
    rules
}

/// Puts the API keys in force, and returns the file of theirs.
fn api_keys(
    config: &AuthConfig,
    read_scopes: &ScopeSet,
    authenticator: &Arc<Authenticator>,
) -> Result<Option<Watched>, Problems> {
    let wrong = |text| vec![Problem::new("MCP_API_KEYS", "configuration", text)];
    let plain = config.keys.clone().unwrap_or_default();
    let keys = ApiKeys::from_plain(&plain, read_scopes).map_err(|error| wrong(told(error)))?;
    if keys.is_empty() && config.keys_file.is_none() {
        return Err(wrong("holds no key".to_owned()));
    }
    authenticator.set_api_keys(keys);
    let Some(path) = &config.keys_file else { return Ok(None) };
    let (authenticator, read_scopes) = (Arc::clone(authenticator), read_scopes.clone());
    let apply = move |path: &Path| {
        let file = read(path, MAX_KEYS).map_err(told)?;
        authenticator.set_api_keys(joined(&file, &plain, &read_scopes)?);
        Ok(())
    };
    watched("MCP_API_KEYS_FILE", path, apply).map(Some)
}

fn joined(file: &[u8], plain: &SecretString, read_scopes: &ScopeSet) -> Result<ApiKeys, String> {
    let text = str::from_utf8(file).map_err(|_| "is not UTF-8".to_owned())?;
    let plain = ApiKeys::from_plain(plain, read_scopes).map_err(told)?;
    ApiKeys::from_toml(text).and_then(|keys| keys.merge(plain)).map_err(told)
}

fn watched(
    variable: &'static str,
    path: &Path,
    apply: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
) -> Result<Watched, Problems> {
    Watched::file(variable, path, apply).map_err(|problem| vec![problem])
}

/// An error of a file as one line: the path stands beside it, a secret never in it.
fn told(error: impl Display) -> String {
    error.to_string()
}
