//! Tokens of an authorization server, from its metadata to the answer of a call.

use std::fs;

use mcp_testkit::{HttpClient, ServerCommand, until};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::issuer::{AUDIENCE, Issuer, METADATA, call, get, keys, now, ticketing};

#[tokio::test]
async fn a_client_finds_the_issuer_and_gets_in_with_its_token() {
    let issuer = Issuer::start().await;
    let server = issuer.server().http().await;
    let refused = HttpClient::new(server.url()).list_tools().await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate");
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains(&format!("http://{}{metadata}", server.address())), "{challenge}");
    assert!(!challenge.contains("error="), "{challenge}");

    for path in [metadata, "/.well-known/oauth-protected-resource"] {
        let document = get(&server, path).await;
        assert_eq!(document.json()["authorization_servers"], json!([issuer.name()]));
        assert_eq!(document.json()["resource"], server.url());
        assert_eq!(document.json()["bearer_methods_supported"], json!(["header"]));
        assert_eq!(document.json()["scopes_supported"], json!(["tickets:read", "tickets:write"]));
    }
    assert_eq!(call(&server, &issuer.token(json!({}))).await.status, 200);
    assert_eq!(get(&server, "/ready").await.status, 200);
    let health = get(&server, "/health").await;
    assert_eq!(health.json()["checks"]["issuer"]["ok"], true, "{}", health.body);
}

#[tokio::test]
async fn a_client_of_2025_03_26_is_sent_to_the_issuer() {
    let issuer = Issuer::start().await;
    let server = issuer.server().http().await;
    let answer = get(&server, METADATA).await;
    // The client follows: it reads what the issuer says of itself.
    assert_eq!(*answer.json(), issuer.metadata());

    let without = ticketing().http().await;
    assert_eq!(get(&without, METADATA).await.status, 404);
}

#[tokio::test]
async fn an_issuer_of_openid_connect_alone_is_found_and_sent_to() {
    let issuer = Issuer::silent().await;
    issuer.serve("/.well-known/openid-configuration", issuer.metadata()).await;
    issuer.serve("/keys", keys("rsa")).await;
    let server = issuer.server().http().await;
    assert_eq!(call(&server, &issuer.token(json!({}))).await.status, 200);
    assert_eq!(*get(&server, METADATA).await.json(), issuer.metadata());
}

#[tokio::test]
async fn a_token_that_is_not_for_this_server_is_refused() {
    let issuer = Issuer::start().await;
    let server = issuer.server().env("MCP_AUTH_MAX_TOKEN_LIFETIME", "1h").http().await;
    for (changes, described) in [
        (json!({ "aud": "https://other.example/mcp" }), "audience"),
        (json!({ "aud": null }), "audience"),
        (json!({ "iss": "https://evil.example" }), "issuer"),
        (json!({ "exp": now() - 60 }), "expired"),
        (json!({ "exp": null }), "no expiry"),
        (json!({ "exp": now() + 7_200 }), "lifetime"),
        (json!({ "sub": null }), "subject"),
    ] {
        let refused = call(&server, &issuer.token(changes)).await;
        assert_eq!(refused.status, 401, "{described}");
        assert_eq!(refused.json()["error"], "invalid_token", "{described}");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        assert!(challenge.contains(described), "{described}: {challenge}");
    }
    let forged = issuer.token_by("rsa-other", json!({})).replace("rsa-other", "rsa");
    assert_eq!(call(&server, &forged).await.status, 401);
}

#[tokio::test]
async fn without_an_audience_of_its_own_a_server_takes_tokens_for_its_address() {
    let issuer = Issuer::start().await;
    let command = ticketing().env("MCP_AUTH", "oauth").env("MCP_AUTH_ISSUER", issuer.name());
    let server = command.http().await;
    assert_eq!(call(&server, &issuer.token(json!({ "aud": server.url() }))).await.status, 200);
    assert_eq!(call(&server, &issuer.token(json!({ "aud": AUDIENCE }))).await.status, 401);
}

