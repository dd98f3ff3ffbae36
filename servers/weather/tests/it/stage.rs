//! A weather server with upstreams of our own.

use std::path::PathBuf;

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

/// The paths of Open-Meteo's APIs.
pub(crate) const SEARCH: &str = "/v1/search";
pub(crate) const FORECAST: &str = "/v1/forecast";
pub(crate) const AIR_QUALITY: &str = "/v1/air-quality";
pub(crate) const ARCHIVE: &str = "/v1/archive";

/// The binary with what every test sets; nobody is counted.
pub(crate) fn command() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-weather"))
        .env("MCP_RATE_LIMIT", "off")
        .env("MCP_RATE_LIMIT_READ", "off")
}

/// A running server and the one upstream that plays all of Open-Meteo.
pub(crate) struct Stage {
    pub(crate) upstream: MockServer,
    pub(crate) client: HttpClient,
    server: ServerProcess,
}

impl Stage {
    /// A server whose upstream knows Berlin and its weather.
    pub(crate) async fn new() -> Self {
        let stage = Self::with(&[]).await;
        stage.serve(SEARCH, fixture("geocoding_berlin")).await;
        stage.serve(FORECAST, fixture("forecast")).await;
        stage
    }

    /// A server with settings of its own, whose upstream knows nothing.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let upstream = MockServer::start().await;
        let bases =
            ["WEATHER_API_URL", "GEOCODING_API_URL", "AIR_QUALITY_API_URL", "ARCHIVE_API_URL"];
        let uri = upstream.uri();
        let command = bases.iter().fold(command(), |command, base| command.env(base, &uri));
        let command =
            settings.iter().fold(command, |command, (name, value)| command.env(name, value));
        let server = command.http().await;
        let client = HttpClient::new(server.url());
        Self { upstream, client, server }
    }

    /// Answers `path` from here on.
    pub(crate) async fn serve(&self, at: &str, answer: impl Into<Answer>) {
        let Answer(template) = answer.into();
        Mock::given(method("GET")).and(path(at)).respond_with(template).mount(&self.upstream).await;
    }

    /// The whole result of a call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.client.call_tool(tool, arguments).await.result().clone()
    }

    /// The structured content of a call that succeeds.
    pub(crate) async fn answer(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The error of a call that fails. Nothing in it tells where the upstream is.
    pub(crate) async fn error(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(!result.to_string().contains("127.0.0.1"), "{result}");
        result["structuredContent"]["error"].clone()
    }

    /// How many requests the upstream has seen.
    pub(crate) async fn requests(&self) -> usize {
        self.upstream.received_requests().await.unwrap().len()
    }

    /// Forgets what the upstream answers.
    pub(crate) async fn reset(&self) {
        self.upstream.reset().await;
    }

    /// Where something of the server's stands.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// What the server logs.
    pub(crate) fn log(&self) -> String {
        self.server.log().join("\n")
    }
}

/// What an upstream answers: a document, or anything else.
pub(crate) struct Answer(ResponseTemplate);

impl From<Value> for Answer {
    fn from(document: Value) -> Self {
        Self(ResponseTemplate::new(200).set_body_json(document))
    }
}

impl From<ResponseTemplate> for Answer {
    fn from(template: ResponseTemplate) -> Self {
        Self(template)
    }
}

/// A recorded shape of `fixtures/weather`.
pub(crate) fn fixture(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/weather");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Each tool with arguments that need no geocoding, and the path that it asks.
pub(crate) fn calls() -> [(&'static str, Value, &'static str); 5] {
    let (location, query) = ("52.52,13.41", "Berlin");
    let past = json!({
        "location": location, "start_date": "2025-12-24", "end_date": "2025-12-27",
    });
    [
        ("get_weather", json!({ "location": location }), FORECAST),
        ("get_forecast", json!({ "location": location }), FORECAST),
        ("search_locations", json!({ "query": query }), SEARCH),
        ("get_air_quality", json!({ "location": location }), AIR_QUALITY),
        ("get_historical_weather", past, ARCHIVE),
    ]
}

/// The recorded answer of a path.
pub(crate) fn recorded(at: &str) -> Value {
    fixture(match at {
        SEARCH => "geocoding_berlin",
        AIR_QUALITY => "air_quality",
        ARCHIVE => "archive",
        _ => "forecast",
    })
}
