//! Refused requests: so many a minute are written, the rest is counted. A flood of them must not become a
//! flood of disk writes.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    record::{Notice, Refusal},
    writer::Writer,
};
use crate::metrics::Metrics;

const WINDOW: Duration = Duration::from_mins(1);
const WRITTEN_PER_WINDOW: u32 = 60;

pub(super) struct Refusals {
    metrics: Metrics,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    ends: Option<Instant>,
    written: u32,
    suppressed: u64,
}

impl Refusals {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, window: Mutex::default() }
    }

    /// Writes or counts one refusal. Returns when to [`flush`](Self::flush), with the first one counted.
    pub(super) fn record(&self, refusal: &Refusal<'_>, writer: &Writer) -> Option<Instant> {
        let now = Instant::now();
        let mut window = self.window();
        if window.ends.is_none_or(|ends| ends <= now) {
            let suppressed = mem::replace(
                &mut *window,
                Window { ends: Some(now + WINDOW), written: 0, suppressed: 0 },
            )
            .suppressed;
            summarize(suppressed, writer);
        }
        if window.written < WRITTEN_PER_WINDOW {
            window.written += 1;
            drop(window);
            queue(refusal.body(), writer);
            return None;
        }
        window.suppressed += 1;
        self.metrics.refusal_suppressed();
        (window.suppressed == 1).then_some(window.ends).flatten()
    }

    /// Writes the count of what was not written one by one.
    pub(super) fn flush(&self, writer: &Writer) {
        let suppressed = mem::take(&mut self.window().suppressed);
        summarize(suppressed, writer);
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn summarize(suppressed: u64, writer: &Writer) {
    if suppressed > 0 {
        queue(Notice::suppressed(suppressed).body(), writer);
    }
}

fn queue(body: mcp_errors::Result<Vec<u8>>, writer: &Writer) {
    // The request is refused either way, and the writer has counted the loss.
    body.and_then(|body| writer.append(body)).ok();
}
