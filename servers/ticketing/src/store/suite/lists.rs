//! Lists: every item once and in order, by cursors that nobody can bend.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{after, first, for_both_stores, open_ticket, refusal, titled};
use crate::{
    models::{Ticket, TicketId},
    store::{Page, PageRequest, SearchQuery, TicketStore},
};

for_both_stores!(
    a_walk_sees_every_ticket_once_while_others_are_written,
    a_walk_goes_on_behind_any_item,
    comments_are_walked_from_the_oldest_while_others_are_written,
    a_changed_cursor_is_refused,
    a_cursor_of_another_list_is_refused,
    a_limit_out_of_bounds_is_brought_within,
    ids_are_completed_newest_first,
);

fn all() -> SearchQuery {
    search("says")
}

fn search(text: &str) -> SearchQuery {
    SearchQuery { text: text.into(), status: None, priority: None, assignee: None }
}

/// Walks a list to its end in pages of random sizes; opens one ticket and changes another at every turn.
async fn walk(
    store: &dyn TicketStore,
    seed: u64,
    list: impl AsyncFn(PageRequest) -> Page<Ticket>,
) -> Vec<TicketId> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut walked = Vec::new();
    let mut request = first(random.random_range(1..8));
    loop {
        let page = list(request).await;
        assert_eq!(page.items.len(), page.cursors.len());
        walked.extend(page.items.iter().map(|ticket| ticket.id));
        let Some(cursor) = page.next_cursor else { return walked };
        request = after(random.random_range(1..8), &cursor);
        let newer = open_ticket(store, "newer").await;
        let place = random.random_range(0..walked.len());
        let (changed, _) = store.get(walked[place], &first(1)).await.unwrap();
        let title = format!("changed when {} came", newer.id);
        store.update(changed.id, titled(changed.version, &title), "bob", None).await.unwrap();
    }
}

async fn every_id(store: &dyn TicketStore) -> Vec<TicketId> {
    let (mut ids, mut request) = (Vec::new(), first(100));
    loop {
        let page = store.newest(&request).await.unwrap();
        ids.extend(page.items.iter().map(|ticket| ticket.id));
        let Some(cursor) = page.next_cursor else { return ids };
        request = after(100, &cursor);
    }
}

async fn a_walk_sees_every_ticket_once_while_others_are_written(store: &dyn TicketStore) {
    for _ in 0..20 {
        open_ticket(store, "walked").await;
    }
    for seed in 0..5 {
        let expected = every_id(store).await;
        assert!(expected.is_sorted_by(|newer, older| newer > older));
        let listed = walk(store, seed, async |page| store.newest(&page).await.unwrap()).await;
        assert_eq!(listed, expected);
        let found =
            walk(store, seed, async |page| store.search(&all(), &page).await.unwrap()).await;
        // The first walk opened tickets: they come first, the rest is the same.
        assert!(found.ends_with(&expected) && found.is_sorted_by(|newer, older| newer > older));
    }
}

async fn a_walk_goes_on_behind_any_item(store: &dyn TicketStore) {
    for _ in 0..5 {
        open_ticket(store, "walked").await;
    }
    let whole = store.search(&all(), &first(10)).await.unwrap();
    assert_eq!((whole.items.len(), whole.truncated, &whole.next_cursor), (5, false, &None));
    for (kept, cursor) in (1..).zip(&whole.cursors) {
        let rest = store.search(&all(), &after(10, cursor)).await.unwrap();
        assert_eq!(rest.items, whole.items[kept..]);
    }
    let part = store.newest(&first(2)).await.unwrap();
    assert!(part.truncated);
    assert_eq!(part.next_cursor.as_ref(), part.cursors.last());
}

