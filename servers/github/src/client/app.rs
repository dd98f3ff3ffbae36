//! A GitHub App: it proves itself with a signed token, and acts with tokens that GitHub issues for its installation.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mcp_chassis::{Error, ErrorKind, IssuedToken, Result, TokenIssuer, UpstreamSecret};
use octocrab::{
    auth::{EncodingKey, create_jwt},
    models::AppId,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Answer, Api, Ask, Route};
use crate::wire;

/// How long an installation's token may take.
const WITHIN: Duration = Duration::from_secs(10);

/// An installation of an app.
#[derive(Clone, Debug)]
pub(super) struct App {
    api: Api,
    id: u64,
    key: UpstreamSecret,
    installation: u64,
}

/// `POST /app/installations/{installation_id}/access_tokens`.
#[derive(Deserialize)]
struct Token {
    token: String,
    expires_at: DateTime<Utc>,
}

/// `GET /app`.
#[derive(Deserialize)]
struct AppAccount {
    slug: String,
    name: Option<String>,
    html_url: Option<String>,
}

impl App {
    pub(super) fn new(api: Api, id: u64, key: UpstreamSecret, installation: u64) -> Self {
        Self { api, id, key, installation }
    }

    /// Whether the key can sign.
    pub(super) async fn check(&self) -> Result<()> {
        self.proof().await.map(drop)
    }

    /// The app as the author of what it writes.
    pub(super) async fn account(&self, within: Duration) -> Result<wire::Account> {
        let proof = self.proof().await?;
        let route = Route::new(&["app"]);
        let ask = Ask { bearer: Some(&proof), ..Ask::get(&route, within) };
        let app: AppAccount = Answer::new(&self.api.ask(ask).await?)?.value;
        Ok(wire::Account {
            login: format!("{}[bot]", app.slug),
            name: app.name,
            html_url: app.html_url.unwrap_or_default(),
            kind: "App".to_owned(),
        })
    }

    /// What the app proves itself with for nine minutes. The key is read anew, since its file may have been replaced.
    async fn proof(&self) -> Result<SecretString> {
        let unusable = || {
            let kind = ErrorKind::InvalidInput { fields: Vec::new() };
            Error::new(kind, "GITHUB_APP_PRIVATE_KEY is no RSA private key in PEM that can be read")
        };
        let pem = self.key.read().await.map_err(|_error| unusable())?;
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes())
            .map_err(|_error| unusable())?;
        create_jwt(AppId(self.id), &key).map(SecretString::from).map_err(|_error| unusable())
    }
}

#[async_trait]
impl TokenIssuer for App {
    async fn issue(&self) -> Result<IssuedToken> {
        let proof = self.proof().await?;
        let installation = self.installation.to_string();
        let route = Route::new(&["app", "installations", &installation, "access_tokens"]);
        let ask = Ask { bearer: Some(&proof), ..Ask::post(&route, None, WITHIN) };
        let token: Token = Answer::new(&self.api.ask(ask).await?)?.value;
        let lifetime = (token.expires_at - Utc::now()).to_std().unwrap_or_default();
        Ok(IssuedToken { token: token.token.into(), lifetime })
    }
}
