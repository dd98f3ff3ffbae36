//! Two replicas behind a plain proxy: one quota, whichever of them is asked, and clients of both eras.

use mcp_testkit::{HttpClient, Redis, Replicas};

use crate::stage::command;

#[tokio::test]
async fn two_replicas_serve_both_eras_with_one_quota() {
    loop {
        let redis = Redis::shared().database();
        let command = command().env("REDIS_URL", redis.url()).env("MCP_RATE_LIMIT", "10/1h");
        let replicas = Replicas::start(&command).await;
        let modern = HttpClient::new(replicas.url());
        let legacy = HttpClient::legacy(replicas.url());
        let mut admitted = 0;
        for round in 0..16 {
            let client = if round % 4 < 2 { &modern } else { &legacy };
            admitted += usize::from(client.list_tools().await.status == 200);
        }
        if replicas.have_shared() {
            return assert_eq!(admitted, 10);
        }
    }
}
