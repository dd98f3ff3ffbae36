//! Load: closed, where every client asks as soon as it is answered, and open, where questions come at their own pace.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::future::try_join_all;

use crate::client::Client;

/// What a while of load came to. Latencies are as a client saw them: nothing is added for what it did not send.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
    /// How many answers the least and the most served connection got.
    pub(crate) served: (usize, usize),
    connections: usize,
    /// What the subject used of the processors.
    pub(crate) processor: Duration,
}

impl Sample {
    fn new(elapsed: Duration, by_connection: Vec<Vec<Duration>>) -> Self {
        let served = by_connection.iter().map(Vec::len);
        let served = (served.clone().min().unwrap_or(0), served.max().unwrap_or(0));
        let connections = by_connection.len();
        let mut latencies: Vec<_> = by_connection.into_iter().flatten().collect();
        latencies.sort_unstable();
        Self { elapsed, latencies, served, connections, processor: Duration::ZERO }
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        float(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the requests kept within, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let position = (share * float(last)).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `last`")]
        let found = self.latencies.get(position as usize).copied().unwrap_or_default();
        found.as_secs_f64() * 1e6
    }

    /// Processor time of the subject for a request, in microseconds.
    pub(crate) fn processor_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / float(self.latencies.len().max(1))
    }

    /// How much of the time a connection waited for an answer (Little's law): far from 1, some of them hung.
    pub(crate) fn occupancy(&self) -> f64 {
        let waited: Duration = self.latencies.iter().sum();
        waited.as_secs_f64() / (self.elapsed.as_secs_f64() * float(self.connections))
    }
}

/// Asks on every connection, again as soon as it is answered.
pub(crate) async fn closed(clients: &mut [Client], duration: Duration) -> Result<Sample> {
    let start = Instant::now();
    let end = start + duration;
    let asked = try_join_all(clients.iter_mut().map(async |client| {
        let mut latencies = Vec::new();
        let mut started = Instant::now();
        while started < end {
            client.call().await?;
            latencies.push(started.elapsed());
            started = Instant::now();
        }
        anyhow::Ok(latencies)
    }));
    let latencies = asked.await?;
    Ok(Sample::new(start.elapsed(), latencies))
}

/// Asks `rate` times a second on whichever connection is free. A question that finds none waits, and its wait counts.
pub(crate) async fn open(clients: &mut [Client], rate: f64, duration: Duration) -> Result<Sample> {
    let start = Instant::now();
    let next = Cell::new(0_u32);
    let asked = try_join_all(clients.iter_mut().map(async |client| {
        let mut latencies = Vec::new();
        loop {
            let number = next.replace(next.get() + 1);
            let due = start + Duration::from_secs_f64(f64::from(number) / rate);
            if due >= start + duration {
                return anyhow::Ok(latencies);
            }
            // The clock of the runtime is coarse: that this process wakes up late is no fault of the subject's.
            let started = if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
                Instant::now()
            } else {
                due
            };
            client.call().await?;
            latencies.push(started.elapsed());
        }
    }));
    let latencies = asked.await?;
    Ok(Sample::new(start.elapsed(), latencies))
}

/// Asks once on every connection at the same time.
pub(crate) async fn once(clients: &mut [Client]) -> Result<()> {
    try_join_all(clients.iter_mut().map(Client::call)).await?;
    Ok(())
}

/// A count as a number that can be divided.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Sample;

    #[test]
    fn a_connection_that_hangs_is_seen() {
        let busy = vec![Duration::from_millis(10); 100];
        let sample = Sample::new(Duration::from_secs(1), vec![busy, Vec::new()]);
        assert!((sample.rate() - 100.0).abs() < 1e-9);
        assert!((sample.occupancy() - 0.5).abs() < 1e-9);
        assert_eq!(sample.served, (0, 100));
        assert!((sample.quantile_us(0.5) - 10_000.0).abs() < 1e-9);
    }
}