#[tokio::test]
async fn scopes_are_read_from_the_claims_and_names_that_were_configured() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let map = "[auth]\nscope_claims = [\"realm_access.roles\"]\n[auth.scope_map]\n\"agent 7\" = \
               [\"tickets:read\", \"tickets:write\"]\n";
    fs::write(&file, map).unwrap();
    let server = issuer.server().env("MCP_CONFIG", &file).http().await;
    let roles = json!({ "scope": null, "realm_access": { "roles": ["agent 7"] } });
    let new = json!({ "title": "Printer", "description": "Jams" });
    let create = |token: String| {
        let client = HttpClient::new(server.url()).bearer(&token);
        let new = new.clone();
        async move { client.call_tool("create_ticket", new).await }
    };
    assert_eq!(create(issuer.token(roles)).await.status, 200);

    let refused = create(issuer.token(json!({}))).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="tickets:write""#), "{challenge}");
}

#[tokio::test]
async fn an_issuer_that_is_down_keeps_the_server_waiting_and_not_from_starting() {
    let issuer = Issuer::silent().await;
    let server = issuer.server().http().await;
    assert_eq!(get(&server, "/ready").await.status, 503);
    let refused = call(&server, &issuer.token(json!({}))).await;
    assert_eq!(refused.status, 503);
    assert_ne!(refused.header("retry-after"), "");
    issuer.serve(METADATA, issuer.metadata()).await;
    issuer.serve("/keys", keys("rsa")).await;
    until("ready", || async { get(&server, "/ready").await.status == 200 }).await;
    assert_eq!(call(&server, &issuer.token(json!({}))).await.status, 200);
}

fn introspecting(issuer: &Issuer) -> ServerCommand {
    issuer
        .server()
        .env("MCP_AUTH_INTROSPECTION_URL", format!("{}/introspect", issuer.name()))
        .env("MCP_AUTH_INTROSPECTION_CLIENT_ID", "tickets")
        .env("MCP_AUTH_INTROSPECTION_CLIENT_SECRET", "s3cret")
}

#[tokio::test]
async fn an_opaque_token_is_worth_what_the_issuer_says() {
    let issuer = Issuer::silent().await;
    let good = json!({ "active": true, "sub": "bob", "scope": "tickets:read", "exp": now() + 60 });
    issuer.vouch("good", ResponseTemplate::new(200).set_body_json(good)).await;
    let ended = ResponseTemplate::new(200).set_body_json(json!({ "active": false }));
    issuer.vouch("ended", ended).await;
    issuer.vouch("broken", ResponseTemplate::new(500)).await;
    let server = introspecting(&issuer).http().await;
    for (token, status) in [("good", 200), ("ended", 401), ("broken", 503)] {
        assert_eq!(call(&server, token).await.status, status, "{token}");
    }
    // An issuer of opaque tokens alone has no keys to wait for.
    assert_eq!(get(&server, "/ready").await.status, 200);
    let log = server.log().join("\n");
    assert!(!log.contains("s3cret") && !log.contains("/introspect"), "{log}");
}

#[tokio::test]
async fn api_keys_and_tokens_are_accepted_side_by_side() {
    let issuer = Issuer::start().await;
    let key = "0123456789abcdef";
    let command = issuer.server().env("MCP_API_KEYS", key);
    let both = command.clone().env("MCP_AUTH", "oauth+api-key").http().await;
    assert_eq!(call(&both, &issuer.token(json!({}))).await.status, 200);
    assert_eq!(call(&both, key).await.status, 200);
    // Keys that lie about are no way in where the deployer asked for tokens.
    let tokens = command.http().await;
    assert_eq!(call(&tokens, key).await.status, 401);
}

