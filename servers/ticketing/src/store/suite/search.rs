//! Search: what is found, and that no text of a caller is syntax.

use super::{first, for_both_stores, open_ticket, ticket, titled, titles};
use crate::{
    models::{ActiveStatus, Priority, Status},
    store::{NewTicket, Patch, SearchQuery, TicketStore},
};

for_both_stores!(
    words_are_found_in_title_body_and_comments,
    every_word_has_to_occur,
    punctuation_parts_words,
    a_changed_text_is_found_by_its_new_words_only,
    every_filter_narrows,
    a_hostile_search_is_a_search,
    a_text_without_words_finds_nothing,
    a_word_too_long_for_an_index_does_not_hinder_the_ticket,
);

fn query(text: &str) -> SearchQuery {
    SearchQuery { text: text.to_owned(), status: None, priority: None, assignee: None }
}

async fn find(store: &dyn TicketStore, query: &SearchQuery) -> String {
    titles(&store.search(query, &first(50)).await.unwrap()).join(" ")
}

async fn words_are_found_in_title_body_and_comments(store: &dyn TicketStore) {
    store.create(ticket("printer", "it burns"), "ann", None).await.unwrap();
    let commented = open_ticket(store, "commented").await.id;
    store.add_comment(commented, "the PRINTER again".into(), "bob", None).await.unwrap();
    store.add_comment(commented, "and the printer".into(), "bob", None).await.unwrap();
    assert_eq!(find(store, &query("printer")).await, "commented printer");
    assert_eq!(find(store, &query("Burns")).await, "printer");
    assert_eq!(find(store, &query("again")).await, "commented");
    assert_eq!(find(store, &query("nowhere")).await, "");
}

async fn every_word_has_to_occur(store: &dyn TicketStore) {
    store.create(ticket("both", "red green"), "ann", None).await.unwrap();
    store.create(ticket("one", "red"), "ann", None).await.unwrap();
    assert_eq!(find(store, &query("green RED")).await, "both");
    assert_eq!(find(store, &query("red")).await, "one both");
    // Three letters find what begins with them, fewer only themselves.
    assert_eq!(find(store, &query("gre")).await, "both");
    assert_eq!(find(store, &query("re")).await, "");
}

async fn punctuation_parts_words(store: &dyn TicketStore) {
    let body =
        "mail ann@host.example, see https://site.example/path_name?q=v1.2 (don't) größe 日本";
    store.create(ticket("found", body), "ann", None).await.unwrap();
    for text in [
        "host",
        "ann@host.example",
        "path",
        "path_name",
        "v1.2",
        "site.example/path",
        "don't",
        "GRÖSSE größe",
        "Größe",
        "日本",
    ] {
        let expected = if text.contains("GRÖSSE") { "" } else { "found" };
        assert_eq!(find(store, &query(text)).await, expected, "{text}");
    }
}

async fn a_changed_text_is_found_by_its_new_words_only(store: &dyn TicketStore) {
    let id = store.create(ticket("apple", "stays"), "ann", None).await.unwrap().id;
    store.update(id, titled(1, "pear"), "ann", None).await.unwrap();
    assert_eq!(find(store, &query("apple")).await, "");
    assert_eq!(find(store, &query("pear stays")).await, "pear");
    store.close(id, "eaten".into(), "ann", None).await.unwrap();
    assert_eq!(find(store, &query("pear")).await, "pear");
}

