//! Two replicas behind a plain round-robin proxy, on one PostgreSQL and one Redis: what a client must not notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mcp_testkit::{
    HttpClient, Postgres, Proxy, Redis, Replicas, ServerCommand, ServerProcess, TestDatabase,
    TestRedis, process::PATIENCE,
};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::issuer::get;
use crate::support::{Keys, LEGACY, command, failure};
use crate::writes::{ticket, titles};

/// What the replicas share; it lives as long as this.
struct Shared {
    database: TestDatabase,
    redis: TestRedis,
}

impl Shared {
    fn new() -> Self {
        Self { database: Postgres::shared().database(), redis: Redis::shared().database() }
    }

    fn command(&self) -> ServerCommand {
        command().env("DATABASE_URL", self.database.url()).env("REDIS_URL", self.redis.url())
    }
}

/// What became of calls at two replicas, in turn and by clients of both eras.
#[derive(Debug, PartialEq)]
struct Counted {
    /// Whether each of some writes was done, and what the headers told.
    writes: Vec<(String, String)>,
    /// How many of some reads were answered, and how long the others were to wait.
    reads: usize,
    waits: Vec<u64>,
}

async fn count(replicas: &Replicas) -> Counted {
    let modern = HttpClient::new(replicas.url());
    let legacy = HttpClient::with_version(replicas.url(), LEGACY);
    let mut counted = Counted { writes: Vec::new(), reads: 0, waits: Vec::new() };
    for round in 0..6 {
        let client = if round % 2 == 0 { &modern } else { &legacy };
        let key = format!("k-{round}");
        let reply = client.call_tool("create_ticket", ticket("t", &key)).await;
        let left = reply.header("ratelimit").split(';').nth(1).unwrap_or_default().to_owned();
        counted.writes.push((failure(reply.result()).to_owned(), left));
    }
    for round in 0..12 {
        let client = if round % 2 == 0 { &modern } else { &legacy };
        let reply = client.list_tools().await;
        match reply.status.as_u16() {
            200 => counted.reads += 1,
            429 => counted.waits.push(reply.header("retry-after").parse().unwrap()),
            status => panic!("{status}: {}", reply.body),
        }
    }
    counted
}

#[tokio::test]
async fn clients_of_both_eras_have_one_quota_at_both_replicas() {
    let (replicas, counted) = loop {
        let shared = Shared::new();
        let command = shared.command().env("MCP_RATE_LIMIT", "12/1h");
        let replicas = Replicas::start(&command.env("MCP_RATE_LIMIT_WRITE", "3/1h")).await;
        let counted = count(&replicas).await;
        if replicas.have_shared() {
            break (replicas, counted);
        }
    };
    let write = |code: &str, left: usize| (code.to_owned(), format!("r={left}"));
    let done = [write("", 11), write("", 10), write("", 9)];
    let limited = [8, 7, 6].map(|left| write("rate_limited", left));
    assert_eq!(counted.writes, [done, limited].concat());
    assert_eq!((counted.reads, counted.waits.len()), (6, 6));
    assert!(counted.waits.iter().all(|wait| (1..=300).contains(wait)), "{counted:?}");
    for server in &replicas.servers {
        let figures = get(server, "/metrics").await.body;
        assert!(figures.contains("mcp_method_name=\"tools/call\""), "both were asked: {figures}");
    }
}

#[tokio::test]
async fn concurrent_duplicates_at_both_replicas_make_one_ticket() {
    let shared = Shared::new();
    let replicas = Replicas::start(&shared.command()).await;
    let client = HttpClient::new(replicas.url());
    let calls = (0..24).map(|_| client.call_tool("create_ticket", ticket("once", "k")));
    let replies = join_all(calls).await;
    let first = &replies[0].result()["structuredContent"];
    assert!(replies.iter().all(|it| it.result()["structuredContent"] == *first));
    assert_eq!(titles(&client).await, BTreeMap::from([("once".to_owned(), 1)]));
}

