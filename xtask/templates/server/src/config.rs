//! What a deployment decides.

use mcp_chassis::{Reader, Settings, UpstreamConfig, UpstreamSecret};

/// The settings of the server.
#[derive(Debug)]
pub struct Config {
    /// `EXAMPLE_DOMAIN_API_URL`, limits in `[upstream.api]`.
    pub(crate) api: UpstreamConfig,
    /// `EXAMPLE_DOMAIN_API_KEY`, sent as `X-API-Key`.
    pub(crate) key: Option<UpstreamSecret>,
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        const URL: &str = "EXAMPLE_DOMAIN_API_URL";
        const KEY: &str = "EXAMPLE_DOMAIN_API_KEY";
        let base = "https://example-domain.example.com";
        let api = reader.upstream("api", URL, base, "the base of the API that keeps the items");
        Self { api, key: reader.upstream_secret(KEY, "the key that is sent as `X-API-Key`") }
    }
}
