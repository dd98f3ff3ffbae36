//! `/authorize`: a page that asks once, and the redirect that carries the code.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::grants::Grant;
use super::parameters::{Once, Parameters};
use super::{Refusal, Shared};

/// How long the page may stay open.
const PAGE_LIFETIME: Duration = Duration::from_mins(10);

/// A base64url-encoded SHA-256 (RFC 7636 §4.2).
const CHALLENGE_LENGTH: usize = 43;

/// What waits for a click.
#[derive(Debug, Default)]
pub(super) struct Logins(Once<Login>);

#[derive(Debug)]
struct Login {
    redirect: Redirect,
    grant: Grant,
}

/// Where the answer goes, and what it repeats.
#[derive(Debug, Clone)]
struct Redirect {
    uri: Url,
    state: Option<String>,
}

impl Redirect {
    /// An authorization response (RFC 6749 §4.1.2), which names us (RFC 9207).
    fn with(mut self, issuer: &str, name: &str, value: &str) -> Response {
        let mut query = self.uri.query_pairs_mut();
        query.append_pair(name, value).append_pair("iss", issuer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        drop(query);
        (StatusCode::SEE_OTHER, [(header::LOCATION, String::from(self.uri))]).into_response()
    }
}

/// `GET /authorize`: the page, or what is wrong with the request.
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let request = Parameters::parse(query.unwrap_or_default().as_bytes())?;
    let client =
        shared.clients.find(request.require("client_id", "`client_id` is missing")?).await?;
    let uri = request.require("redirect_uri", "`redirect_uri` is missing")?;
    // Until here the browser is sent nowhere: the URI may be an attacker's.
    let unknown = Refusal::invalid_request("`redirect_uri` is not one of the client's");
    let redirect = client.redirect(uri).ok_or(unknown)?;
    let redirect = Redirect { uri: redirect, state: request.get("state").map(str::to_owned) };
    let grant = match grant(&request, &client.id, uri) {
        Ok(grant) => grant,
        Err(refusal) => return Ok(redirect.with(&shared.url, "error", refusal.code)),
    };
    let policy = content_policy(&redirect.uri);
    let page = Page { client: &client.name, redirect: redirect.uri.as_str(), grant: &grant };
    let page = page.render();
    let id = shared.logins.0.put(Login { redirect, grant }, PAGE_LIFETIME)?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_FRAME_OPTIONS, "DENY".to_owned()),
    ];
    Ok((headers, page.replace("{id}", &id)).into_response())
}

/// `POST /authorize`: the click.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let form = Parameters::parse(&body)?;
    // Its name is known to the page alone, so another site cannot click for the user.
    let login = form.get("login").and_then(|id| shared.logins.0.take(id));
    let stale = Refusal::invalid_request("this page was used already or is too old: log in again");
    let Login { redirect, grant } = login.ok_or(stale)?;
    if form.get("decision") != Some("allow") {
        return Ok(redirect.with(&shared.url, "error", "access_denied"));
    }
    let code = shared.grants.issue_code(grant)?;
    Ok(redirect.with(&shared.url, "code", &code))
}

fn grant(request: &Parameters, client: &str, redirect_uri: &str) -> Result<Grant, Refusal> {
    if request.get("response_type") != Some("code") {
        return Err(Refusal::new("unsupported_response_type", "only `code` is supported"));
    }
    let challenge = request.require("code_challenge", "`code_challenge` is missing")?;
    let is_s256 = request.get("code_challenge_method") == Some("S256");
    if !is_s256 || challenge.len() != CHALLENGE_LENGTH {
        return Err(Refusal::invalid_request("PKCE needs the method S256"));
    }
    Ok(Grant {
        client: client.to_owned(),
        subject: "developer".to_owned(),
        scope: request.scope()?,
        resource: request.resource()?,
        redirect_uri: redirect_uri.to_owned(),
        challenge: challenge.to_owned(),
    })
}

/// Nothing runs, nothing is loaded; the form goes to us, and from there to the client.
fn content_policy(redirect: &Url) -> String {
    let client = match redirect.scheme() {
        "http" | "https" => redirect.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    };
    format!(
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {client}"
    )
}

struct Page<'a> {
    client: &'a str,
    redirect: &'a str,
    grant: &'a Grant,
}

impl Page<'_> {
    fn render(&self) -> String {
        let scope = if self.grant.scope.is_empty() { "nothing" } else { &self.grant.scope };
        let [client, redirect, scope, resource, subject] =
            [self.client, self.redirect, scope, &self.grant.resource, &self.grant.subject]
                .map(escaped);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<title>Development login</title>\n\
             <h1>Development login</h1>\n\
             <p>For development only: nobody is asked for a password. You are <b>{subject}</b>.</p>\n\
             <p><b>{client}</b> asks for <b>{scope}</b> at <b>{resource}</b>, and will be answered at {redirect}.</p>\n\
             <form method=\"post\" action=\"/authorize\">\n\
             <input type=\"hidden\" name=\"login\" value=\"{{id}}\">\n\
             <button name=\"decision\" value=\"allow\">Allow</button>\n\
             <button name=\"decision\" value=\"deny\">Deny</button>\n\
             </form>\n</html>\n"
        )
    }
}

/// Text that stays text in HTML, and never looks like our own place for the id.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            other => escaped.push(other),
        }
    }
    escaped
}
