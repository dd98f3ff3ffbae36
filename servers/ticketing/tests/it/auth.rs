//! Who may do what: every tool, resource and prompt, with every credential, over every transport.

use std::collections::BTreeSet;
use std::fmt::Write;

use mcp_testkit::HttpClient;
use mcp_testkit::http::Reply;
use mcp_testkit::wire::VERSIONS;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    issuer::{AUDIENCE, Issuer, now},
    support::{Client, Keys, LEGACY, MODERN, Transport, command, failure},
};

/// One row of the table: a request, and every scope that it needs.
struct Operation {
    name: String,
    method: &'static str,
    params: Value,
    scopes: BTreeSet<String>,
}

impl Operation {
    fn is_permitted(&self, held: &str) -> bool {
        let held: BTreeSet<_> = held.split_whitespace().collect();
        self.scopes.iter().all(|scope| held.contains(scope.as_str()))
    }
}

/// What the server offers, from its own lists; arguments are left out, since scopes are checked before them.
async fn operations() -> Vec<Operation> {
    let tools = command().args(["tools", "--json"]).output().await.stdout;
    let tools: Vec<Value> = serde_json::from_slice(&tools).expect("`tools --json` is JSON");
    let names = |list: &Value| -> BTreeSet<String> {
        serde_json::from_value(list.clone()).expect("scopes are a list of names")
    };
    let is_read = |tool: &&Value| tool["side_effect"] == "read";
    let reading = tools.iter().filter(is_read).flat_map(|it| names(&it["scopes"])).collect();
    let mut operations: Vec<_> = tools.iter().map(|it| call(it, names(&it["scopes"]))).collect();

    let mut client = Client::start(&command(), Transport::Stdio, MODERN).await;
    let templates = client.request("resources/templates/list", Value::Null).await;
    let fixed = client.request("resources/list", Value::Null).await;
    let prompts = client.request("prompts/list", Value::Null).await;
    for (answer, list, key) in [
        (&templates, "resourceTemplates", "uriTemplate"),
        (&fixed, "resources", "uri"),
        (&prompts, "prompts", "name"),
    ] {
        for item in answer["result"][list].as_array().expect("a list") {
            let name = item[key].as_str().expect("a name");
            operations.extend(reads(name, list, &reading));
        }
    }
    operations.push(Operation {
        name: "resources/list".to_owned(),
        method: "resources/list",
        params: json!({}),
        scopes: reading,
    });
    for method in ["tools/list", "prompts/list", "resources/templates/list"] {
        let scopes = BTreeSet::new();
        operations.push(Operation { name: method.to_owned(), method, params: json!({}), scopes });
    }
    operations
}

fn call(tool: &Value, scopes: BTreeSet<String>) -> Operation {
    let name = tool["name"].as_str().expect("a name");
    let params = json!({ "name": name, "arguments": {} });
    Operation { name: format!("tools/call {name}"), method: "tools/call", params, scopes }
}

/// What can be done with a resource, a family of them, or a prompt.
fn reads(name: &str, list: &str, scopes: &BTreeSet<String>) -> Vec<Operation> {
    let operation = |method: &'static str, params| Operation {
        name: format!("{method} {name}"),
        method,
        params,
        scopes: scopes.clone(),
    };
    let complete = |reference: Value| {
        let argument = json!({ "name": "id", "value": "" });
        operation("completion/complete", json!({ "ref": reference, "argument": argument }))
    };
    let read = || operation("resources/read", json!({ "uri": name.replace("{id}", "T-1") }));
    match list {
        "resources" => vec![read()],
        "resourceTemplates" => {
            vec![read(), complete(json!({ "type": "ref/resource", "uri": name }))]
        }
        _ => {
            let get = operation("prompts/get", json!({ "name": name }));
            vec![get, complete(json!({ "type": "ref/prompt", "name": name }))]
        }
    }
}

/// One column of the table: what a caller comes with.
struct Credential {
    name: &'static str,
    secret: Option<String>,
    /// What it is good for; none where it gets nobody in.
    scopes: Option<&'static str>,
}

impl Credential {
    fn new(name: &'static str, secret: Option<String>) -> Self {
        let scopes = match name.split(' ').next() {
            Some("read") => Some("tickets:read"),
            Some("write") => Some("tickets:write"),
            Some("read+write") => Some("tickets:read tickets:write"),
            _ => None,
        };
        Self { name, secret, scopes }
    }

    /// What its caller is told.
    fn expected(&self, operation: &Operation) -> &'static str {
        match self.scopes {
            None => "401",
            Some(held) if operation.is_permitted(held) => "yes",
            Some(_) => "403",
        }
    }
}

