//! The authorization server, asked by the bounded client of `mcp-limits`.

use async_trait::async_trait;
use bytes::Bytes;
use mcp_auth::{ClientCredentials, Fetch, FetchLimits};
use mcp_errors::Result;
use mcp_limits::{ExchangeBounds, HttpClient};
use tokio::sync::OnceCell;
use url::Url;

/// Joins what `mcp-auth` asks for with what `mcp-limits` does: neither may know the other.
///
/// Made when it is first asked: where keys stand in a file nobody asks, and the authorities that it trusts take a megabyte.
#[derive(Debug, Default)]
pub(super) struct IssuerClient(OnceCell<HttpClient>);

impl IssuerClient {
    async fn client(&self) -> Result<&HttpClient> {
        self.0.get_or_try_init(async || HttpClient::new("the token issuer")).await
    }
}

#[async_trait]
impl Fetch for IssuerClient {
    async fn get(&self, url: &Url, limits: FetchLimits) -> Result<Bytes> {
        self.client().await?.get(url, bounds(limits)).await
    }

    async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: &ClientCredentials,
        limits: FetchLimits,
    ) -> Result<Bytes> {
        let us = (client.id.as_str(), &client.secret);
        self.client().await?.post_form(url, form, us, bounds(limits)).await
    }
}

fn bounds(FetchLimits { max_bytes, deadline }: FetchLimits) -> ExchangeBounds {
    ExchangeBounds { max_bytes, deadline }
}
