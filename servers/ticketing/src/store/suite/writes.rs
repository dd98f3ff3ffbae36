//! Writes: what they change, who may not, and that a repetition is not a second one.

use std::time::Duration;

use futures::future::join_all;
use mcp_errors::Error;
use serde_json::{json, to_value};

use super::{first, for_both_stores, keyed, open_ticket, refusal, ticket, titled};
use crate::{
    models::{ActiveStatus, EventKind, Priority, Status, TicketId},
    store::{NewTicket, Patch, StoreError, TicketStore},
};

for_both_stores!(
    a_ticket_is_read_as_it_was_created,
    an_update_changes_the_fields_given_and_no_others,
    a_patch_without_a_difference_leaves_the_version,
    an_assignee_is_removed_by_an_empty_name,
    of_concurrent_updates_of_one_version_one_wins,
    a_closed_ticket_stays_as_it_is,
    what_does_not_exist_is_not_found,
    the_history_tells_who_changed_what,
    concurrent_duplicates_write_one_ticket,
    a_duplicate_learns_that_it_is_one_and_not_that_the_ticket_changed,
    a_refused_write_leaves_its_key_free,
    a_recorded_write_can_be_replayed_until_it_is_purged,
    a_text_that_postgres_cannot_keep_is_refused_by_both,
    a_call_that_is_dropped_writes_all_or_nothing,
);

async fn a_ticket_is_read_as_it_was_created(store: &dyn TicketStore) {
    let new = NewTicket {
        title: "Ünïcode 🦀 'quoted' \"twice\"".into(),
        body: "🦀".repeat(10_000),
        priority: Priority::High,
        labels: vec!["a,b".into(), "[]".into(), "日本".into()],
        assignee: Some("bob".into()),
    };
    let created = store.create(new.clone(), "ann", None).await.unwrap();
    assert_eq!((&created.title, &created.body), (&new.title, &new.body));
    assert_eq!((created.priority, &created.labels), (Priority::High, &new.labels));
    assert_eq!((created.status, created.version), (Status::Open, 1));
    assert_eq!((created.created_by.as_str(), created.assignee.as_deref()), ("ann", Some("bob")));
    assert_eq!(created.created_at, created.updated_at);
    assert_eq!((&created.closed_by, &created.resolution), (&None, &None));
    let (read, comments) = store.get(created.id, &first(10)).await.unwrap();
    assert_eq!(read, created);
    assert!(comments.items.is_empty() && !comments.truncated);
}

async fn an_update_changes_the_fields_given_and_no_others(store: &dyn TicketStore) {
    let before = open_ticket(store, "before").await;
    let patch = Patch {
        expected_version: 1,
        status: Some(ActiveStatus::Pending),
        labels: Some(vec!["later".into()]),
        ..Patch::default()
    };
    let after = store.update(before.id, patch, "bob", None).await.unwrap();
    let mut expected = before.clone();
    expected.status = Status::Pending;
    expected.labels = vec!["later".into()];
    expected.version = 2;
    expected.updated_at = after.updated_at;
    assert_eq!(after, expected);
    assert_eq!(store.get(before.id, &first(1)).await.unwrap().0, after);
}

async fn a_patch_without_a_difference_leaves_the_version(store: &dyn TicketStore) {
    let ticket = open_ticket(store, "same").await;
    let same = store.update(ticket.id, titled(1, "same"), "bob", None).await.unwrap();
    assert_eq!(same, ticket);
    assert_eq!(store.history(ticket.id, &first(10)).await.unwrap().items.len(), 1);
}

async fn an_assignee_is_removed_by_an_empty_name(store: &dyn TicketStore) {
    let new = NewTicket { assignee: Some("bob".into()), ..ticket("mine", "not yours") };
    let id = store.create(new, "ann", None).await.unwrap().id;
    let nobody = Patch { expected_version: 1, assignee: Some(String::new()), ..Patch::default() };
    assert_eq!(store.update(id, nobody, "ann", None).await.unwrap().assignee, None);
}

