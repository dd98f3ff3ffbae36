//! Deployments of the weather server that a deploy gate must not let through unseen.

use mcp_testkit::Diagnosis;
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::stage::{AIR_QUALITY, ARCHIVE, FORECAST, SEARCH, command};

#[tokio::test]
async fn doctor_asks_every_upstream() {
    let upstream = MockServer::start().await;
    for at in [SEARCH, FORECAST, AIR_QUALITY] {
        let answer = ResponseTemplate::new(200).set_body_json(json!({}));
        Mock::given(path(at)).respond_with(answer).mount(&upstream).await;
    }
    let bases = ["WEATHER_API_URL", "GEOCODING_API_URL", "AIR_QUALITY_API_URL", "ARCHIVE_API_URL"];
    let command = bases.iter().fold(command(), |it, base| it.env(base, upstream.uri()));
    let diagnosis = Diagnosis::of(&command).await;
    for name in ["geocoding", "forecast", "air-quality"] {
        diagnosis.must_tell("archive missing", ("ok", name, ""));
    }
    diagnosis.must_tell("archive missing", ("fail", "archive", ""));
    assert_eq!(diagnosis.code, 1);

    let answer = ResponseTemplate::new(200).set_body_json(json!({}));
    Mock::given(path(ARCHIVE)).respond_with(answer).mount(&upstream).await;
    assert_eq!(Diagnosis::of(&command).await.code, 0);

    let clear = command.clone().env("WEATHER_FALLBACK_URL", "http://weather.example");
    let clear = Diagnosis::of(&clear).await;
    clear.must_tell("plain", ("warn", "in the clear", "WEATHER_FALLBACK_URL"));
    let nobody = Diagnosis::of(&command.env("MCP_AUDIT_LOG", "off")).await;
    nobody.must_tell("read-only", ("warn", "audit", "off"));
}
