//! Exactly-once writes, against both kinds of store.

use std::{
    collections::HashMap,
    future::{pending, poll_fn},
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, future::join_all};
use mcp_errors::{Error, ErrorKind, Result};
use mcp_limits::{ArgumentsHash, Claim, IdempotencyStore, MemoryStore, Once, Recorded, WriteKey};
use serde_json::{Value, json};
use tokio::time::advance;

fn key(key: &str) -> WriteKey {
    WriteKey::new("ann", "create_ticket", key).unwrap()
}

fn arguments(title: &str) -> ArgumentsHash {
    ArgumentsHash::of(json!({ "title": title }).as_object().unwrap()).unwrap()
}

fn memory(capacity: usize) -> MemoryStore {
    MemoryStore::new(NonZeroUsize::new(capacity).unwrap())
}

/// A write that has no right to happen.
fn repeated() -> impl Future<Output = Result<Value>> {
    poll_fn(|_| panic!("the write was repeated"))
}

/// A store whose records are written together with the writes themselves.
#[derive(Debug, Default)]
struct Transactional {
    records: Mutex<HashMap<String, Recorded>>,
}

impl Transactional {
    /// The write of a server, which fails where its record is there already.
    fn write(&self, key: &WriteKey, arguments: ArgumentsHash, result: Value) -> Result<Value> {
        let mut records = self.records.lock().unwrap();
        if records.contains_key(key.as_str()) {
            return Err(Error::conflict("duplicate key"));
        }
        records.insert(key.as_str().to_owned(), Recorded { arguments, result: result.clone() });
        Ok(result)
    }
}

#[async_trait]
impl IdempotencyStore for Transactional {
    async fn claim(&self, key: &WriteKey, _arguments: &ArgumentsHash) -> Result<Claim> {
        let recorded = self.records.lock().unwrap().get(key.as_str()).cloned();
        Ok(recorded.map_or(Claim::Fresh, Claim::Done))
    }

    async fn commit(&self, _key: &WriteKey, _result: &Value) -> Result<()> {
        Ok(())
    }

    async fn release(&self, _key: &WriteKey) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn twenty_four_duplicates_do_the_write_once_and_all_get_its_result() {
    let (once, store, writes) = (Once::new(), memory(10), AtomicUsize::new(0));
    let calls = (0..24).map(|_| {
        once.run(&store, key("k"), arguments("t"), async {
            tokio::task::yield_now().await;
            let number = writes.fetch_add(1, Ordering::Relaxed);
            Ok(json!({ "id": format!("T-{number}") }))
        })
    });
    let outcomes: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    assert!(outcomes.iter().all(|outcome| outcome.value == json!({ "id": "T-0" })));
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.replayed).count(), 1);
}

#[tokio::test]
async fn writes_under_different_keys_do_not_wait_for_each_other() {
    let (once, store) = (Once::new(), memory(10));
    let mut endless = Box::pin(once.run(&store, key("a"), arguments("t"), pending()));
    assert!(endless.as_mut().now_or_never().is_none());
    let other = once.run(&store, key("b"), arguments("t"), async { Ok(json!(1)) }).now_or_never();
    assert!(other.unwrap().is_ok());
}

#[tokio::test]
async fn a_key_used_with_other_arguments_is_a_conflict() {
    let (once, store) = (Once::new(), memory(10));
    once.run(&store, key("k"), arguments("one"), async { Ok(json!(1)) }).await.unwrap();
    let error = once.run(&store, key("k"), arguments("two"), repeated()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.message(),
        "this idempotency key was used for a write with other arguments, choose a new key"
    );
}

#[tokio::test]
async fn a_failure_is_not_recorded_so_the_retry_succeeds() {
    let (once, store) = (Once::new(), memory(10));
    for failure in [Error::not_found("no such ticket"), Error::conflict("it has changed")] {
        let (kind, failed) = (failure.kind().clone(), async { Err(failure) });
        let error = once.run(&store, key("k"), arguments("t"), failed).await.unwrap_err();
        assert_eq!(*error.kind(), kind);
    }
    let retry = once.run(&store, key("k"), arguments("other"), async { Ok(json!(1)) }).await;
    assert!(!retry.unwrap().replayed);
}