async fn of_concurrent_updates_of_one_version_one_wins(store: &dyn TicketStore) {
    let id = open_ticket(store, "contended").await.id;
    let update = |title: &'static str| store.update(id, titled(1, title), "ann", None);
    let (left, middle, right) = tokio::join!(update("left"), update("middle"), update("right"));
    let (won, lost): (Vec<_>, Vec<_>) = [left, middle, right].into_iter().partition(Result::is_ok);
    let winner = won.into_iter().next().unwrap().unwrap();
    assert_eq!(lost.len(), 2);
    for error in lost.into_iter().map(Result::unwrap_err) {
        let StoreError::Version { expected: 1, current: 2, .. } = error else {
            panic!("{error:?}")
        };
        let error = Error::from(error);
        assert_eq!(error.kind().code(), "conflict");
        assert_eq!(error.details(), Some(json!({ "current_version": 2 })));
    }
    assert_eq!(store.get(id, &first(1)).await.unwrap().0, winner);
}

async fn a_closed_ticket_stays_as_it_is(store: &dyn TicketStore) {
    let id = open_ticket(store, "done").await.id;
    let closed = store.close(id, "fixed".into(), "bob", None).await.unwrap();
    assert_eq!((closed.status, closed.version), (Status::Closed, 2));
    assert_eq!(
        (closed.closed_by.as_deref(), closed.resolution.as_deref()),
        (Some("bob"), Some("fixed"))
    );
    assert_eq!(refusal(store.close(id, "again".into(), "eve", None).await), "Closed");
    let reopen =
        Patch { expected_version: 2, status: Some(ActiveStatus::Open), ..Patch::default() };
    assert_eq!(refusal(store.update(id, reopen, "eve", None).await), "Closed");
    assert_eq!(refusal(store.update(id, titled(1, "stale"), "eve", None).await), "Closed");
    // Talking about it is still possible.
    store.add_comment(id, "thanks".into(), "ann", None).await.unwrap();
    let (read, _) = store.get(id, &first(1)).await.unwrap();
    assert_eq!((read.title.as_str(), read.resolution.as_deref()), ("done", Some("fixed")));
}

async fn what_does_not_exist_is_not_found(store: &dyn TicketStore) {
    let id: TicketId = "T-999999999999999999".parse().unwrap();
    let refusals = [
        refusal(store.get(id, &first(1)).await),
        refusal(store.history(id, &first(1)).await),
        refusal(store.update(id, titled(1, "t"), "ann", None).await),
        refusal(store.add_comment(id, "b".into(), "ann", None).await),
        refusal(store.close(id, "r".into(), "ann", None).await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "NotFound"), "{refusals:?}");
    assert!(store.find_write("never used").await.unwrap().is_none());
}

async fn the_history_tells_who_changed_what(store: &dyn TicketStore) {
    let id = open_ticket(store, "old").await.id;
    store.update(id, titled(1, "new"), "bob", None).await.unwrap();
    store.add_comment(id, "why".into(), "cat", None).await.unwrap();
    let closed = store.close(id, "done".into(), "dan", None).await.unwrap();
    let events = store.history(id, &first(10)).await.unwrap().items;
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.by.as_str())).collect();
    assert_eq!(
        told,
        [
            (EventKind::Opened, "ann"),
            (EventKind::Updated, "bob"),
            (EventKind::Commented, "cat"),
            (EventKind::Closed, "dan"),
        ]
    );
    assert_eq!(events[1].changed, ["title"]);
    assert_eq!(events[3].at, closed.updated_at);
}