#[tokio::test]
async fn any_replica_serves_a_session_for_its_owner_alone() {
    let (shared, keys) = (Shared::new(), Keys::new());
    let command = keys.command(&shared.command()).env("MCP_SESSIONS", "redis");
    let mut replicas = Replicas::start(&command).await;
    let client = |key: &str| HttpClient::with_version(replicas.url(), LEGACY).bearer(key);
    let mut owner = client(Keys::BOTH);
    let session = owner.initialize().await.header("mcp-session-id").to_owned();
    assert!(!session.is_empty());
    for round in 0..8 {
        let reply = owner.call_tool("create_ticket", ticket("t", &format!("k-{round}"))).await;
        assert_eq!(reply.status, 200, "{round}: {}", reply.body);
        assert_eq!(failure(reply.result()), "", "{}", reply.body);
    }
    // Both replicas know the session by now, and neither gives it to anybody else.
    let [left, right] = replicas.servers.each_ref().map(ServerProcess::url);
    let list = async |url: &str, key: &str| {
        let client = HttpClient::with_version(url, LEGACY).bearer(key);
        let request = client.request("tools/list", json!({})).header("mcp-session-id", &session);
        request.send().await.status.as_u16()
    };
    for url in [&left, &right] {
        assert_eq!(list(url, Keys::WRITE).await, 404);
        assert_eq!(list(url, Keys::BOTH).await, 200);
    }
    // A replica that begins anew serves it, too.
    replicas.crash(0).await;
    assert_eq!(list(&left, Keys::WRITE).await, 404);
    assert_eq!(list(&left, Keys::BOTH).await, 200);
    // Its end at one replica is its end at both.
    let end = HttpClient::with_version(&right, LEGACY).bearer(Keys::BOTH).message(&json!({}));
    let end = end.method(Method::DELETE).body("").header("mcp-session-id", &session);
    assert!(end.send().await.status.is_success());
    for url in [&left, &right] {
        assert_eq!(list(url, Keys::BOTH).await, 404);
    }
}

#[tokio::test]
async fn sessions_are_capped_and_idle_ones_end_at_all_replicas_together() {
    let (shared, keys) = (Shared::new(), Keys::new());
    let command = keys.command(&shared.command()).env("MCP_SESSIONS", "redis");
    let replicas = Replicas::start(&command.env("MCP_SESSION_IDLE", "3s")).await;
    let open = async |key: &str| {
        let mut client = HttpClient::with_version(replicas.url(), LEGACY).bearer(key);
        let params = mcp_testkit::wire::initialize_params(&LEGACY);
        let reply = client.request("initialize", params).send().await;
        if reply.status == 200 {
            client = client.header("mcp-session-id", reply.header("mcp-session-id"));
        }
        (client, reply.status.as_u16())
    };
    let mut opened = Vec::new();
    for _ in 0..16 {
        opened.push(open(Keys::BOTH).await);
    }
    assert!(opened.iter().all(|(_, status)| *status == 200));
    assert_eq!(open(Keys::BOTH).await.1, 503, "one too many");
    assert_eq!(open(Keys::WRITE).await.1, 200, "another principal is not affected");
    let idle = &opened[0].0;
    timeout(PATIENCE, async {
        while idle.list_tools().await.status != 404 {
            // Asking keeps it alive, so it is left alone for longer than it may be.
            sleep(Duration::from_millis(3_500)).await;
        }
    })
    .await
    .expect("an idle session ends");
    assert_eq!(open(Keys::BOTH).await.1, 200, "there is room again");
}

const WRITES: usize = 1_000;
const WRITERS: usize = 32;
const CRASHES: usize = 4;

