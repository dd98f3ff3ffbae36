//! TLS of the server's own: its certificate, those of clients, and both as they change.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use mcp_testkit::{Diagnosis, HttpClient, ServerCommand, ServerProcess, http::Reply, until};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use reqwest::{Certificate, Identity, Method, StatusCode, Version, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::command;

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key, both as PEM.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn server(&self) -> (String, String) {
        self.issue(|params| {
            params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        })
    }

    /// What a client with that common name proves who it is with.
    fn client(&self, name: &str) -> Identity {
        let (certificate, key) = self.issue(|params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        Identity::from_pem((certificate + &key).as_bytes()).unwrap()
    }
}

/// The files of a deployment, and the authority behind them.
struct Files {
    folder: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        files.renew(&files.authority);
        files.write("ca.pem", &files.authority.0.pem());
        files
    }

    /// Replaces the server's certificate and then its key, as a platform does.
    fn renew(&self, authority: &Authority) {
        let (certificate, key) = authority.server();
        self.write("cert.pem", &certificate);
        self.write("key.pem", &key);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A server that speaks TLS.
    fn command(&self) -> ServerCommand {
        command()
            .env("MCP_TLS_CERT", self.path("cert.pem"))
            .env("MCP_TLS_KEY", self.path("key.pem"))
    }

    /// A server that knows its clients by their certificates.
    fn mtls(&self) -> ServerCommand {
        let list = "[auth.certificates]\n\"CN=reader\" = \"tickets:read\"\n\"CN=writer\" = \
                    [\"tickets:read\", \"tickets:write\"]\n";
        self.write("config.toml", list);
        self.command()
            .env("MCP_AUTH", "mtls")
            .env("MCP_TLS_CLIENT_CA", self.path("ca.pem"))
            .env("MCP_CONFIG", self.path("config.toml"))
    }
}

/// A client that believes the authority, with a certificate of its own or none.
fn client(server: &ServerProcess, authority: &Authority, identity: Option<Identity>) -> HttpClient {
    let root = Certificate::from_pem(authority.0.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    let http = http.redirect(redirect::Policy::none());
    let http = match identity {
        Some(identity) => http.identity(identity),
        None => http,
    };
    let url = format!("https://{}/mcp", server.address());
    HttpClient::new(url).by(http.build().unwrap())
}

async fn search(client: &HttpClient) -> reqwest::Result<Reply> {
    let params = json!({ "name": "search_tickets", "arguments": { "query": "printer" } });
    client.request("tools/call", params).try_send().await
}

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls_and_nothing_else() {
    let files = Files::new();
    let server = files.command().http().await;
    server.wait_for_log(&format!("https://{}/mcp", server.address())).await;
    let client = client(&server, &files.authority, None);
    let reply = client.list_tools().await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("strict-transport-security"), "max-age=31536000");
    // Who does not know the authority hangs up; who does not speak TLS gets no word.
    let stranger = self::client(&server, &Authority::new(), None);
    assert!(search(&stranger).await.unwrap_err().is_connect());
    let plain = HttpClient::new(format!("http://{}/mcp", server.address()));
    assert!(search(&plain).await.is_err());
    assert_eq!(client.list_tools().await.status, StatusCode::OK);
}

