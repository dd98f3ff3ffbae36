//! A running server and the API behind it.
#![expect(clippy::unwrap_used, reason = "a test helper fails its test")]

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

pub(crate) const ITEM: &str = include_str!("../../../../fixtures/example-domain/item.json");

pub(crate) struct Stage {
    pub(crate) api: MockServer,
    pub(crate) client: HttpClient,
    pub(crate) server: ServerProcess,
}

impl Stage {
    /// A server whose API answers everything with `answer`.
    pub(crate) async fn answering(answer: ResponseTemplate) -> Self {
        let api = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&api).await;
        let server = ServerCommand::new(env!("CARGO_BIN_EXE_mcp-example-domain"))
            .env("EXAMPLE_DOMAIN_API_URL", api.uri())
            .env("EXAMPLE_DOMAIN_API_KEY", "hunter2")
            .http()
            .await;
        Self { client: HttpClient::new(server.url()), api, server }
    }

    /// A server whose API answers everything with the recorded item.
    pub(crate) async fn new() -> Self {
        let answer = ResponseTemplate::new(200).set_body_raw(ITEM, "application/json");
        Self::answering(answer).await
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.client.call_tool(tool, arguments).await.result().clone()
    }

    pub(crate) async fn requests(&self) -> Vec<wiremock::Request> {
        self.api.received_requests().await.unwrap()
    }
}