#[tokio::test]
async fn another_set_of_static_keys_is_in_force_within_a_second_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    fs::write(&file, keys("rsa").to_string()).unwrap();
    let issuer = Issuer::silent().await;
    let server = issuer.server().env("MCP_AUTH_JWKS_FILE", &file).http().await;
    let (old, new) = (issuer.token(json!({})), issuer.token_by("rsa-other", json!({})));
    assert_eq!(call(&server, &old).await.status, 200);

    fs::write(&file, keys("rsa-other").to_string()).unwrap();
    until("the new key counts", || async { call(&server, &new).await.status == 200 }).await;
    assert_eq!(call(&server, &old).await.status, 401);

    fs::write(&file, "{").unwrap();
    server.wait_for_log("not usable, the last good one stays").await;
    assert_eq!(call(&server, &new).await.status, 200);
}

#[tokio::test]
async fn settings_that_are_missing_or_contradict_each_other_are_told_by_name() {
    let check = |variables: Vec<(&'static str, &'static str)>| async move {
        let command = variables.iter().fold(ticketing(), |it, (name, value)| it.env(name, value));
        command.args(["config", "check"]).output().await
    };
    let issuer = ("MCP_AUTH_ISSUER", "https://issuer.example");
    let oauth = ("MCP_AUTH", "oauth");
    let url = ("MCP_AUTH_INTROSPECTION_URL", "https://issuer.example/introspect");
    let cases = [
        (vec![oauth], "MCP_AUTH_ISSUER"),
        (vec![issuer], "MCP_AUTH_ISSUER"),
        (vec![oauth, ("MCP_AUTH_ISSUER", "http://issuer.example")], "MCP_AUTH_ISSUER"),
        (vec![oauth, issuer, url], "MCP_AUTH_INTROSPECTION_URL"),
        (
            vec![oauth, issuer, ("MCP_AUTH_INTROSPECTION_CLIENT_ID", "a")],
            "MCP_AUTH_INTROSPECTION_URL",
        ),
        (
            vec![
                oauth,
                issuer,
                ("MCP_AUTH_JWKS_URL", "https://issuer.example/keys"),
                ("MCP_AUTH_JWKS_FILE", "/none"),
            ],
            "MCP_AUTH_JWKS_FILE",
        ),
        (vec![oauth, issuer, ("MCP_AUTH_JWKS_FILE", "/none")], "MCP_AUTH_JWKS_FILE"),
        (vec![oauth, issuer, ("MCP_AUTH_LEEWAY", "10m")], "MCP_AUTH_LEEWAY"),
        (vec![("MCP_AUTH", "mtls")], "MCP_AUTH"),
        (vec![("MCP_AUTH", "api-key")], "MCP_AUTH"),
        (vec![("MCP_TRUSTED_PROXIES", "everybody")], "MCP_TRUSTED_PROXIES"),
    ];
    for (variables, named) in cases {
        let shown = format!("{variables:?}");
        let output = check(variables).await;
        assert_eq!(output.status.code(), Some(2), "{shown}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with(&format!("error: {named} (from ")), "{shown}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(check(vec![oauth, issuer]).await.status.code(), Some(0));
}

#[tokio::test]
async fn doctor_tells_what_is_wrong_with_tokens_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = (folder.path().join("keys.toml"), folder.path().join("revoked"));
    fs::write(&file, "key = []").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&list, "jti:a\nkey:nonsense\n").unwrap();
    let issuer = Issuer::silent().await;
    let command = issuer
        .server()
        .env("MCP_AUTH", "oauth+api-key")
        .env("MCP_API_KEYS_FILE", &file)
        .env("MCP_API_KEYS", "0123456789abcdef")
        .env("MCP_AUTH_MAX_TOKEN_LIFETIME", "2h")
        .env("MCP_LISTEN", "0.0.0.0:8080")
        .env("MCP_TLS_TERMINATED", "true")
        .args(["doctor", "--json"]);
    let output = command.output().await;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, status) in [
        ("issuer", "fail"),
        ("token lifetime", "warn"),
        ("plain keys", "warn"),
        ("key file", "warn"),
    ] {
        let finding = report["findings"].as_array().unwrap().iter().find(|it| it["name"] == name);
        assert_eq!(finding.unwrap()["status"], status, "{name}: {report:#}");
    }
    let output = command.env("MCP_REVOKED_TOKENS_FILE", &list).output().await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("line 2"), "{told}");
}
