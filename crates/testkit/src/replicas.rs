//! Two replicas of a server behind nginx.

use crate::http::HttpClient;
use crate::nginx::Nginx;
use crate::process::{ServerCommand, ServerProcess};
use crate::redis::Redis;

/// Shows that two replicas of `command` serve clients of both eras and count one quota for them.
///
/// # Panics
/// When they do not.
pub async fn serve_both_eras_with_one_quota(command: &ServerCommand) {
    loop {
        let redis = Redis::shared().database();
        let command = command.clone().env("REDIS_URL", redis.url()).env("MCP_RATE_LIMIT", "10/1h");
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

/// Two processes of one command, and the proxy that hands requests to them in turn.
#[derive(Debug)]
pub struct Replicas {
    /// The processes.
    pub servers: [ServerProcess; 2],
    command: ServerCommand,
    nginx: Nginx,
}

impl Replicas {
    /// Starts both, and the proxy.
    pub async fn start(command: &ServerCommand) -> Self {
        let servers = [command.http().await, command.http().await];
        let nginx = Nginx::before(&servers.each_ref().map(ServerProcess::address));
        Self { servers, command: command.clone(), nginx }
    }

    /// The MCP endpoint, whichever replica answers.
    pub fn url(&self) -> String {
        self.nginx.url()
    }

    /// Whether they shared their state all the time. On a loaded machine Redis may answer too late, and they count alone.
    pub fn have_shared(&self) -> bool {
        let alone = |line: &String| line.contains("redis does not answer");
        !self.servers.iter().any(|server| server.log().iter().any(alone))
    }

    /// Kills one as a power cut would, and starts it again at its address.
    pub async fn crash(&mut self, replica: usize) {
        let address = self.servers[replica].address();
        self.servers[replica].kill_9().await;
        self.servers[replica] = self.command.http_at(address).await;
    }
}
