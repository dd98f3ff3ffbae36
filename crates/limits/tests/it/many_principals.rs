//! What a hundred thousand principals take of memory: as much as the documentation says, and no more with twice as many.

use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::time::Duration;

use mcp_limits::{Algorithm, Bulkhead, BulkheadConfig, Quota};

/// What a guard remembers of clients in production.
const REMEMBERED: usize = 100_000;
/// What they may take, in KiB.
const BOUND: u64 = 60 << 10;

/// What this process has in memory, in KiB (proc(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each principal passes the four quotas and the permits of a call once.
async fn call(principals: Range<usize>, quotas: &[Quota], permits: &Bulkhead) {
    for number in principals {
        let key = format!("https://issuer.example/tenant|user-{number}");
        for quota in quotas {
            quota.take(&key, 1);
        }
        drop(permits.acquire(&key, Duration::ZERO).await.unwrap());
    }
}

#[tokio::test]
async fn a_hundred_thousand_principals_stay_below_sixty_mebibytes() {
    let capacity = NonZeroUsize::new(REMEMBERED).unwrap();
    // What each algorithm leaves behind would be room for the next one.
    let mut kept = Vec::new();
    for algorithm in [Algorithm::Gcra, Algorithm::Sliding] {
        let before = resident();
        let quotas = [(); 4].map(|()| Quota::new(algorithm, "600/1h".parse().unwrap(), capacity));
        let one = NonZeroU32::MIN;
        let permits = Bulkhead::new(BulkheadConfig { max: one, queue: 0, per_client: one });
        call(0..REMEMBERED, &quotas, &permits).await;
        let grown = resident().saturating_sub(before);
        assert!((1 << 10..BOUND).contains(&grown), "{algorithm:?}: {grown} KiB");
        // Strangers beyond that number share what is left, and are not remembered one by one.
        call(REMEMBERED..REMEMBERED * 2, &quotas, &permits).await;
        let twice = resident().saturating_sub(before);
        assert!(twice < BOUND, "{algorithm:?}: {twice} KiB with twice as many");
        kept.push((quotas, permits));
    }
}