async fn every_filter_narrows(store: &dyn TicketStore) {
    let new = |title: &str, priority, assignee: Option<&str>| NewTicket {
        priority,
        assignee: assignee.map(str::to_owned),
        ..ticket(title, "common")
    };
    let low = store.create(new("low", Priority::Low, Some("bob")), "ann", None).await.unwrap();
    let high = store.create(new("high", Priority::High, Some("cat")), "ann", None).await.unwrap();
    store.create(new("plain", Priority::Medium, None), "ann", None).await.unwrap();
    store.close(low.id, "done".into(), "ann", None).await.unwrap();
    let pending =
        Patch { expected_version: 1, status: Some(ActiveStatus::Pending), ..Patch::default() };
    store.update(high.id, pending, "ann", None).await.unwrap();

    let with_status = |status| SearchQuery { status: Some(status), ..query("common") };
    assert_eq!(find(store, &query("common")).await, "plain high low");
    assert_eq!(find(store, &with_status(Status::Open)).await, "plain");
    assert_eq!(find(store, &with_status(Status::Pending)).await, "high");
    assert_eq!(find(store, &with_status(Status::Closed)).await, "low");
    let with_priority = |priority| SearchQuery { priority: Some(priority), ..query("common") };
    assert_eq!(find(store, &with_priority(Priority::Low)).await, "low");
    assert_eq!(find(store, &with_priority(Priority::Medium)).await, "plain");
    assert_eq!(find(store, &with_priority(Priority::High)).await, "high");
    let with_assignee = |name: &str| SearchQuery { assignee: Some(name.into()), ..query("common") };
    assert_eq!(find(store, &with_assignee("bob")).await, "low");
    assert_eq!(find(store, &with_assignee("BOB")).await, "");
    assert_eq!(find(store, &with_assignee("b%")).await, "");
    let all = SearchQuery {
        status: Some(Status::Closed),
        priority: Some(Priority::Low),
        ..with_assignee("bob")
    };
    assert_eq!(find(store, &all).await, "low");
    assert_eq!(find(store, &SearchQuery { priority: Some(Priority::High), ..all }).await, "");
}

async fn a_hostile_search_is_a_search(store: &dyn TicketStore) {
    store.create(ticket("found", "near title or not and the end"), "ann", None).await.unwrap();
    for text in [
        "title:near",
        "NEAR(title end, 5)",
        "near AND title",
        "near OR title",
        "NOT near",
        "near*",
        "^near",
        "\"near",
        "near\"",
        "'near' & !",
        "near <-> title | !end",
        "{title body}: near",
        "- near",
        "(near",
        "near\\",
        "near; DROP TABLE tickets; --",
        "$1 near ?1",
        "near :* end:*",
        "near\0title",
        "\u{202e}near\u{200b}",
    ] {
        // Its words are looked for as words; those that the ticket lacks make the difference.
        let found = find(store, &query(text)).await;
        let lacking = text.contains("DROP")
            || text.contains('5')
            || text.contains("body")
            || text.contains('1');
        assert_eq!(found, if lacking { "" } else { "found" }, "{text:?}");
    }
    for text in [
        "🦀".repeat(500),
        "a".repeat(500),
        "𝒜".repeat(500),
        "a ".repeat(250),
        "\"".repeat(500),
        "①②③ ½ ٣".to_owned(),
        "e\u{301}e\u{301}".repeat(100),
        "NEARBY(".repeat(80),
        "x".repeat(100_000),
        "\u{300}".repeat(9),
        "ﷺ ǅ ß İ".to_owned(),
    ] {
        assert_eq!(find(store, &query(&text)).await, "", "{text:.20}");
    }
}

async fn a_text_without_words_finds_nothing(store: &dyn TicketStore) {
    store.create(ticket("!!! * \"\"", "?"), "ann", None).await.unwrap();
    for text in ["", " ", "!!!", "*", "\"\"", "🦀", "()", "-", ":", "\0"] {
        let page = store.search(&query(text), &first(5)).await.unwrap();
        assert!(page.items.is_empty() && !page.truncated && page.next_cursor.is_none(), "{text:?}");
    }
}

async fn a_word_too_long_for_an_index_does_not_hinder_the_ticket(store: &dyn TicketStore) {
    store.create(ticket("long", &"𝒜".repeat(10_000)), "ann", None).await.unwrap();
    let many: Vec<String> = (1000..3000).map(|number| number.to_string()).collect();
    store.create(ticket("many", &many.join(" ")), "ann", None).await.unwrap();
    assert_eq!(find(store, &query("long")).await, "long");
    assert_eq!(find(store, &query("1000 2999")).await, "many");
}
