//! `POST /token`: a code, a refresh token or a client's own credentials for an access token.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::clients::Client;
use super::parameters::{Once, Parameters};
use super::{Claims, Refusal, Shared, TOKEN_LIFETIME, json_response};

/// A code is traded at once (RFC 6749 §4.1.2: ten minutes at most).
const CODE_LIFETIME: Duration = Duration::from_mins(1);
const REFRESH_LIFETIME: Duration = Duration::from_hours(12);

/// What a user allowed a client.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) subject: String,
    /// Separated by spaces.
    pub(super) scope: String,
    pub(super) resource: String,
    /// As it stood in the authorization request.
    pub(super) redirect_uri: String,
    /// PKCE, S256.
    pub(super) challenge: String,
}

/// What can be traded for tokens.
#[derive(Debug, Default)]
pub(super) struct Grants {
    codes: Once<Grant>,
    refresh: Once<Grant>,
}

impl Grants {
    pub(super) fn issue_code(&self, grant: Grant) -> Result<String, Refusal> {
        self.codes.put(grant, CODE_LIFETIME)
    }
}

/// `POST /token`.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let form = Parameters::parse(&body)?;
    let client = authenticate(&shared, &headers, &form).await?;
    match form.require("grant_type", "`grant_type` is missing")? {
        "authorization_code" => by_code(&shared, &client, &form),
        "refresh_token" => by_refresh_token(&shared, &client, &form),
        "client_credentials" => by_credentials(&shared, &client, &form),
        _ => Err(Refusal::new("unsupported_grant_type", "the grant type is not supported")),
    }
}

/// Who asks: by the secret of a confidential client, by its name alone a public one.
async fn authenticate(
    shared: &Shared,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Client, Refusal> {
    let refused = |reason| Refusal::new("invalid_client", reason);
    let (id, secret) = if let Some(value) = headers.get(header::AUTHORIZATION) {
        let credentials = value.to_str().ok().and_then(basic);
        let (id, secret) = credentials.ok_or(refused("no HTTP Basic credentials"))?;
        (id, Some(secret))
    } else {
        let id = form.get("client_id").ok_or(refused("`client_id` is missing"))?;
        (id.to_owned(), form.get("client_secret").map(str::to_owned))
    };
    let client = shared.clients.find(&id).await?;
    if client.secret == secret {
        Ok(client)
    } else {
        Err(refused("the secret is not the client's"))
    }
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined; ours are hexadecimal.
fn basic(value: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn by_code(shared: &Shared, client: &Client, form: &Parameters) -> Result<Response, Refusal> {
    let refused = |reason| Refusal::new("invalid_grant", reason);
    let code = form.require("code", "`code` is missing")?;
    let verifier = form.require("code_verifier", "`code_verifier` is missing")?;
    // Taken whatever follows: a code that was tried with the wrong proof is lost.
    let grant = shared.grants.codes.take(code);
    let grant = grant.ok_or(refused("the code is not known, was used already or is too old"))?;
    if grant.client != client.id || form.get("redirect_uri") != Some(&grant.redirect_uri) {
        return Err(refused("the code was made for another client or `redirect_uri`"));
    }
    if BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != grant.challenge {
        return Err(refused("`code_verifier` does not fit"));
    }
    same_resource(form, &grant)?;
    answer(shared, &grant, true)
}

fn by_refresh_token(
    shared: &Shared,
    client: &Client,
    form: &Parameters,
) -> Result<Response, Refusal> {
    let refused = |reason| Refusal::new("invalid_grant", reason);
    let token = form.require("refresh_token", "`refresh_token` is missing")?;
    let grant = shared.grants.refresh.take(token);
    let mut grant = grant.ok_or(refused("the refresh token is not known or was used already"))?;
    if grant.client != client.id {
        return Err(refused("the refresh token is another client's"));
    }
    same_resource(form, &grant)?;
    if form.get("scope").is_some() {
        let (asked, granted) = (form.scope()?, grant.scope);
        if !asked.split(' ').all(|scope| granted.split(' ').any(|it| it == scope)) {
            return Err(Refusal::new("invalid_scope", "`scope` is more than was granted"));
        }
        grant.scope = asked;
    }
    answer(shared, &grant, true)
}

fn by_credentials(
    shared: &Shared,
    client: &Client,
    form: &Parameters,
) -> Result<Response, Refusal> {
    if client.secret.is_none() {
        return Err(Refusal::new(
            "unauthorized_client",
            "a public client has no credentials of its own",
        ));
    }
    let grant = Grant {
        client: client.id.clone(),
        subject: client.id.clone(),
        scope: form.scope()?,
        resource: form.resource()?,
        redirect_uri: String::new(),
        challenge: String::new(),
    };
    answer(shared, &grant, false)
}

/// A token is for what the user saw on the page (RFC 8707 §2.2).
fn same_resource(form: &Parameters, grant: &Grant) -> Result<(), Refusal> {
    if form.get("resource").is_none_or(|resource| resource == grant.resource) {
        Ok(())
    } else {
        Err(Refusal::new("invalid_target", "`resource` is not the one that was granted"))
    }
}

fn answer(shared: &Shared, grant: &Grant, refreshable: bool) -> Result<Response, Refusal> {
    let claims = Claims::new(&shared.url, &grant.resource, &grant.subject);
    let claims = claims.scopes(&grant.scope).with("client_id", grant.client.as_str());
    let mut body = json!({
        "access_token": shared.signer.sign(&claims),
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "scope": grant.scope,
    });
    if refreshable {
        // A new one each time: what was stolen from a log is used already.
        body["refresh_token"] = shared.grants.refresh.put(grant.clone(), REFRESH_LIFETIME)?.into();
    }
    Ok(json_response(StatusCode::OK, &body))
}