async fn concurrent_duplicates_write_one_ticket(store: &dyn TicketStore) {
    let write = keyed("twenty-four at once");
    let mut created = Vec::new();
    let calls = (0..24).map(|_| store.create(ticket("once", "only"), "ann", Some(&write)));
    for result in join_all(calls).await {
        match result {
            Ok(ticket) => created.push(ticket),
            Err(error) => assert!(matches!(error, StoreError::DuplicateWrite), "{error:?}"),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(store.newest(&first(50)).await.unwrap().items, created);
    assert_eq!(store.history(created[0].id, &first(50)).await.unwrap().items.len(), 1);
    let recorded = store.find_write(&write.key).await.unwrap().unwrap();
    assert_eq!(recorded.result, to_value(&created[0]).unwrap());
}

async fn a_duplicate_learns_that_it_is_one_and_not_that_the_ticket_changed(
    store: &dyn TicketStore,
) {
    let id = open_ticket(store, "contended").await.id;
    let (update, comment, close) = (keyed("update"), keyed("comment"), keyed("close"));
    let updates = (0..6).map(|_| store.update(id, titled(1, "new"), "ann", Some(&update)));
    let outcomes: Vec<_> = join_all(updates).await.into_iter().filter_map(Result::err).collect();
    assert_eq!(outcomes.len(), 5);
    assert!(
        outcomes.iter().all(|error| matches!(error, StoreError::DuplicateWrite)),
        "{outcomes:?}"
    );
    store.add_comment(id, "once".into(), "ann", Some(&comment)).await.unwrap();
    store.close(id, "done".into(), "ann", Some(&close)).await.unwrap();
    let again = store.add_comment(id, "once".into(), "ann", Some(&comment)).await;
    assert_eq!(refusal(again), "DuplicateWrite");
    assert_eq!(
        refusal(store.close(id, "done".into(), "ann", Some(&close)).await),
        "DuplicateWrite"
    );
    assert_eq!(store.get(id, &first(10)).await.unwrap().1.items.len(), 1);
    assert_eq!(store.history(id, &first(10)).await.unwrap().items.len(), 4);
}

async fn a_refused_write_leaves_its_key_free(store: &dyn TicketStore) {
    let id = open_ticket(store, "versioned").await.id;
    let write = keyed("second try");
    assert_eq!(refusal(store.update(id, titled(7, "x"), "ann", Some(&write)).await), "Version");
    assert!(store.find_write(&write.key).await.unwrap().is_none());
    store.update(id, titled(1, "x"), "ann", Some(&write)).await.unwrap();
}

async fn a_recorded_write_can_be_replayed_until_it_is_purged(store: &dyn TicketStore) {
    let write = keyed("ann/add_comment/1");
    let id = open_ticket(store, "discussed").await.id;
    let comment = store.add_comment(id, "hello".into(), "ann", Some(&write)).await.unwrap();
    let recorded = store.find_write(&write.key).await.unwrap().unwrap();
    assert_eq!(recorded.arguments, "digest");
    assert_eq!(recorded.result, to_value(&comment).unwrap());
    assert_eq!(store.purge_writes(Duration::from_hours(24)).await.unwrap(), 0);
    assert_eq!(store.purge_writes(Duration::MAX).await.unwrap(), 0);
    assert_eq!(store.find_write(&write.key).await.unwrap(), Some(recorded));
    // Times are kept in milliseconds: this one has to be over.
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(store.purge_writes(Duration::ZERO).await.unwrap(), 1);
    assert!(store.find_write(&write.key).await.unwrap().is_none());
}

async fn a_text_that_postgres_cannot_keep_is_refused_by_both(store: &dyn TicketStore) {
    let id = open_ticket(store, "plain").await.id;
    let nul = || "a\0b".to_owned();
    let labelled = NewTicket { labels: vec![nul()], ..ticket("t", "b") };
    let assigned = NewTicket { assignee: Some(nul()), ..ticket("t", "b") };
    let refusals = [
        refusal(store.create(ticket("a\0b", "b"), "ann", None).await),
        refusal(store.create(ticket("t", "a\0b"), "ann", None).await),
        refusal(store.create(labelled, "ann", None).await),
        refusal(store.create(assigned, "ann", None).await),
        refusal(store.update(id, titled(1, "a\0b"), "ann", None).await),
        refusal(store.add_comment(id, nul(), "ann", None).await),
        refusal(store.close(id, nul(), "ann", None).await),
        refusal(store.find_write("a\0b").await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "Invalid"), "{refusals:?}");
}

async fn a_call_that_is_dropped_writes_all_or_nothing(store: &dyn TicketStore) {
    for micros in (0..3_000).step_by(50) {
        let write = keyed(&format!("dropped after {micros}"));
        let call = store.create(ticket(&write.key, "body"), "ann", Some(&write));
        drop(tokio::time::timeout(Duration::from_micros(micros), call).await);
    }
    // The connections that were dropped in the middle serve again.
    open_ticket(store, "last").await;
    let tickets = store.newest(&first(100)).await.unwrap().items;
    for ticket in &tickets[1..] {
        assert_eq!(store.history(ticket.id, &first(10)).await.unwrap().items.len(), 1);
        let recorded = store.find_write(&ticket.title).await.unwrap().unwrap();
        assert_eq!(recorded.result, to_value(ticket).unwrap());
    }
    let mut recorded = 0;
    for micros in (0..3_000).step_by(50) {
        let found = store.find_write(&format!("dropped after {micros}")).await.unwrap();
        recorded += usize::from(found.is_some());
    }
    assert_eq!(recorded, tickets.len() - 1);
}
