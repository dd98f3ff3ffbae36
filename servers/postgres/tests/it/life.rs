//! How the server starts, shares its connections, gives up what nobody waits for, and survives its database.

use std::time::{Duration, Instant};

use mcp_testkit::{HttpClient, Postgres, ServerCommand, wire};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, call, query};

/// Takes for ever, or what the timeouts allow.
pub(crate) const ENDLESS: &str =
    "SELECT count(*) FROM order_items a, order_items b, order_items c, order_items d";

fn running(stage: &Stage) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND query LIKE '%mcp_cursor%' AND pid <> pg_backend_pid()";
    stage.database.psql(sql).parse().unwrap()
}

/// Waits until a statement runs.
pub(crate) async fn is_started(stage: &Stage) {
    until(stage, 1, Duration::from_secs(20)).await;
}

/// Waits until no statement runs; fails after a second.
pub(crate) async fn is_gone(stage: &Stage) {
    until(stage, 0, Duration::from_secs(1)).await;
}

async fn until(stage: &Stage, count: usize, limit: Duration) {
    let started = Instant::now();
    while running(stage) != count {
        assert!(started.elapsed() < limit, "{} run", running(stage));
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_cancelled_statement_is_gone_from_the_database_within_a_second() {
    let stage = Stage::new();
    let mut client = stage.command().env("PG_POOL_SIZE", "1").stdio();
    client.initialize(ProtocolVersion::V_2025_11_25).await;
    let params = json!({ "name": "query_database", "arguments": { "sql": ENDLESS } });
    let request = wire::request(&ProtocolVersion::V_2025_11_25, "tools/call", params);
    client.send(&request).await;
    is_started(&stage).await;
    let cancel = json!({ "requestId": request["id"] });
    client.send(&wire::notification("notifications/cancelled", cancel)).await;
    is_gone(&stage).await;
    // The only connection was closed, and there is a new one.
    assert_eq!(query(&mut client, "SELECT 1").await["rows"], json!([[1]]));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_statement_with_it() {
    let stage = Stage::new();
    let server = stage.command().http().await;
    let client = HttpClient::new(server.url());
    let calling = tokio::spawn(async move {
        client.call_tool("query_database", json!({ "sql": ENDLESS })).await.status
    });
    is_started(&stage).await;
    calling.abort();
    is_gone(&stage).await;
}

#[tokio::test]
async fn a_statement_that_an_administrator_ends_is_not_run_again() {
    let stage = Stage::new();
    let server = stage.command().http().await;
    let client = HttpClient::new(server.url());
    let calling = tokio::spawn(async move {
        client.call_tool("query_database", json!({ "sql": ENDLESS })).await.result().clone()
    });
    is_started(&stage).await;
    stage.database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'mcp-postgres' AND datname = current_database()",
    );
    let answer = calling.await.unwrap();
    assert_eq!(answer["structuredContent"]["error"]["code"], "unavailable", "{answer}");
    assert_eq!(running(&stage), 0);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_timeout() {
    let stage = Stage::new();
    let mut client = stage.command().env("PG_STATEMENT_TIMEOUT", "200ms").stdio();
    // The server starts with its first call.
    query(&mut client, "SELECT 1").await;
    let started = Instant::now();
    let answer = query(&mut client, ENDLESS).await;
    assert_eq!(answer["error"]["code"], "timeout", "{answer}");
    assert_eq!(answer["error"]["details"]["sqlstate"], "57014");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(query(&mut client, "SELECT 1").await["rows"], json!([[1]]));
}

#[tokio::test]
async fn a_hundred_clients_share_eight_connections_in_turn() {
    let stage = Stage::new();
    let server = stage.command().env("MCP_MAX_CONCURRENCY_PER_CLIENT", "200").http().await;
    let calls = (0..100).map(|number| {
        let client = HttpClient::new(server.url());
        tokio::spawn(async move {
            let started = Instant::now();
            let sql = format!("SELECT {number}, count(*) FROM order_items a, customers b");
            let reply = client.call_tool("query_database", json!({ "sql": sql })).await;
            (number, reply.result()["structuredContent"]["rows"][0][0].clone(), started.elapsed())
        })
    });
    let calls: Vec<_> = calls.collect();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcp-postgres' AND datname = current_database()";
    for _ in 0..5 {
        let connections: usize = stage.database.psql(count).parse().unwrap();
        assert!(connections <= 8, "{connections} connections");
    }
    for call in calls {
        let (number, answered, took) = call.await.unwrap();
        assert_eq!(answered, json!(number));
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
}

#[tokio::test]
async fn a_restart_of_the_database_is_survived() {
    let mut postgres = Postgres::dedicated();
    let stage = Stage::on(&postgres);
    stage.run("CREATE TABLE t (a int)");
    let mut client = stage.client();
    assert_eq!(query(&mut client, "SELECT count(*) FROM t").await["rows"], json!([[0]]));
    postgres.stop();
    let answer = query(&mut client, "SELECT count(*) FROM t").await;
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
    assert_eq!(answer["error"]["retryable"], true);
    assert!(!answer.to_string().contains("reader-secret"));
    postgres.start();
    assert_eq!(query(&mut client, "SELECT count(*) FROM t").await["rows"], json!([[0]]));
    // A restart between two calls is not noticed at all.
    postgres.restart();
    assert_eq!(query(&mut client, "SELECT count(*) FROM t").await["rows"], json!([[0]]));
}

#[tokio::test]
async fn a_role_that_can_do_more_than_read_does_not_start() {
    let stage = Stage::new();
    let role = stage.role().to_owned();
    for (grant, revoke, told) in [
        ("GRANT INSERT ON orders TO", "REVOKE INSERT ON orders FROM", "may write to orders"),
        (
            "GRANT UPDATE (name) ON customers TO",
            "REVOKE UPDATE (name) ON customers FROM",
            "may write to customers",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO",
            "REVOKE CREATE ON SCHEMA public FROM",
            "may create in schema public",
        ),
        (
            "GRANT pg_read_server_files TO",
            "REVOKE pg_read_server_files FROM",
            "is a member of pg_read_server_files",
        ),
        ("ALTER TABLE orders OWNER TO", "ALTER TABLE orders OWNER TO postgres --", "owns orders"),
    ] {
        stage.database.psql(&format!("{grant} {role}"));
        let output = stage.command().args(["stdio"]).output().await;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(told), "{told}: {complaint}");
        assert!(!complaint.contains("reader-secret"), "{complaint}");
        stage.database.psql(&format!("{revoke} {role}"));
    }
    for attribute in ["SUPERUSER", "BYPASSRLS", "REPLICATION", "CREATEROLE"] {
        stage.database.psql(&format!("ALTER ROLE {role} {attribute}"));
        let output = stage.command().args(["stdio"]).output().await;
        assert_eq!(output.status.code(), Some(2), "{attribute}");
        stage.database.psql(&format!("ALTER ROLE {role} NO{attribute}"));
    }
}

#[tokio::test]
async fn an_operator_can_insist_on_a_role_and_the_guards_hold_all_the_same() {
    let stage = Stage::new();
    let owner = stage.database.url().to_owned();
    let mut client =
        stage.command().env("DATABASE_URL", owner).env("PG_ALLOW_UNSAFE_ROLE", "true").stdio();
    for sql in [
        "DELETE FROM orders",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT ('/etc/passwd'::text).pg_read_file",
    ] {
        assert_eq!(query(&mut client, sql).await["error"]["code"], "forbidden", "{sql}");
    }
    assert_eq!(query(&mut client, "SELECT count(*) FROM orders").await["rows"], json!([[2000]]));
    client.process().wait_for_log("UNSAFE ROLE").await;
}

#[tokio::test]
async fn a_role_default_does_not_win_over_the_session() {
    let stage = Stage::new();
    let role = stage.role();
    stage.database.psql(&format!(
        "ALTER ROLE {role} SET default_transaction_read_only = off; ALTER ROLE {role} SET statement_timeout = 0;
         ALTER ROLE {role} SET DateStyle = 'German'; ALTER ROLE {role} SET TimeZone = 'Asia/Tokyo';
         ALTER ROLE {role} SET bytea_output = 'escape'; ALTER ROLE {role} SET standard_conforming_strings = off"
    ));
    let mut client = stage.client();
    let sql = "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'), date '2025-02-01',
        timestamptz '2025-02-01 00:00+00', '\\xff'::bytea, current_setting('standard_conforming_strings')";
    assert_eq!(
        query(&mut client, sql).await["rows"],
        json!([["on", "15s", "2025-02-01", "2025-02-01 00:00:00+00", "\\xff", "on"]])
    );
}

#[tokio::test]
async fn an_address_without_a_database_is_told_without_the_password() {
    let stage = Stage::new();
    for (url, code) in [
        ("postgres://reader:hunter2@127.0.0.1:1/x".to_owned(), 3),
        ("mysql://reader:hunter2@127.0.0.1/x".to_owned(), 2),
        (stage.url().replace("reader-secret", "hunter2").replace("/mcp_test", "/none_mcp_test"), 3),
    ] {
        let output = stage.command().env("DATABASE_URL", &url).args(["stdio"]).output().await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[tokio::test]
async fn the_catalogue_follows_the_database() {
    let stage = Stage::new();
    let mut client = stage.client();
    assert_eq!(query(&mut client, "SELECT late()").await["error"]["details"]["sqlstate"], "42883");
    stage.run("CREATE FUNCTION late() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE TABLE late_table (a int)");
    // An unknown name costs one refresh a second.
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!(query(&mut client, "SELECT late()").await["rows"], json!([[1]]));
    assert_eq!(query(&mut client, "SELECT * FROM late_table").await["row_count"], 0);
}

#[tokio::test]
async fn doctor_tells_what_the_role_can_do() {
    let stage = Stage::new();
    let output = stage.command().args(["doctor", "--json"]).output().await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = told["findings"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(names.contains(&&json!("database")) && names.contains(&&json!("role")), "{told}");
    let answer = call(&mut stage.client(), "database_health", json!({})).await;
    assert!(answer["connections"].as_i64().unwrap() > 0);
}

/// What `doctor` says of the role, with its exit code.
async fn doctor(command: ServerCommand) -> (i32, Value) {
    let output = command.args(["doctor", "--json"]).output().await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let of = |name: &str| findings.iter().find(|it| it["name"] == name).cloned();
    let finding = of("role").or_else(|| of("start")).unwrap();
    (output.status.code().unwrap(), finding)
}

#[tokio::test]
async fn doctor_warns_of_powers_that_are_no_reason_not_to_start() {
    let stage = Stage::new();
    stage.run(
        "CREATE EXTENSION dblink; CREATE FUNCTION moody() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION trusted() RETURNS int STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
    );
    let (code, role) = doctor(stage.command()).await;
    assert_eq!((code, &role["status"]), (0, &json!("warn")), "{role}");
    let detail = role["detail"].as_str().unwrap();
    for told in
        ["may create temporary tables", "SECURITY DEFINER functions", "the extension dblink"]
    {
        assert!(detail.contains(told), "{told}: {detail}");
    }
    // On stdout and in plain words too.
    let output = stage.command().args(["doctor"]).output().await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("warn  role"));

    let insisting = stage.command().env("DATABASE_URL", stage.database.url());
    let (code, role) = doctor(insisting.env("PG_ALLOW_UNSAFE_ROLE", "true")).await;
    // It starts, and is unsafe all the same.
    assert_eq!((code, &role["status"]), (1, &json!("fail")), "{role}");
    assert!(role["detail"].as_str().unwrap().contains("is a superuser"), "{role}");

    stage.database.psql(&format!("GRANT INSERT ON orders TO {}", stage.role()));
    let (code, start) = doctor(stage.command()).await;
    assert_eq!((code, &start["status"]), (1, &json!("fail")), "{start}");
    assert!(start["detail"].as_str().unwrap().contains("may write to orders"), "{start}");
}
