//! Keyed writes at two replicas of a server without a store of its own: Redis remembers them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mcp_testkit::{HttpClient, Redis, Replicas, ServerProcess};
use serde_json::{Value, json};

use crate::support::{command, failure};

const DEDUPLICATED: &str = "io.github.mcp-chassis/deduplicated";

fn write(label: &str, millis: u64) -> Value {
    json!({ "label": label, "millis": millis, "idempotency_key": label })
}

/// How often each write was done, as the logs of the replicas tell.
fn done(logs: &[Vec<String>]) -> BTreeMap<String, usize> {
    let mut done = BTreeMap::new();
    for line in logs.iter().flatten().filter(|line| line.contains("write done")) {
        let line: Value = serde_json::from_str(line).unwrap();
        *done.entry(line["label"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    done
}

#[tokio::test]
async fn concurrent_duplicates_at_two_replicas_are_one_write() {
    let redis = Redis::shared().database();
    let command = command().env("REDIS_URL", redis.url());
    let replicas = Replicas::start(&command.env("MCP_RATE_LIMIT_WRITE", "off")).await;
    let client = HttpClient::new(replicas.url());
    let call = async || {
        loop {
            let reply = client.call_tool("write_nothing", write("once", 300)).await;
            // A Redis that answers too late on a loaded machine protects nobody, so the write is refused.
            if failure(reply.result()) != "unavailable" {
                return reply;
            }
        }
    };
    let replies = join_all((0..24).map(|_| call())).await;
    assert!(replies.iter().all(|reply| failure(reply.result()).is_empty()));
    let replayed = replies.iter().filter(|reply| reply.result()["_meta"][DEDUPLICATED] == true);
    assert_eq!(replayed.count(), 23);
    let logs = replicas.servers.each_ref().map(ServerProcess::log);
    assert_eq!(done(&logs), BTreeMap::from([("once".to_owned(), 1)]));

    let other = json!({ "label": "other", "idempotency_key": "once" });
    let reply = client.call_tool("write_nothing", other).await;
    assert_eq!(failure(reply.result()), "conflict");
}

#[tokio::test]
async fn a_write_whose_replica_died_midway_is_never_repeated() {
    let redis = Redis::shared().database();
    let command = command().env("REDIS_URL", redis.url());
    let mut replicas = Replicas::start(&command.env("MCP_RATE_LIMIT_WRITE", "off")).await;
    let [left, right] = replicas.servers.each_ref().map(|it| HttpClient::new(it.url()));
    let midway = left.request(
        "tools/call",
        json!({
            "name": "write_nothing", "arguments": write("midway", 4_000),
        }),
    );
    let midway = tokio::spawn(midway.try_send());
    let started = Instant::now();
    while redis.command(&["KEYS", "mcp:toy:write:*"]).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    replicas.servers[0].kill_9().await;
    assert!(midway.await.unwrap().is_err());
    // It waits for the lease of the lost replica, as far as its own deadline allows.
    let ended = loop {
        let reply = right.call_tool("write_nothing", write("midway", 4_000)).await;
        let code = failure(reply.result()).to_owned();
        if code != "timeout" {
            break reply;
        }
    };
    assert_eq!(failure(ended.result()), "conflict", "{}", ended.body);
    let details = &ended.result()["structuredContent"]["error"]["details"];
    assert_eq!(details["outcome"], "uncertain");
    assert!(done(&[replicas.servers[1].log()]).is_empty());
}

#[tokio::test]
async fn without_redis_keyed_writes_are_refused_and_everything_else_goes_on() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let process = command().env("REDIS_URL", database.url()).http().await;
    let client = HttpClient::new(process.url());
    redis.stop();
    let reply = client.call_tool("write_nothing", write("keyed", 0)).await;
    assert_eq!(failure(reply.result()), "unavailable", "{}", reply.body);
    for (tool, arguments) in [("write_nothing", json!({})), ("count_items", json!({ "items": 1 }))]
    {
        let reply = client.call_tool(tool, arguments).await;
        assert_eq!(failure(reply.result()), "", "{tool}: {}", reply.body);
    }
    redis.start();
    process.wait_for_log("redis answers again").await;
    let reply = client.call_tool("write_nothing", write("keyed", 0)).await;
    assert_eq!(failure(reply.result()), "", "{}", reply.body);
}
