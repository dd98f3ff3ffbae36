//! A GitHub App: it proves itself with a signed token, and acts with tokens that GitHub issues for its installation.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Response;
use mcp_chassis::{Error, ErrorKind, IssuedToken, Result, TokenIssuer, UpstreamSecret};
use octocrab::{
    auth::{EncodingKey, create_jwt},
    models::AppId,
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Answer, Api, Ask, Route,
    app_key::{self, AppKey},
};
use crate::wire;

/// How long an installation's token may take.
const WITHIN: Duration = Duration::from_secs(10);

/// An installation of an app.
#[derive(Clone, Debug)]
pub(super) struct App {
    api: Api,
    id: u64,
    key: Arc<AppKey>,
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
    /// The app, once its key can sign.
    pub(super) async fn new(
        api: Api,
        id: u64,
        key: UpstreamSecret,
        installation: u64,
    ) -> Result<Self> {
        Ok(Self { api, id, key: Arc::new(AppKey::read(key).await?), installation })
    }

    /// The app as the author of what it writes.
    pub(super) async fn account(&self, within: Duration) -> Result<wire::Account> {
        let route = Route::new(&["app"]);
        let app: AppAccount = Answer::new(&self.ask(Ask::get(&route, within)).await?)?.value;
        Ok(wire::Account {
            login: format!("{}[bot]", app.slug),
            name: app.name,
            html_url: app.html_url.unwrap_or_default(),
            kind: "App".to_owned(),
        })
    }

    /// Asks as the app; where GitHub refuses a new key, once more with the one before.
    async fn ask(&self, ask: Ask<'_>) -> Result<Response<Bytes>> {
        let answer = self.ask_with(&self.key.current().await, ask.clone()).await;
        match answer {
            Err(error) if is_refusal(&error) => match self.key.previous().await {
                Some(previous) => self.ask_with(&previous, ask).await,
                None => Err(error),
            },
            answer => answer,
        }
    }

    async fn ask_with(&self, key: &EncodingKey, ask: Ask<'_>) -> Result<Response<Bytes>> {
        // Good for nine minutes.
        let proof = create_jwt(AppId(self.id), key).map(SecretString::from);
        let proof = proof.map_err(|_error| app_key::unusable())?;
        self.api.ask(Ask { bearer: Some(&proof), ..ask }).await
    }
}

/// Whether GitHub does not take what the app proves itself with.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Upstream { status: Some(401), .. })
}

#[async_trait]
impl TokenIssuer for App {
    async fn issue(&self) -> Result<IssuedToken> {
        let installation = self.installation.to_string();
        let route = Route::new(&["app", "installations", &installation, "access_tokens"]);
        let answer = self.ask(Ask::post(&route, None, WITHIN)).await?;
        let token: Token = Answer::new(&answer)?.value;
        let lifetime = (token.expires_at - Utc::now()).to_std().unwrap_or_default();
        Ok(IssuedToken { token: token.token.into(), lifetime })
    }
}
