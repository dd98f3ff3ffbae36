//! Every server behind a network that resets, delays, truncates and corrupts at random: nothing that was acknowledged is
//! lost or doubled, nobody waits beyond the deadline, nothing is left behind, and it serves again.
//!
//! A few seconds each by default; `cargo xtask test --chaos-seconds 600` makes ten minutes of it, `TEST_CHAOS_SEED`
//! repeats a run.

mod databases;
mod github;
mod pulse;
pub(crate) mod upstreams;
mod vitals;
mod writes;

use std::time::{Duration, Instant};

use futures::future::join_all;
use mcp_testkit::{ChaosProxy, HttpClient, ServerCommand, ServerProcess, chaos};
use serde_json::Value;

use crate::process::{self, failure};
use pulse::stood_still;
use vitals::Vitals;

/// The longest that any call may take here (`MCP_DEADLINE`), and what a loaded machine adds to it.
const DEADLINE: Duration = Duration::from_secs(5);
const SLACK: Duration = Duration::from_secs(5);
/// When it must serve again: a circuit breaker stays open for ten seconds.
const RECOVERY: Duration = Duration::from_secs(25);
/// Clients at once.
const WORKERS: usize = 4;
/// What a call may fail with while the network does: nothing that blames the caller, and no error of our own.
const FAILURES: [&str; 5] = ["unavailable", "timeout", "upstream_error", "overloaded", "conflict"];

/// A server whose calls have [`DEADLINE`].
fn server(name: &str) -> ServerCommand {
    process::server(name).env("MCP_DEADLINE", "5s").env("RUST_LOG", "warn,mcp_chassis=info")
}

/// A proxy that does nothing yet.
async fn proxy(before: &str) -> ChaosProxy {
    ChaosProxy::before(before, chaos::seed()).await
}

/// One of several clients that call at once while faults last.
#[derive(Clone, Copy, Debug)]
struct Worker<'a> {
    number: usize,
    client: &'a HttpClient,
    server: &'a ServerProcess,
    until: Instant,
}

impl Worker<'_> {
    /// Calls a tool; its structured content, or the code of its failure. Nobody waits beyond the deadline.
    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let (begun, before) = (Instant::now(), stood_still());
        let reply = self.client.call_tool(tool, arguments).await;
        let elapsed = begun.elapsed().saturating_sub(stood_still().saturating_sub(before));
        assert!(elapsed < DEADLINE + SLACK, "{tool} took {elapsed:?}");
        let result = reply.result();
        match failure(result) {
            "" => Ok(result["structuredContent"].clone()),
            code if FAILURES.contains(&code) => Err(code.to_owned()),
            _ => panic!("{tool}: {}\n{:#?}", reply.body, self.server.log()),
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Asks one thing after the other; some must be answered even now, and each answer must pass `check`.
    async fn read(
        &self,
        tool: &str,
        question: impl Fn(usize) -> Value,
        check: impl Fn(usize, &Value),
    ) {
        let mut answered = 0;
        for turn in 0.. {
            if self.is_late() {
                break;
            }
            if let Ok(answer) = self.call(tool, question(turn)).await {
                check(turn, &answer);
                answered += 1;
            }
        }
        assert!(answered > 0, "nothing was answered at all");
    }
}

/// Lets `work` be done by several clients at once while faults last, and then sees that nothing is left of them.
///
/// `tool` with its numbered arguments must succeed on a network without faults.
async fn storm<'a, F: Future<Output = ()>>(
    proxy: &ChaosProxy,
    (server, client): (&'a ServerProcess, &'a HttpClient),
    (tool, arguments): (&str, impl Fn(usize) -> Value),
    work: impl Fn(Worker<'a>) -> F,
) {
    let until = Instant::now() + chaos::duration();
    let worker = |number| Worker { number, client, server, until };
    worker(WORKERS).call(tool, arguments(0)).await.unwrap();
    let before = Vitals::of(server).await;

    proxy.set_on(true);
    join_all((0..WORKERS).map(|number| work(worker(number)))).await;
    proxy.set_on(false);
    let faults = proxy.faults();
    assert!(faults > 5, "there were no faults to speak of");

    let begun = Instant::now();
    let mut answers = 0;
    while answers < 10 {
        match worker(WORKERS).call(tool, arguments(answers + 1)).await {
            Ok(_) => answers += 1,
            Err(code) => {
                assert!(begun.elapsed() < RECOVERY, "{tool} still fails: {code}");
                answers = 0;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    // What was given up may still be cleaned up in the background.
    let mut after = Vitals::of(server).await;
    while after.is_worse_than(&before) && begun.elapsed() < RECOVERY {
        tokio::time::sleep(Duration::from_millis(200)).await;
        after = Vitals::of(server).await;
    }
    let told = format!("{faults} faults, well after {:?}\n{before:?}\n{after:?}", begun.elapsed());
    assert!(!after.is_worse_than(&before), "{told}");
    #[expect(clippy::print_stderr, reason = "what a long run has shown is worth keeping")]
    {
        eprintln!("{told}");
    }
}