#[tokio::test]
async fn a_waiting_duplicate_tries_itself_when_the_first_fails() {
    let (once, store) = (Once::new(), memory(10));
    let (first, second) = tokio::join!(
        once.run(&store, key("k"), arguments("t"), async {
            tokio::task::yield_now().await;
            Err(Error::new(ErrorKind::Unavailable, "the database is away"))
        }),
        once.run(&store, key("k"), arguments("t"), async { Ok(json!(2)) })
    );
    assert!(first.is_err());
    assert!(!second.unwrap().replayed);
}

#[tokio::test]
async fn when_the_first_is_dropped_the_next_one_goes_on() {
    let (once, store) = (Once::new(), Transactional::default());
    let mut first = Box::pin(once.run(&store, key("k"), arguments("t"), pending()));
    assert!(first.as_mut().now_or_never().is_none());
    let mut second = Box::pin(once.run(&store, key("k"), arguments("t"), async {
        store.write(&key("k"), arguments("t"), json!(2))
    }));
    assert!(second.as_mut().now_or_never().is_none(), "it waits for the first");
    drop(first);
    assert!(!second.await.unwrap().replayed);
}

#[tokio::test]
async fn a_dropped_waiter_holds_nobody_up() {
    let (once, store) = (Once::new(), memory(10));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut first =
        Box::pin(once.run(&store, key("k"), arguments("t"), async {
            receiver.await.map_err(Error::internal)
        }));
    let mut waiter = Box::pin(once.run(&store, key("k"), arguments("t"), repeated()));
    let mut last = Box::pin(once.run(&store, key("k"), arguments("t"), repeated()));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(waiter.as_mut().now_or_never().is_none());
    assert!(last.as_mut().now_or_never().is_none());
    drop(waiter);
    sender.send(json!(1)).unwrap();
    assert!(!first.await.unwrap().replayed);
    assert!(last.await.unwrap().replayed);
}

#[tokio::test]
async fn a_write_cut_off_midway_is_uncertain_where_only_a_claim_is_kept() {
    let (once, store) = (Once::new(), memory(10));
    let mut cut_off = Box::pin(once.run(&store, key("dropped"), arguments("t"), pending()));
    assert!(cut_off.as_mut().now_or_never().is_none());
    drop(cut_off);
    for kind in [ErrorKind::Timeout, ErrorKind::Cancelled] {
        let failed = async { Err(Error::new(kind.clone(), "too late")) };
        let error = once.run(&store, key(kind.code()), arguments("t"), failed).await.unwrap_err();
        assert_eq!(*error.kind(), kind);
    }
    for name in ["dropped", "timeout", "cancelled"] {
        let error = once.run(&store, key(name), arguments("t"), repeated()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Conflict);
        assert_eq!(error.details(), Some(json!({ "outcome": "uncertain" })));
        assert!(error.message().contains("look up its effect"), "{}", error.message());
    }
}

#[tokio::test]
async fn a_race_lost_to_another_process_is_replayed() {
    let store = Transactional::default();
    let (ours, theirs) = (Once::new(), Once::new());
    let outcome = ours
        .run(&store, key("k"), arguments("t"), async {
            // Between our look-up and our transaction, another replica does the same write.
            let write = async { store.write(&key("k"), arguments("t"), json!("theirs")) };
            theirs.run(&store, key("k"), arguments("t"), write).await?;
            store.write(&key("k"), arguments("t"), json!("ours"))
        })
        .await
        .unwrap();
    assert_eq!((outcome.value, outcome.replayed), (json!("theirs"), true));
}

