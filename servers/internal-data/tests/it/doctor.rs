//! Deployments of the internal-data server that a deploy gate must not let through unseen.

use mcp_testkit::Diagnosis;
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::stage::command;

#[tokio::test]
async fn doctor_names_what_a_deployment_shows_to_whom() {
    let api = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(path("/api/v1/orders")).respond_with(answer).mount(&api).await;
    let base = command()
        .env("INTERNAL_API_URL", api.uri())
        .env("INTERNAL_API_KEY", "hunter2")
        .env("INTERNAL_COLLECTIONS", "orders");
    let good = Diagnosis::of(&base).await;
    good.must_tell("good", ("ok", "upstream", ""));
    assert_eq!(good.code, 0, "{:#}", good.report);
    for (variables, expected) in [
        (vec![("INTERNAL_API_URL", "")], ("warn", "sample data", "INTERNAL_API_URL is not set")),
        (
            vec![
                ("INTERNAL_API_URL", ""),
                ("INTERNAL_SAMPLE_DATA", "true"),
                ("MCP_LISTEN", "0.0.0.0:8080"),
                ("MCP_TLS_TERMINATED", "true"),
                ("MCP_AUTH", "api-key"),
                ("MCP_API_KEYS", "Zk8vQ2xM7rT4wN9p"),
            ],
            ("fail", "sample data", "INTERNAL_API_URL is not set"),
        ),
        (vec![("INTERNAL_API_KEY", "")], ("warn", "upstream credential", "INTERNAL_API_KEY")),
        (vec![("INTERNAL_COLLECTIONS", "")], ("warn", "collections", "is not set")),
        (vec![("INTERNAL_COLLECTIONS", ",")], ("fail", "collections", "names none")),
        (vec![("INTERNAL_COLLECTIONS", "*")], ("fail", "configuration", "INTERNAL_COLLECTIONS")),
        (
            vec![("INTERNAL_API_URL", "http://api.example")],
            ("fail", "in the clear", "INTERNAL_API_KEY goes there"),
        ),
        (vec![("INTERNAL_API_URL", "http://127.0.0.1:9")], ("fail", "upstream", "")),
    ] {
        let command = variables.iter().fold(base.clone(), |it, (name, value)| it.env(name, value));
        let diagnosis = Diagnosis::of(&command).await;
        diagnosis.must_tell(&format!("{variables:?}"), expected);
        assert!(!diagnosis.report.to_string().contains("hunter2"), "{:#}", diagnosis.report);
    }
}