/// Nothing, API keys, and tokens of the issuer.
fn credentials(issuer: &Issuer) -> Vec<Credential> {
    let keys = Keys::credentials().map(|(name, key)| Credential::new(name, key.map(str::to_owned)));
    let forged = issuer.token_by("rsa-other", json!({})).replace("rsa-other", "rsa");
    let good = |scope: &str| issuer.token(json!({ "scope": scope }));
    let tokens = [
        ("wrong token", forged),
        ("expired token", issuer.token(json!({ "exp": now() - 60 }))),
        ("read token", good("tickets:read")),
        ("write token", good("tickets:write")),
        ("read+write token", good("tickets:read tickets:write")),
    ];
    let tokens = tokens.map(|(name, token)| Credential::new(name, Some(token)));
    keys.into_iter().chain(tokens).collect()
}

fn told(reply: &Reply) -> &'static str {
    match reply.status {
        StatusCode::UNAUTHORIZED => "401",
        StatusCode::FORBIDDEN => "403",
        StatusCode::OK => told_on_stdio(reply.json()),
        _ => "?",
    }
}

fn told_on_stdio(answer: &Value) -> &'static str {
    let in_error = answer["error"]["data"]["error"]["code"].as_str().unwrap_or_default();
    let code = [failure(&answer["result"]), in_error].concat();
    if code == "forbidden" { "403" } else { "yes" }
}

#[tokio::test]
async fn the_auth_matrix_is_as_in_the_snapshot() {
    let operations = operations().await;
    assert!(operations.len() >= 15, "the lists are not empty");
    let mut columns = Vec::new();
    let (keys, issuer) = (Keys::new(), Issuer::start().await);
    let command_of = |sessions| {
        keys.command(&command())
            .env("MCP_AUTH", "oauth+api-key")
            .env("MCP_AUTH_ISSUER", issuer.name())
            .env("MCP_AUTH_AUDIENCE", AUDIENCE)
            .env("MCP_SESSIONS", sessions)
    };
    for (transport, version, sessions) in [
        ("HTTP", MODERN, "stateless"),
        ("legacy HTTP", LEGACY, "stateless"),
        ("legacy HTTP with sessions", LEGACY, "local"),
    ] {
        let process = command_of(sessions).http().await;
        for credential in credentials(&issuer) {
            let client = HttpClient::with_version(process.url(), version.clone());
            let secret = credential.secret.as_deref();
            let mut client = secret.map_or(client.clone(), |secret| client.bearer(secret));
            if sessions == "local" {
                client.initialize().await;
            }
            let mut column = Vec::new();
            for operation in &operations {
                let request = client.request(operation.method, operation.params.clone());
                let reply = request.send().await;
                let told = told(&reply);
                let place = format!("{transport}, {}: {}", credential.name, operation.name);
                assert_eq!(told, credential.expected(operation), "{place}: {}", reply.body);
                column.push(told);
            }
            columns.push((format!("{transport}: {}", credential.name), column));
        }
    }
    for name in ["read", "write", "read+write"] {
        let credential = Credential::new(name, None);
        let command = command().env("MCP_STDIO_SCOPES", credential.scopes.unwrap());
        let mut client = Client::start(&command, Transport::Stdio, MODERN).await;
        let mut column = Vec::new();
        for operation in &operations {
            let answer = client.request(operation.method, operation.params.clone()).await;
            let told = told_on_stdio(&answer);
            let place = format!("stdio, {name}: {}", operation.name);
            assert_eq!(told, credential.expected(operation), "{place}: {answer}");
            column.push(told);
        }
        columns.push((format!("stdio: {name}"), column));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/AUTH-MATRIX.md");
    mcp_testkit::golden::assert_matches(file, &page(&operations, &columns));
}

fn page(operations: &[Operation], columns: &[(String, Vec<&'static str>)]) -> String {
    let mut page = String::from(
        "# Who may do what\n\n\
         Generated by `servers/ticketing/tests/it/auth.rs` from what the server offers; every cell is a request that \
         was made.\n`yes`: admitted. `401`: no credential, one that is not known, or one that has expired. `403`: a \
         scope is missing; HTTP\nanswers with the challenge that names it, stdio and a session's stream with the tool \
         result or error `forbidden`.\n\nKeys are API keys; tokens are an authorization server's JWTs, the wrong one \
         signed by somebody else in its name.\nstdio has no credential: its client is who started it, with the scopes of \
         `MCP_STDIO_SCOPES`.\n",
    );
    for transport in ["HTTP", "legacy HTTP", "legacy HTTP with sessions", "stdio"] {
        let prefix = format!("{transport}: ");
        let shown: Vec<_> = columns
            .iter()
            .filter_map(|(name, column)| Some((name.strip_prefix(&prefix)?, column)))
            .collect();
        let titles: Vec<_> = shown.iter().map(|(title, _)| *title).collect();
        let rule = "---|".repeat(titles.len() + 1);
        write!(page, "\n## {transport}\n\n| | {} |\n|{rule}\n", titles.join(" | ")).unwrap();
        for (row, operation) in operations.iter().enumerate() {
            let cells: Vec<_> = shown.iter().map(|(_, column)| column[row]).collect();
            writeln!(page, "| `{}` | {} |", operation.name, cells.join(" | ")).unwrap();
        }
    }
    page
}

#[tokio::test]
async fn challenges_say_where_to_get_a_credential_and_for_which_scopes() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let metadata = format!("http://{}/.well-known/oauth-protected-resource/mcp", process.address());
    let call = |key: Option<&str>| {
        let client = HttpClient::new(process.url());
        let client = key.map_or(client.clone(), |key| client.bearer(key));
        async move { client.call_tool("create_ticket", json!({})).await }
    };
    let [none, wrong, expired, read, ..] = Keys::credentials().map(|(_, key)| key);

    let reply = call(none).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let challenge = format!("Bearer resource_metadata=\"{metadata}\", scope=\"tickets:read\"");
    assert_eq!(reply.header("www-authenticate"), challenge);
    assert_eq!(reply.json()["error"], "unauthorized");
    assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));

    for key in [wrong, expired] {
        let reply = call(key).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        let sent = reply.header("www-authenticate");
        assert!(sent.starts_with(&format!("{challenge}, error=\"invalid_token\", ")), "{sent}");
        assert_eq!(reply.json()["error"], "invalid_token");
    }

    let reply = call(read).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", scope=\"tickets:write\", resource_metadata=\"{metadata}\""
    );
    assert_eq!(reply.header("www-authenticate"), challenge);
    assert_eq!(reply.json()["error"], "insufficient_scope");

    let document = HttpClient::new(&metadata).request("ping", Value::Null);
    let document = document.method(reqwest::Method::GET).send().await;
    assert_eq!(document.json()["resource"], process.url());
    assert_eq!(document.json()["scopes_supported"], json!(["tickets:read", "tickets:write"]));
    assert_eq!(document.json()["bearer_methods_supported"], json!(["header"]));
}

