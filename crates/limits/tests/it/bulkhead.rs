//! Permits, lines and shedding, on a clock that stands still.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use futures::{FutureExt, future::join_all};
use mcp_errors::ErrorKind;
use mcp_limits::{Bulkhead, BulkheadConfig};
use tokio::time::Instant;

const PATIENT: Duration = Duration::from_mins(1);

fn bulkhead(max: u32, queue: u32, per_client: u32) -> Bulkhead {
    let [max, per_client] = [max, per_client].map(|number| NonZeroU32::new(number).unwrap());
    Bulkhead::new(BulkheadConfig { max, queue, per_client })
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_learns_it_within_a_second() {
    let bulkhead = bulkhead(1, 1, 1);
    let permit = bulkhead.acquire("a", PATIENT).await.unwrap();
    let begun = Instant::now();
    let (waits, sheds) = tokio::join!(bulkhead.acquire("b", PATIENT), async {
        let error = bulkhead.acquire("c", PATIENT).await.unwrap_err();
        (error, begun.elapsed())
    });
    let (at_once, after) = sheds;
    assert_eq!(after, Duration::ZERO, "the line was full");
    for error in [at_once, waits.unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }));
        assert_eq!(error.kind().retry_after(), Some(Duration::from_secs(1)));
    }
    // tokio's timers have a granularity of a millisecond.
    assert!(begun.elapsed() <= Duration::from_millis(1001));
    drop(permit);
    assert!(bulkhead.acquire("b", Duration::ZERO).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_client_cannot_hold_every_permit_nor_every_place() {
    let bulkhead = bulkhead(4, 4, 2);
    let mut greedy: Vec<_> =
        (0..6).map(|_| Box::pin(bulkhead.acquire("greedy", PATIENT))).collect();
    let granted: Vec<_> =
        greedy.iter_mut().filter_map(|call| call.as_mut().now_or_never()).collect();
    assert_eq!(granted.iter().filter(|permit| permit.is_ok()).count(), 2);
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (2, 4));

    let others = [bulkhead.acquire("b", PATIENT).await, bulkhead.acquire("c", PATIENT).await];
    assert!(others.iter().all(Result::is_ok));
    // The common line is still empty for others, although the greedy client has four calls waiting.
    let mut waiting: Vec<_> = ["d", "e", "f", "g"]
        .map(|client| Box::pin(bulkhead.acquire(client, PATIENT)))
        .into_iter()
        .collect();
    assert!(waiting.iter_mut().all(|call| call.as_mut().now_or_never().is_none()));
    assert_eq!(bulkhead.waiting(), 8);
    drop(others);
    assert!(waiting.iter_mut().take(2).all(|call| call.as_mut().now_or_never().is_some()));
}

#[tokio::test(start_paused = true)]
async fn permits_are_granted_in_the_order_of_asking() {
    let bulkhead = bulkhead(1, 10, 1);
    let order = std::sync::Mutex::new(Vec::new());
    let first = bulkhead.acquire("first", PATIENT).await.unwrap();
    let (bulkhead, order_of) = (&bulkhead, &order);
    let calls = (0..10).map(|call| async move {
        let _permit = bulkhead.acquire(&format!("{call}"), PATIENT).await.unwrap();
        order_of.lock().unwrap().push(call);
    });
    tokio::join!(join_all(calls), async { drop(first) });
    assert_eq!(order.into_inner().unwrap(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_waiter_leaves_the_line() {
    let bulkhead = bulkhead(1, 1, 1);
    let permit = bulkhead.acquire("a", PATIENT).await.unwrap();
    let mut waiter = Box::pin(bulkhead.acquire("b", PATIENT));
    assert!(waiter.as_mut().now_or_never().is_none());
    assert_eq!(bulkhead.waiting(), 1);
    drop(waiter);
    assert_eq!(bulkhead.waiting(), 0);

    let mut next = Box::pin(bulkhead.acquire("c", PATIENT));
    assert!(next.as_mut().now_or_never().is_none(), "the place is free again");
    drop(permit);
    assert!(next.await.is_ok(), "the permit did not go to the one who left");
}

#[tokio::test(start_paused = true)]
async fn a_narrow_bulkhead_before_the_common_one_leaves_room_for_the_rest() {
    let (writes, all) = (Arc::new(bulkhead(1, 5, 5)), Arc::new(bulkhead(3, 5, 5)));
    let write = async || {
        let narrow = writes.acquire("a", PATIENT).await?;
        all.acquire("a", PATIENT).await.map(|common| (narrow, common))
    };
    let running = write().await.unwrap();
    let mut waiting = Box::pin(write());
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!((writes.in_use(), all.in_use()), (1, 1), "who waits holds no common permit");
    let reads = [all.acquire("a", PATIENT).await, all.acquire("a", PATIENT).await];
    assert!(reads.iter().all(Result::is_ok));
    drop((reads, running));
    assert!(waiting.await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_more_calls_run_than_there_are_permits() {
    let bulkhead = Arc::new(bulkhead(3, 1000, 2));
    let calls = (0..300).map(|call| {
        let bulkhead = Arc::clone(&bulkhead);
        tokio::spawn(async move {
            let client = ["a", "b", "c", "d", "e"][call % 5];
            let _permit = bulkhead.acquire(client, PATIENT).await.unwrap();
            for _ in 0..3 {
                assert!(bulkhead.in_use() <= 3);
                tokio::task::yield_now().await;
            }
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    assert_eq!((bulkhead.in_use(), bulkhead.waiting()), (0, 0));
}
