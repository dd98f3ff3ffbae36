//! Writes under keys, repeated until they are acknowledged, and what became of each.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::Worker;

/// How often a write is asked for under one key.
const ATTEMPTS: usize = 12;

/// Titles that writers made, with whether each was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<Vec<(String, bool)>>);

impl Written {
    /// Writes one thing after the other, each under a key of its own.
    pub(super) async fn by(&self, worker: Worker<'_>, tool: &str, draft: impl Fn(&str) -> Value) {
        for turn in 0.. {
            if worker.is_late() {
                return;
            }
            let title = format!("w{}-{turn}", worker.number);
            let mut arguments = draft(&title);
            arguments["idempotency_key"] = json!(title);
            let is_acknowledged = repeat(&worker, tool, &arguments).await;
            self.0.lock().unwrap().push((title, is_acknowledged));
        }
    }

    /// Every acknowledged title is there once, and no other twice.
    pub(super) fn is_what_stands_in(&self, found: &[String]) {
        let written = self.0.lock().unwrap();
        let acknowledged = written.iter().filter(|(_, is_acknowledged)| *is_acknowledged).count();
        assert!(acknowledged > 0, "nothing was written at all");
        for (title, is_acknowledged) in written.iter() {
            let count = found.iter().filter(|it| *it == title).count();
            let expected = if *is_acknowledged { 1..=1 } else { 0..=1 };
            let told = format!("{title}: acknowledged {is_acknowledged}, found {count}");
            assert!(expected.contains(&count), "{told}");
        }
        #[expect(clippy::print_stderr, reason = "what a long run has shown is worth keeping")]
        {
            let (asked, found) = (written.len(), found.len());
            eprintln!("{asked} writes, {acknowledged} acknowledged, {found} found");
        }
    }
}

/// Asks with a key until the answer is there, or nothing is to be hoped for: whether it was acknowledged.
async fn repeat(worker: &Worker<'_>, tool: &str, arguments: &Value) -> bool {
    for _ in 0..ATTEMPTS {
        match worker.call(tool, arguments.clone()).await {
            Ok(_) => return true,
            // Whether it was done is not known, or somebody is at it still.
            Err(code) if code == "conflict" && worker.is_late() => return false,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    false
}
