//! A credential that somebody issues for a while: kept until shortly before its end, renewed once when it is refused.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use mcp_errors::Result;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use tokio::{sync::Mutex, time::Instant};

/// So long before its end a token is replaced.
const MARGIN: Duration = Duration::from_mins(5);

/// Who issues the tokens of an upstream.
#[async_trait]
pub trait TokenIssuer: fmt::Debug + Send + Sync {
    /// Issues one.
    ///
    /// # Errors
    /// Those of the issuer; the call that needed the token fails with them.
    async fn issue(&self) -> Result<IssuedToken>;
}

/// A token and how long it is good for.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// As it is sent, without its scheme.
    pub token: SecretString,
    /// The time from now to its end.
    pub lifetime: Duration,
}

/// The token of now.
#[derive(Debug)]
pub(super) struct Issued {
    issuer: Box<dyn TokenIssuer>,
    scheme: &'static str,
    token: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Issued {
    pub(super) fn new(scheme: &'static str, issuer: Box<dyn TokenIssuer>) -> Self {
        Self { issuer, scheme, token: Mutex::new(None) }
    }

    /// A token that is not `refused`: of many who ask at once, one has it issued and the others wait for it.
    pub(super) async fn token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue> {
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && refused != Some(token)
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        *kept = None;
        let IssuedToken { token, lifetime } = self.issuer.issue().await?;
        let token = super::credential::header_value(self.scheme, &token)?;
        *kept = Some((token.clone(), Instant::now() + lifetime.saturating_sub(MARGIN)));
        Ok(token)
    }
}
