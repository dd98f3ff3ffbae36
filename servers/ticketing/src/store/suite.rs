//! What both stores must do, run against both.
//!
//! It stands beside the store and not in `tests/`, because the store is no part of the crate's interface.

mod cluster;
mod fixture;
mod lists;
mod postgres;
mod search;
mod sqlite;
mod writes;

use super::{NewTicket, Page, PageRequest, Patch, Result, TicketStore, WriteRecord};
use crate::models::{Priority, Ticket};

/// Makes a test of each function for each store. A function takes `&dyn TicketStore`.
macro_rules! for_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod in_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::store::suite::fixture::Fixture::sqlite().await;
                super::$name(fixture.store.as_ref()).await;
            })+
        }

        mod in_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::store::suite::fixture::Fixture::postgres().await;
                super::$name(fixture.store.as_ref()).await;
            })+
        }
    };
}
use for_both_stores;

fn ticket(title: &str, body: &str) -> NewTicket {
    NewTicket {
        title: title.to_owned(),
        body: body.to_owned(),
        priority: Priority::Medium,
        labels: Vec::new(),
        assignee: None,
    }
}

async fn open_ticket(store: &dyn TicketStore, title: &str) -> Ticket {
    store.create(ticket(title, "as the title says"), "ann", None).await.unwrap()
}

fn first(limit: u32) -> PageRequest {
    PageRequest { limit, cursor: None }
}

fn after(limit: u32, cursor: &str) -> PageRequest {
    PageRequest { limit, cursor: Some(cursor.to_owned()) }
}

fn titled(expected_version: i64, title: &str) -> Patch {
    Patch { expected_version, title: Some(title.to_owned()), ..Patch::default() }
}

fn keyed(key: &str) -> WriteRecord {
    WriteRecord { key: key.to_owned(), arguments: "digest".to_owned() }
}

fn titles(page: &Page<Ticket>) -> Vec<&str> {
    page.items.iter().map(|ticket| ticket.title.as_str()).collect()
}

/// The variant of a refusal, for comparisons.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let debug = format!("{:?}", result.unwrap_err());
    debug.split(['(', ' ']).next().unwrap_or_default().to_owned()
}