async fn comments_are_walked_from_the_oldest_while_others_are_written(store: &dyn TicketStore) {
    let id = open_ticket(store, "discussed").await.id;
    let other = open_ticket(store, "elsewhere").await.id;
    let mut written = Vec::new();
    for number in 0..6 {
        written.push(store.add_comment(id, number.to_string(), "ann", None).await.unwrap());
        store.add_comment(other, "not here".into(), "ann", None).await.unwrap();
    }
    let (mut seen, mut request) = (Vec::new(), first(2));
    loop {
        let (_, page) = store.get(id, &request).await.unwrap();
        seen.extend(page.items);
        let Some(cursor) = page.next_cursor else { break };
        request = after(2, &cursor);
        if written.len() < 9 {
            written.push(store.add_comment(id, "late".into(), "bob", None).await.unwrap());
        }
    }
    assert_eq!(seen, written);
    let (ticket, _) = store.get(id, &first(1)).await.unwrap();
    assert_eq!((ticket.version, ticket.updated_at), (1, written[8].created_at));
}

async fn a_changed_cursor_is_refused(store: &dyn TicketStore) {
    let id = open_ticket(store, "walked").await.id;
    let page = store.search(&all(), &first(1)).await.unwrap();
    let cursor = &page.cursors[0];
    assert!(cursor.len() < 64 && cursor.is_ascii());
    let hostile = [
        "",
        "AAAA",
        "' OR 1=1 --",
        "🦀",
        cursor.get(1..).unwrap(),
        &format!("{cursor}A"),
        &cursor.to_lowercase(),
    ]
    .map(|cursor| after(1, cursor));
    for request in hostile {
        let refusals = [
            refusal(store.search(&all(), &request).await),
            refusal(store.search(&search("!"), &request).await),
            refusal(store.newest(&request).await),
            refusal(store.get(id, &request).await),
            refusal(store.history(id, &request).await),
        ];
        assert!(refusals.iter().all(|refusal| refusal == "Invalid"), "{request:?}: {refusals:?}");
    }
}

async fn a_cursor_of_another_list_is_refused(store: &dyn TicketStore) {
    let (id, other) = (open_ticket(store, "walked").await.id, open_ticket(store, "other").await.id);
    store.add_comment(id, "one".into(), "ann", None).await.unwrap();
    let found = store.search(&all(), &first(1)).await.unwrap().cursors.remove(0);
    let listed = store.newest(&first(1)).await.unwrap().cursors.remove(0);
    let comment = store.get(id, &first(1)).await.unwrap().1.cursors.remove(0);
    let narrower = SearchQuery { assignee: Some("bob".into()), ..all() };
    let refusals = [
        refusal(store.search(&search("walked"), &after(1, &found)).await),
        refusal(store.search(&narrower, &after(1, &found)).await),
        refusal(store.search(&all(), &after(1, &listed)).await),
        refusal(store.newest(&after(1, &found)).await),
        refusal(store.get(other, &after(1, &comment)).await),
        refusal(store.history(id, &after(1, &comment)).await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "Invalid"), "{refusals:?}");
}

async fn a_limit_out_of_bounds_is_brought_within(store: &dyn TicketStore) {
    for _ in 0..3 {
        open_ticket(store, "walked").await;
    }
    assert_eq!(store.newest(&first(0)).await.unwrap().items.len(), 1);
    assert_eq!(store.newest(&first(u32::MAX)).await.unwrap().items.len(), 3);
    assert!(store.recent_ids("", 0).await.unwrap().is_empty());
}

async fn ids_are_completed_newest_first(store: &dyn TicketStore) {
    assert!(store.recent_ids("", 5).await.unwrap().is_empty());
    for _ in 0..12 {
        open_ticket(store, "numbered").await;
    }
    let complete = async |prefix: &str, limit| {
        let ids = store.recent_ids(prefix, limit).await.unwrap();
        ids.iter().map(TicketId::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(complete("T-", 3).await, "T-12 T-11 T-10");
    assert_eq!(complete("T-1", 9).await, "T-12 T-11 T-10 T-1");
    assert_eq!(complete("1", 2).await, "T-12 T-11");
    assert_eq!(complete("T-12", 9).await, "T-12");
    assert_eq!(complete("T-4", 9).await, "T-4");
    for nothing in ["T-0", "T-13", "x", "%", "T-_", "'", "T-1 ", "T-99999999999999999999"] {
        assert_eq!(complete(nothing, 9).await, "", "{nothing}");
    }
}
