//! Sessions that two replicas open, use and end.

use std::time::Duration;

use futures::future::join_all;
use mcp_testkit::{Redis, TestRedis};

use super::{SessionBounds, SharedSessions};
use crate::{SharedState, WhenDown};

const IDLE: Duration = Duration::from_mins(5);

async fn sessions(database: &TestRedis, per_principal: usize, in_all: usize) -> SharedSessions {
    let state = SharedState::patient(database.url(), WhenDown::Local).await;
    SharedSessions::new(&state, SessionBounds { idle: IDLE, per_principal, in_all })
}

/// Opens a session as a replica does.
async fn open(sessions: &SharedSessions, principal: &str, id: &str) -> bool {
    let Some(place) = sessions.reserve(principal).await.unwrap() else { return false };
    sessions.save(id, "{}").await.unwrap();
    sessions.bind(&place, id).await.unwrap();
    true
}

#[tokio::test]
async fn a_session_is_its_owners_at_every_replica_until_it_is_ended() {
    let database = Redis::shared().database();
    let [left, right] = [sessions(&database, 4, 8).await, sessions(&database, 4, 8).await];
    assert!(open(&left, "ann", "s-1").await);
    assert_eq!(right.load("s-1").await.unwrap().as_deref(), Some("{}"));
    assert!(right.touch("ann", "s-1").await.unwrap());
    assert!(!right.touch("bob", "s-1").await.unwrap());
    assert!(!right.touch("ann", "s-2").await.unwrap());
    right.end("ann", "s-1").await.unwrap();
    assert!(!left.touch("ann", "s-1").await.unwrap());
    assert_eq!(left.load("s-1").await.unwrap(), None);
}

#[tokio::test]
async fn places_are_counted_at_all_replicas_together_even_while_sessions_are_opened() {
    let database = Redis::shared().database();
    let replicas = [sessions(&database, 4, 6).await, sessions(&database, 4, 6).await];
    let reserved = join_all((0..20).map(|call| replicas[call % 2].reserve("ann"))).await;
    let mut places: Vec<_> = reserved.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(places.len(), 4, "of one principal");
    for name in ["s-1", "s-2"] {
        assert!(open(&replicas[1], "bob", name).await);
    }
    assert!(!open(&replicas[0], "carol", "s-3").await, "of all");
    replicas[0].give_back(&places.pop().unwrap()).await;
    assert!(open(&replicas[0], "carol", "s-3").await);
    replicas[0].end("bob", "s-1").await.unwrap();
    assert!(open(&replicas[0], "ann", "s-4").await);
}

#[tokio::test]
async fn a_session_whose_beginning_was_lost_is_nobodys() {
    let database = Redis::shared().database();
    let sessions = sessions(&database, 4, 8).await;
    let place = sessions.reserve("ann").await.unwrap().unwrap();
    assert!(sessions.bind(&place, "s-1").await.is_err());
    assert!(!sessions.touch("ann", "s-1").await.unwrap());
    // What was saved and never bound is nobody's either.
    sessions.save("s-2", "{}").await.unwrap();
    assert!(!sessions.touch("ann", "s-2").await.unwrap());
}

#[tokio::test]
async fn every_key_of_a_session_expires_and_none_names_its_principal_or_its_id() {
    let database = Redis::shared().database();
    let sessions = sessions(&database, 4, 8).await;
    assert!(open(&sessions, "alice@example.com", "secret-id").await);
    let keys = database.command(&["KEYS", "mcp:toy:session*"]);
    assert_eq!(keys.lines().count(), 3, "{keys}");
    assert!(!keys.contains("alice") && !keys.contains("secret"), "{keys}");
    for key in keys.lines() {
        let left: i64 = database.command(&["TTL", key]).parse().unwrap();
        assert!((290..=330).contains(&left), "{key}: {left}");
    }
}