#[tokio::test]
async fn both_versions_of_http_are_offered_and_tls_below_1_2_is_not() {
    let files = Files::new();
    let server = files.command().http().await;
    let url = format!("https://{}/live", server.address());
    let root = || Certificate::from_pem(files.authority.0.pem().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().no_proxy().tls_certs_only([root()]);
    let version = async |builder: reqwest::ClientBuilder| {
        builder.build().unwrap().get(&url).send().await.unwrap().version()
    };
    assert_eq!(version(builder()).await, Version::HTTP_2);
    assert_eq!(version(builder().http1_only()).await, Version::HTTP_11);
    let older = builder().tls_version_max(reqwest::tls::Version::TLS_1_2);
    assert_eq!(version(older.http1_only()).await, Version::HTTP_11);
    // A hello of TLS 1.1 (RFC 4346 §7.4.1.2), which clients of today cannot even send.
    let hello = [&[0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]];
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &hello.concat()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.unwrap();
    // A fatal alert: `protocol_version` (70), or `handshake_failure` (40).
    assert_eq!((answer[0], answer[5]), (0x15, 2), "{answer:?}");
    assert!([70, 40].contains(&answer[6]), "{answer:?}");
}

#[tokio::test]
async fn a_new_certificate_is_in_force_within_a_second_and_a_broken_one_never() {
    let files = Files::new();
    let server = files.command().http().await;
    let other = Authority::new();
    files.renew(&other);
    until("the new certificate is shown", async || {
        search(&client(&server, &other, None)).await.is_ok()
    })
    .await;
    assert!(search(&client(&server, &files.authority, None)).await.is_err());

    files.write("cert.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    server.wait_for_log("not usable, the last good one stays").await;
    assert!(search(&client(&server, &other, None)).await.is_ok());
}

#[tokio::test]
async fn a_client_is_who_its_certificate_says_and_may_do_what_its_name_may() {
    let files = Files::new();
    let server = files.mtls().http().await;
    let of = |identity| client(&server, &files.authority, identity);
    let (reader, writer) = (files.authority.client("reader"), files.authority.client("writer"));
    let (reader, writer) = (of(Some(reader)), of(Some(writer)));

    assert_eq!(search(&reader).await.unwrap().status, StatusCode::OK);
    let new = json!({ "title": "Printer", "body": "Jams" });
    let refused = reader.call_tool("create_ticket", new.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let made = writer.call_tool("create_ticket", new).await;
    assert_eq!(made.result()["structuredContent"]["created_by"], "CN=writer");

    // Probes have no certificate; calls without one, or with a name that is not listed, get no further.
    let nobody = of(None);
    let probe = nobody.message(&Value::Null).method(Method::GET).body("");
    assert_eq!(probe.send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(search(&nobody).await.unwrap().json()["error"], "unauthorized");
    let unlisted = search(&of(Some(files.authority.client("intern")))).await.unwrap();
    assert_eq!(unlisted.json()["error"], "invalid_token", "{}", unlisted.body);
    // Anybody can sign a certificate for that name; the handshake ends there.
    let foreign = Authority::new().client("writer");
    assert!(search(&of(Some(foreign))).await.is_err());
}

#[tokio::test]
async fn a_certificate_is_revoked_like_a_key() {
    let files = Files::new();
    let list = files.path("revoked");
    let server = files.mtls().env("MCP_REVOKED_TOKENS_FILE", &list).http().await;
    let reader = client(&server, &files.authority, Some(files.authority.client("reader")));
    assert_eq!(search(&reader).await.unwrap().status, StatusCode::OK);
    fs::write(&list, "sub:CN=reader\n").unwrap();
    until("the certificate is refused", async || {
        search(&reader).await.unwrap().status == StatusCode::UNAUTHORIZED
    })
    .await;
}

#[tokio::test]
async fn the_plain_listener_sends_everybody_to_the_servers_own_name() {
    let files = Files::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = files
        .command()
        .env("MCP_TLS_REDIRECT_LISTEN", port.to_string())
        .env("MCP_PUBLIC_URL", "https://tickets.example/mcp")
        .http()
        .await;
    let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
    let http = http.build().unwrap();
    let asked = http.post(format!("http://{port}/mcp?a=b")).header("host", "evil.example");
    let sent = asked.send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(sent.headers()["location"], "https://tickets.example/mcp?a=b");
    drop(server);
}

#[tokio::test]
async fn a_health_check_believes_the_servers_own_certificate_and_no_other() {
    let files = Files::new();
    let server = files.command().http().await;
    let check = async || {
        let command = files.command().env("MCP_LISTEN", server.address().to_string());
        command.args(["healthcheck"]).output().await
    };
    let checked = check().await;
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
    // Somebody else's server on this port.
    files.write("cert.pem", &Authority::new().server().0);
    assert_eq!(check().await.status.code(), Some(1));
}

#[tokio::test]
async fn settings_of_tls_that_do_not_fit_are_told_by_name() {
    let files = Files::new();
    let (other, _) = files.authority.server();
    files.write("other.pem", &other);
    let (cert, key, ca, other) = (
        ("MCP_TLS_CERT", files.path("cert.pem")),
        ("MCP_TLS_KEY", files.path("key.pem")),
        ("MCP_TLS_CLIENT_CA", files.path("ca.pem")),
        ("MCP_TLS_CERT", files.path("other.pem")),
    );
    let none = ("MCP_TLS_CERT", files.path("none.pem"));
    let mtls = ("MCP_AUTH", PathBuf::from("mtls"));
    let cases: [(&[_], &str); 8] = [
        (&[&cert], "MCP_TLS_KEY"),
        (&[&key], "MCP_TLS_CERT"),
        (&[&ca], "MCP_TLS_CLIENT_CA"),
        (&[&none, &key], "MCP_TLS_CERT"),
        (&[&other, &key], "MCP_TLS_KEY"),
        (&[&cert, &key, &ca], "MCP_TLS_CLIENT_CA"),
        (&[&cert, &key, &mtls], "MCP_AUTH"),
        (&[&cert, &key, &ca, &mtls], "MCP_AUTH"),
    ];
    for (variables, named) in cases {
        let command = variables.iter().fold(command(), |it, (name, value)| it.env(name, value));
        let output = command.args(["config", "check"]).output().await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{named}: {told}");
        assert!(told.starts_with(&format!("error: {named} (from ")), "{named}: {told}");
    }
    // With a certificate a server may be served to the network.
    let open = [("MCP_LISTEN", "0.0.0.0:8443"), ("MCP_AUTH", "api-key")];
    let open = open.iter().fold(files.command(), |it, (name, value)| it.env(name, value));
    let open = open.env("MCP_API_KEYS", "0123456789abcdef");
    assert_eq!(open.clone().args(["config", "check"]).output().await.status.code(), Some(0));
    let report = open.args(["doctor"]).output().await.stdout;
    let report = String::from_utf8(report).unwrap();
    assert!(report.contains("ok    certificate"), "{report}");
}

#[tokio::test]
async fn doctor_tells_when_the_certificate_ends_and_who_can_read_its_key() {
    let files = Files::new();
    let command = files
        .command()
        .env("MCP_LISTEN", "0.0.0.0:8443")
        .env("MCP_AUTH", "api-key")
        .env("MCP_API_KEYS", "Zk8vQ2xM7rT4wN9p");
    // As a careless platform leaves it.
    fs::set_permissions(files.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = Diagnosis::of(&command).await;
    open.must_tell("open key", ("fail", "files", "MCP_TLS_KEY: others may read the secret"));
    for (year, status, text) in [(2020, "fail", "has expired"), (2099, "ok", "is good until")] {
        let (certificate, key) = files.authority.issue(|params| {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        });
        files.write("cert.pem", &certificate);
        files.write("key.pem", &key);
        let diagnosis = Diagnosis::of(&command).await;
        diagnosis.must_tell(&year.to_string(), (status, "certificate", text));
    }
}