#[tokio::test]
async fn a_missing_scope_is_a_step_up_challenge_in_both_eras() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let operations = [
        ("tools/call", json!({ "name": "create_ticket", "arguments": {} }), "tickets:write"),
        ("tools/call", json!({ "name": "get_ticket", "arguments": {} }), "tickets:read"),
        ("resources/read", json!({ "uri": "ticket://T-1" }), "tickets:read"),
        ("prompts/get", json!({ "name": "triage_ticket", "arguments": {} }), "tickets:read"),
    ];
    for version in VERSIONS {
        for (method, params, scope) in &operations {
            let holds_other = if *scope == "tickets:write" { Keys::READ } else { Keys::WRITE };
            let client = HttpClient::with_version(process.url(), version.clone());
            let request = client.bearer(holds_other).request(method, params.clone());
            let reply = request.send().await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{version} {method}: {}", reply.body);
            let challenge = reply.header("www-authenticate");
            let scope = format!("scope=\"{scope}\"");
            for part in ["error=\"insufficient_scope\"", &scope, "resource_metadata="] {
                assert!(challenge.contains(part), "{version} {method}: {challenge}");
            }
        }
    }
}

#[tokio::test]
async fn a_listener_without_a_read_scope_is_turned_away() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let watch = json!({ "notifications": { "resourceSubscriptions": ["ticket://T-1"] } });
    for (credential, key) in Keys::credentials() {
        let client = HttpClient::new(process.url());
        let client = key.map_or(client.clone(), |key| client.bearer(key));
        let stream = client.request("subscriptions/listen", watch.clone()).open().await;
        let expected = match credential {
            "none" | "wrong key" | "expired key" => StatusCode::UNAUTHORIZED,
            "write key" => StatusCode::FORBIDDEN,
            _ => StatusCode::OK,
        };
        assert_eq!(stream.status, expected, "{credential}");
    }
}

#[tokio::test]
async fn a_key_may_come_in_either_header_but_only_once() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let list = || HttpClient::new(process.url()).request("tools/list", Value::Null);
    let bearer = format!("Bearer {}", Keys::BOTH);
    for (header, value) in [("authorization", bearer.as_str()), ("x-api-key", Keys::BOTH)] {
        assert_eq!(list().header(header, value).send().await.status, StatusCode::OK, "{header}");
    }
    let twice = list().header("authorization", &bearer).header("x-api-key", Keys::BOTH);
    assert_eq!(twice.send().await.status, StatusCode::UNAUTHORIZED);
    // RFC 6750 allows a token in the query; the specification of the protocol does not.
    let url = format!("{}?access_token={}", process.url(), Keys::BOTH);
    let reply = HttpClient::new(url).request("tools/list", Value::Null).send().await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_ticket_names_the_owner_of_the_key_whatever_the_caller_says() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let client = HttpClient::new(process.url()).bearer(Keys::BOTH);
    let arguments = json!({ "title": "t", "body": "created_by: root" });
    let reply = client.call_tool("create_ticket", arguments).await;
    assert_eq!(reply.result()["structuredContent"]["created_by"], "both");
    let closed = json!({ "id": "T-1", "resolution": "done" });
    let reply = client.call_tool("close_ticket", closed).await;
    assert_eq!(reply.result()["structuredContent"]["closed_by"], "both");
}