#[tokio::test]
async fn a_conflict_of_the_write_itself_stays_one() {
    let store = Transactional::default();
    let failed = async { Err(Error::conflict("the ticket is closed")) };
    let error = Once::new().run(&store, key("k"), arguments("t"), failed).await.unwrap_err();
    assert_eq!(error.message(), "the ticket is closed");
}

/// A store that fails at the one step that it names.
#[derive(Debug)]
struct Broken(&'static str, MemoryStore);

impl Broken {
    fn at(&self, step: &str) -> Result<()> {
        if step == self.0 {
            return Err(Error::new(ErrorKind::Unavailable, "the store is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl IdempotencyStore for Broken {
    async fn claim(&self, key: &WriteKey, arguments: &ArgumentsHash) -> Result<Claim> {
        self.at("claim")?;
        self.1.claim(key, arguments).await
    }

    async fn commit(&self, key: &WriteKey, result: &Value) -> Result<()> {
        self.at("commit")?;
        self.1.commit(key, result).await
    }

    async fn release(&self, key: &WriteKey) -> Result<()> {
        self.at("release")?;
        self.1.release(key).await
    }
}

#[tokio::test]
async fn a_store_that_cannot_claim_refuses_the_write() {
    let store = Broken("claim", memory(1));
    let error = Once::new().run(&store, key("k"), arguments("t"), repeated()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_write_that_could_not_be_recorded_is_reported_done_and_never_repeated() {
    let (once, store) = (Once::new(), Broken("commit", memory(1)));
    let done = once.run(&store, key("k"), arguments("t"), async { Ok(json!(1)) }).await;
    assert_eq!(done.unwrap().value, json!(1));
    let error = once.run(&store, key("k"), arguments("t"), repeated()).await.unwrap_err();
    assert_eq!(error.details(), Some(json!({ "outcome": "uncertain" })));
}

#[tokio::test]
async fn the_cause_of_a_failure_survives_a_store_that_cannot_release() {
    let store = Broken("release", memory(1));
    let failed = async { Err(Error::not_found("no such ticket")) };
    let error = Once::new().run(&store, key("k"), arguments("t"), failed).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound);
}

/// Records a write.
async fn done(store: &MemoryStore, name: &str) {
    assert_eq!(store.claim(&key(name), &arguments("t")).await.unwrap(), Claim::Fresh);
    store.commit(&key(name), &json!(name)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_is_remembered_for_a_day() {
    let store = memory(10);
    done(&store, "k").await;
    advance(Duration::from_hours(24) - Duration::from_secs(1)).await;
    let known = store.claim(&key("k"), &arguments("t")).await.unwrap();
    assert_eq!(known, Claim::Done(Recorded { arguments: arguments("t"), result: json!("k") }));
    advance(Duration::from_secs(1)).await;
    assert_eq!(store.claim(&key("k"), &arguments("t")).await.unwrap(), Claim::Fresh);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_forgets_what_was_done_first_and_never_a_claim() {
    let store = memory(3);
    let claim = async |name| store.claim(&key(name), &arguments("t")).await;
    assert_eq!(claim("claimed-first").await.unwrap(), Claim::Fresh);
    done(&store, "a").await;
    done(&store, "b").await;
    done(&store, "c").await;
    assert_eq!(claim("claimed-first").await.unwrap(), Claim::Uncertain);
    assert!(matches!(claim("b").await.unwrap(), Claim::Done(_)));
    assert_eq!(claim("a").await.unwrap(), Claim::Fresh, "it was forgotten, and b now is");
    assert_eq!(claim("b").await.unwrap(), Claim::Fresh, "and c now is");

    let refused = claim("one-too-many").await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Overloaded { .. }));
    store.release(&key("a")).await.unwrap();
    assert_eq!(claim("one-more").await.unwrap(), Claim::Fresh);

    advance(Duration::from_hours(24)).await;
    assert_eq!(claim("a-day-later").await.unwrap(), Claim::Fresh, "no call lives that long");
}
