//! Deployments of the GitHub server that a deploy gate must not let through unseen.

use mcp_testkit::Diagnosis;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::stage::{command, fixture};

#[tokio::test]
async fn doctor_names_what_a_deployment_lets_a_model_do() {
    let github = MockServer::start().await;
    let strong = ResponseTemplate::new(200)
        .set_body_json(fixture("user"))
        .insert_header("x-oauth-scopes", "repo, admin:org, delete_repo");
    Mock::given(path("/user")).respond_with(strong).mount(&github).await;
    let base = command().env("GITHUB_API_URL", github.uri()).env("GITHUB_TOKEN", "hunter2");
    let tell = async |variables: &[(&str, &str)], expected| {
        let command = variables.iter().fold(base.clone(), |it, (name, value)| it.env(name, value));
        let diagnosis = Diagnosis::of(&command).await;
        diagnosis.must_tell(&format!("{variables:?}"), expected);
        assert!(!diagnosis.report.to_string().contains("hunter2"), "{:#}", diagnosis.report);
    };
    let list = ("GITHUB_ALLOWED_REPOSITORIES", "octocat/hello-world");
    tell(&[], ("fail", "repositories", "GITHUB_ALLOWED_REPOSITORIES is not set")).await;
    tell(&[("MCP_READ_ONLY", "true")], ("warn", "repositories", "is not set")).await;
    tell(&[list], ("warn", "lockdown", "GITHUB_LOCKDOWN is off")).await;
    tell(&[list], ("warn", "github", "issue one without admin:org, delete_repo")).await;
    tell(&[("GITHUB_ALLOWED_REPOSITORIES", "*")], ("fail", "configuration", "GITHUB_ALLOWED"))
        .await;
    tell(&[("GITHUB_TOKEN", "")], ("warn", "github", "no credential is set")).await;
    tell(
        &[list, ("GITHUB_API_URL", "http://github.example")],
        ("fail", "in the clear", "GITHUB_TOKEN goes there"),
    )
    .await;
    tell(&[list, ("GITHUB_API_URL", "http://127.0.0.1:9")], ("fail", "github", "")).await;
}