#[tokio::test]
async fn the_death_of_either_replica_during_a_thousand_writes_loses_and_doubles_none() {
    let shared = Shared::new();
    let mut replicas = Replicas::start(&shared.command()).await;
    let client = HttpClient::new(replicas.url());
    let (acknowledge, mut acknowledged) = watch::channel(0);
    let writer = |writer: usize| {
        let (client, acknowledge) = (client.clone(), acknowledge.clone());
        tokio::spawn(async move {
            let mut ids = BTreeMap::new();
            for number in (writer..WRITES).step_by(WRITERS) {
                let title = format!("ticket-{number:04}");
                ids.insert(title.clone(), write(&client, &title).await);
                acknowledge.send_modify(|count| *count += 1);
            }
            ids
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for crash in 1..=CRASHES {
        let share = WRITES / (CRASHES + 1);
        let after = crash * share + rand::rng().random_range(0..share / 2);
        let reached = acknowledged.wait_for(|count| *count >= after);
        timeout(3 * PATIENCE, reached).await.expect("the writers go on").unwrap();
        replicas.crash(crash % 2).await;
    }
    let mut ids = BTreeMap::new();
    for writer in writers {
        ids.extend(writer.await.unwrap());
    }
    let written = titles(&client).await;
    assert_eq!(written.len(), WRITES);
    assert_eq!(written.iter().find(|(_, count)| **count != 1), None, "doubled");
    for (title, id) in ids.iter().step_by(10) {
        assert_eq!(write(&client, title).await, *id, "{title}");
    }
}

/// Writes until it is acknowledged, by whichever replica lives; returns the ticket's id.
async fn write(client: &HttpClient, title: &str) -> Value {
    let started = Instant::now();
    loop {
        let params = json!({ "name": "create_ticket", "arguments": ticket(title, title) });
        let reply = client.request("tools/call", params).try_send().await;
        if let Ok(reply) = reply.as_ref()
            && reply.status == 200
        {
            assert_eq!(reply.result()["isError"], false, "{}", reply.body);
            return reply.result()["structuredContent"]["id"].clone();
        }
        assert!(started.elapsed() < 2 * PATIENCE, "{reply:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The longest that a call took while a fault was there, and how many calls there were.
#[derive(Debug, Default)]
struct Load {
    calls: usize,
    longest: Duration,
}

/// Reads and keyed writes, one after the other in several lines, until told to stop. Every one must succeed.
fn load(url: &str, stop: &watch::Receiver<bool>) -> Vec<tokio::task::JoinHandle<Load>> {
    let line = |line: usize| {
        let (client, stop) = (HttpClient::new(url), stop.clone());
        tokio::spawn(async move {
            let mut load = Load::default();
            while !*stop.borrow() {
                let key = format!("line-{line}-{}", load.calls);
                let (tool, arguments) = match load.calls % 2 {
                    0 => ("create_ticket", ticket(&key, &key)),
                    _ => ("search_tickets", json!({ "query": "ticket" })),
                };
                let started = Instant::now();
                let reply = client.call_tool(tool, arguments).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
                assert_eq!(failure(reply.result()), "", "{}", reply.body);
                load.longest = load.longest.max(started.elapsed());
                load.calls += 1;
            }
            load
        })
    };
    (0..8).map(line).collect()
}

#[tokio::test]
async fn redis_may_stop_be_slow_and_restart_under_load() {
    let database = Postgres::shared().database();
    let mut redis = Redis::dedicated();
    let numbered = redis.database();
    let proxy = Arc::new(Proxy::before(numbered.url()).await);
    let command = command().env("DATABASE_URL", database.url()).env("REDIS_URL", proxy.url());
    let generous = ["MCP_RATE_LIMIT", "MCP_RATE_LIMIT_READ", "MCP_RATE_LIMIT_WRITE"];
    let command = generous.iter().fold(command, |command, name| command.env(name, "100000/1m"));
    let replicas = Replicas::start(&command).await;
    let (stop, stopped) = watch::channel(false);
    let lines = load(&replicas.url(), &stopped);
    let changes = async |wanted: usize, what: &str| {
        for server in &replicas.servers {
            let heard = async {
                while server.log().iter().filter(|line| line.contains(what)).count() < wanted {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("no {wanted}th `{what}`"));
        }
    };

    redis.stop();
    changes(1, "redis does not answer").await;
    sleep(Duration::from_millis(500)).await;
    redis.start();
    changes(1, "redis answers again").await;

    proxy.set_delay(Duration::from_millis(500));
    changes(2, "redis does not answer").await;
    sleep(Duration::from_millis(500)).await;
    proxy.set_delay(Duration::ZERO);
    changes(2, "redis answers again").await;

    redis.restart();
    changes(3, "redis does not answer").await;
    changes(3, "redis answers again").await;
    stop.send_replace(true);
    let mut calls = 0;
    for line in lines {
        let load = line.await.unwrap();
        // The tools' own deadline is 10 s; a fault costs a call 150 ms, the rest is a loaded machine's.
        assert!(load.longest < Duration::from_secs(5), "{load:?}");
        calls += load.calls;
    }
    assert!(calls > 24, "{calls}");
    for server in &replicas.servers {
        let figures = get(server, "/metrics").await.body;
        assert!(figures.contains("\nmcp_redis_up 1\n"), "{figures}");
    }
}
