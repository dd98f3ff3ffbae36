//! What a process holds: memory, files, threads, tasks, calls.

use mcp_testkit::{HttpClient, ServerProcess};
use reqwest::Method;
use serde_json::Value;

use crate::process::{count, resident};

/// What a process holds while nobody calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vitals {
    /// KiB.
    resident: u64,
    files: u64,
    threads: u64,
    tasks: u64,
    in_flight: u64,
    queued: u64,
}

impl Vitals {
    pub(super) async fn of(server: &ServerProcess) -> Self {
        let metrics = HttpClient::new(format!("http://{}/metrics", server.address()));
        let metrics = metrics.request("ping", Value::Null).method(Method::GET).send().await.body;
        let gauge = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no `{name}` in {metrics}")).trim().parse().unwrap()
        };
        Self {
            resident: resident(server),
            files: count(server, "fd"),
            threads: count(server, "task"),
            tasks: gauge("mcp_server_tasks "),
            in_flight: gauge("mcp_server_in_flight_calls "),
            queued: gauge("mcp_server_queue_length "),
        }
    }

    /// Whether something was left behind. Pools and caches fill up to their bounds; what leaks grows with every fault.
    pub(super) fn is_worse_than(&self, before: &Self) -> bool {
        self.resident > before.resident + (48 << 10)
            || self.files > before.files + 20
            || self.threads > before.threads + 8
            || self.tasks > before.tasks + 20
            || (self.in_flight, self.queued) != (0, 0)
    }
}
