//! Change notices of two replicas on one PostgreSQL: what is written at either is heard at both, in either era.

use mcp_testkit::{HttpClient, Postgres, ServerProcess, TestDatabase, http::ReplyStream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{LEGACY, command, failure};

const UPDATED: &str = "notifications/resources/updated";
const LIST: &str = "notifications/resources/list_changed";

/// Two replicas without anything in common but the database.
struct Stage {
    database: TestDatabase,
    here: ServerProcess,
    there: ServerProcess,
}

impl Stage {
    async fn set() -> Self {
        let database = Postgres::shared().database();
        let command = command().env("DATABASE_URL", database.url()).env("MCP_SESSIONS", "local");
        let (here, there) = (command.http().await, command.http().await);
        let stage = Self { database, here, there };
        mcp_testkit::until("both listen", async || stage.ears() == 2).await;
        stage
    }

    /// How many connections of the database listen.
    fn ears(&self) -> usize {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' \
                     AND datname = current_database()";
        self.database.psql(count).parse().unwrap()
    }
}

async fn write(server: &ServerProcess, tool: &str, arguments: Value) {
    let reply = HttpClient::new(server.url()).call_tool(tool, arguments).await;
    assert_eq!(failure(reply.result()), "", "{}", reply.body);
}

async fn open_ticket(server: &ServerProcess, title: &str) {
    write(server, "create_ticket", json!({ "title": title, "body": "It is broken" })).await;
}

async fn comment(server: &ServerProcess, id: &str) {
    write(server, "add_comment", json!({ "id": id, "body": "It still is" })).await;
}

/// A stream of 2026-07-28 that tells of one ticket, its history and the list.
async fn listen(server: &ServerProcess) -> ReplyStream {
    let wanted = json!({
        "resourcesListChanged": true,
        "resourceSubscriptions": ["ticket://T-1", "ticket://T-1/history"],
    });
    let client = HttpClient::new(server.url());
    let request = client.request("subscriptions/listen", json!({ "notifications": wanted }));
    let mut stream = request.open().await;
    let acknowledged = stream.next().await.expect("an acknowledgement");
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    stream
}

/// The stream of a session before 2026-07-28 that subscribed to one ticket.
async fn subscribe(server: &ServerProcess) -> ReplyStream {
    let mut client = HttpClient::with_version(server.url(), LEGACY);
    client.initialize().await;
    let subscribed = client.request("resources/subscribe", json!({ "uri": "ticket://T-1" }));
    assert_eq!(*subscribed.send().await.result(), json!({}));
    let request = client.message(&json!({})).method(Method::GET).body("");
    request.header("accept", "text/event-stream").open().await
}

/// What a stream tells next: the method, and the address where it names one.
async fn told(stream: &mut ReplyStream) -> (String, String) {
    let notice = stream.next().await.expect("a notice");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&notice["method"]), text(&notice["params"]["uri"]))
}

fn updated(uri: &str) -> (String, String) {
    (UPDATED.to_owned(), uri.to_owned())
}

fn list_changed() -> (String, String) {
    (LIST.to_owned(), String::new())
}

#[tokio::test]
async fn what_one_replica_writes_is_heard_at_the_other_in_both_eras() {
    let stage = Stage::set().await;
    open_ticket(&stage.here, "Printer").await;
    open_ticket(&stage.here, "Scanner").await;
    let (mut listener, mut session) = (listen(&stage.there).await, subscribe(&stage.there).await);

    // The other ticket first: its notice would come first if it came.
    comment(&stage.here, "T-2").await;
    comment(&stage.here, "T-1").await;
    open_ticket(&stage.here, "Phone").await;
    assert_eq!(told(&mut listener).await, updated("ticket://T-1"));
    assert_eq!(told(&mut listener).await, updated("ticket://T-1/history"));
    assert_eq!(told(&mut listener).await, list_changed());
    assert_eq!(told(&mut session).await, updated("ticket://T-1"));
    assert_eq!(told(&mut session).await, list_changed());
}

#[tokio::test]
async fn what_a_replica_wrote_itself_is_told_once() {
    let stage = Stage::set().await;
    open_ticket(&stage.here, "Printer").await;
    let mut listener = listen(&stage.here).await;
    comment(&stage.here, "T-1").await;
    // The database tells in the order of commits: had the first been told twice, it would come before this.
    open_ticket(&stage.there, "Scanner").await;
    assert_eq!(told(&mut listener).await, updated("ticket://T-1"));
    assert_eq!(told(&mut listener).await, updated("ticket://T-1/history"));
    assert_eq!(told(&mut listener).await, list_changed());
}

#[tokio::test]
async fn a_replica_whose_ear_was_cut_off_listens_again_and_has_its_clients_read_anew() {
    let stage = Stage::set().await;
    open_ticket(&stage.here, "Printer").await;
    let (mut listener, mut session) = (listen(&stage.there).await, subscribe(&stage.there).await);
    let cut = stage.database.psql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE query LIKE 'LISTEN %' AND datname = current_database()",
    );
    assert_eq!(cut, "2");
    // What was missed meanwhile nobody knows.
    assert_eq!(told(&mut listener).await, updated("ticket://T-1"));
    assert_eq!(told(&mut listener).await, updated("ticket://T-1/history"));
    assert_eq!(told(&mut session).await, updated("ticket://T-1"));
    for stream in [&mut listener, &mut session] {
        assert_eq!(told(stream).await, list_changed());
    }
    open_ticket(&stage.here, "Scanner").await;
    for stream in [&mut listener, &mut session] {
        assert_eq!(told(stream).await, list_changed());
    }
    let log = stage.there.log().join("\n");
    assert!(log.contains("what other replicas write is heard again"), "{log}");
}

#[tokio::test]
async fn the_channel_holds_the_number_of_a_ticket_and_nothing_that_stands_in_it() {
    let stage = Stage::set().await;
    let heard = stage.database.psql(
        "LISTEN mcp_ticketing; \
         INSERT INTO tickets (title, body, status, priority, labels, version, created_at, created_by, updated_at) \
         VALUES ('secret', 'secret', 'open', 'low', '[]', 1, now(), 'ann', now()); \
         INSERT INTO ticket_events (ticket, kind, actor, at, changed) VALUES (1, 'opened', 'ann', now(), '[]'); \
         SELECT 1",
    );
    assert!(heard.contains("\"- opened 1\""), "{heard}");
    assert!(!heard.contains("secret") && !heard.contains("ann"), "{heard}");
}
