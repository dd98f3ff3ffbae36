//! The authorization server, asked by the bounded client of `mcp-limits`.

use async_trait::async_trait;
use bytes::Bytes;
use mcp_auth::{ClientCredentials, Fetch, FetchLimits};
use mcp_errors::Result;
use mcp_limits::{ExchangeBounds, HttpClient};
use url::Url;

/// Joins what `mcp-auth` asks for with what `mcp-limits` does: neither may know the other.
#[derive(Debug)]
pub(super) struct IssuerClient(HttpClient);

impl IssuerClient {
    pub(super) fn new() -> Result<Self> {
        HttpClient::new("the token issuer").map(Self)
    }
}

#[async_trait]
impl Fetch for IssuerClient {
    async fn get(&self, url: &Url, limits: FetchLimits) -> Result<Bytes> {
        self.0.get(url, bounds(limits)).await
    }

    async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: &ClientCredentials,
        limits: FetchLimits,
    ) -> Result<Bytes> {
        self.0.post_form(url, form, (&client.id, &client.secret), bounds(limits)).await
    }
}

fn bounds(FetchLimits { max_bytes, deadline }: FetchLimits) -> ExchangeBounds {
    ExchangeBounds { max_bytes, deadline }
}
