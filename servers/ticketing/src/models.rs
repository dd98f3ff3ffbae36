//! What a caller sees of a ticket: the ticket itself, its comments and its history.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// A ticket as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, FromRow)]
pub(crate) struct Ticket {
    /// The id that every other tool takes.
    #[sqlx(rename = "number", try_from = "i64")]
    pub(crate) id: TicketId,
    /// One line that says what it is about.
    pub(crate) title: String,
    /// The full description.
    pub(crate) body: String,
    /// Where the work stands.
    #[sqlx(try_from = "String")]
    pub(crate) status: Status,
    /// How urgent it is.
    #[sqlx(try_from = "String")]
    pub(crate) priority: Priority,
    /// Free labels.
    #[sqlx(json)]
    pub(crate) labels: Vec<String>,
    /// Who works on it; null when nobody does.
    pub(crate) assignee: Option<String>,
    /// Grows by one with every change of the fields; `update_ticket` expects the one that was read.
    pub(crate) version: i64,
    /// When it was opened.
    pub(crate) created_at: DateTime<Utc>,
    /// The verified caller that opened it.
    pub(crate) created_by: String,
    /// When it was last changed or commented on.
    pub(crate) updated_at: DateTime<Utc>,
    /// The verified caller that closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_by: Option<String>,
    /// Why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<String>,
}

/// A remark on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, FromRow)]
pub(crate) struct Comment {
    /// Grows with time within one ticket.
    pub(crate) id: i64,
    /// The verified caller that wrote it.
    pub(crate) author: String,
    /// The text.
    pub(crate) body: String,
    /// When it was written.
    pub(crate) created_at: DateTime<Utc>,
}

/// One line of a ticket's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, FromRow)]
pub(crate) struct Event {
    /// Grows with time within one ticket.
    pub(crate) id: i64,
    /// What happened.
    #[sqlx(try_from = "String")]
    pub(crate) kind: EventKind,
    /// The verified caller that did it.
    #[sqlx(rename = "actor")]
    pub(crate) by: String,
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// The fields of the ticket that are different since.
    #[sqlx(json)]
    pub(crate) changed: Vec<String>,
}

/// A closed set of words that is the same in JSON, in the schema and in the database.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name {
            $($(#[$word_meta])* $variant),+
        }

        impl $name {
            /// The word for it.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownWord;

            fn try_from(word: String) -> Result<Self, Self::Error> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord(stringify!($name))),
                }
            }
        }
    };
}

words! {
    /// Where the work on a ticket stands.
    Status {
        /// Somebody has to act.
        Open = "open",
        /// Waiting for something outside.
        Pending = "pending",
        /// Done; it stays so.
        Closed = "closed",
    }
}

words! {
    /// How urgent a ticket is.
    Priority {
        /// Whenever there is time.
        Low = "low",
        /// In its turn.
        Medium = "medium",
        /// Before others.
        High = "high",
    }
}

words! {
    /// What happened to a ticket.
    EventKind {
        /// It was opened.
        Opened = "opened",
        /// Its fields were changed.
        Updated = "updated",
        /// A comment was added.
        Commented = "commented",
        /// It was closed.
        Closed = "closed",
    }
}

/// The states that an update may set: closing has its own tool, and a closed ticket stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActiveStatus {
    /// Somebody has to act.
    Open,
    /// Waiting for something outside.
    Pending,
}

impl From<ActiveStatus> for Status {
    fn from(status: ActiveStatus) -> Self {
        match status {
            ActiveStatus::Open => Self::Open,
            ActiveStatus::Pending => Self::Pending,
        }
    }
}

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown {0}")]
pub(crate) struct UnknownWord(&'static str);

/// The id of a ticket: `T-` and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TicketId(i64);

impl TicketId {
    /// As many digits as always fit into 64 bits.
    const MAX_DIGITS: usize = 18;

    /// The number behind the prefix.
    pub(crate) fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T-{}", self.0)
    }
}

/// A text that is no ticket id, or a number that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a ticket id like `T-42`")]
pub(crate) struct NoTicketId;

impl FromStr for TicketId {
    type Err = NoTicketId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("T-").ok_or(NoTicketId)?;
        // `i64::from_str` would take a sign, too.
        if digits.len() > Self::MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoTicketId);
        }
        digits.parse().map(Self).map_err(|_| NoTicketId)
    }
}

impl TryFrom<String> for TicketId {
    type Error = NoTicketId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<i64> for TicketId {
    type Error = NoTicketId;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number < 0 { Err(NoTicketId) } else { Ok(Self(number)) }
    }
}

impl From<TicketId> for String {
    fn from(id: TicketId) -> Self {
        id.to_string()
    }
}

impl JsonSchema for TicketId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TicketId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^T-\d+$",
            "maxLength": "T-".len() + Self::MAX_DIGITS,
            "description": "a ticket id like T-42",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_read_and_written_as_one_form() {
        let id: TicketId = "T-42".parse().unwrap();
        assert_eq!(id.number(), 42);
        assert_eq!(serde_json::to_value(id).unwrap(), json!("T-42"));
        // The contract's pattern allows leading zeros; they name the same ticket.
        assert_eq!("T-042".parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in
            ["", "T-", "T", "42", "t-42", "T--1", "T-+1", "T- 1", "T-1 ", "T-1x", "T-٣", "T-1\n"]
        {
            assert_eq!(text.parse::<TicketId>(), Err(NoTicketId), "{text:?}");
        }
        assert_eq!(format!("T-{}", "9".repeat(19)).parse::<TicketId>(), Err(NoTicketId));
        assert!(format!("T-{}", "9".repeat(18)).parse::<TicketId>().is_ok());
    }

    #[test]
    fn the_words_of_the_database_are_those_of_the_wire() {
        for status in [Status::Open, Status::Pending, Status::Closed] {
            assert_eq!(serde_json::to_value(status).unwrap(), json!(status.as_str()));
            assert_eq!(Status::try_from(status.as_str().to_owned()).unwrap(), status);
        }
        for priority in [Priority::Low, Priority::Medium, Priority::High] {
            assert_eq!(serde_json::to_value(priority).unwrap(), json!(priority.as_str()));
        }
    }

    #[test]
    fn a_ticket_has_the_names_of_the_contract() {
        let at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
        let ticket = Ticket {
            id: TicketId(7),
            title: "t".into(),
            body: "b".into(),
            status: Status::Open,
            priority: Priority::Medium,
            labels: vec![],
            assignee: None,
            version: 1,
            created_at: at,
            created_by: "ann".into(),
            updated_at: at,
            closed_by: None,
            resolution: None,
        };
        assert_eq!(
            serde_json::to_value(ticket).unwrap(),
            json!({
                "id": "T-7", "title": "t", "body": "b", "status": "open", "priority": "medium",
                "labels": [], "assignee": null, "version": 1, "created_at": "2025-10-09T08:53:20Z",
                "created_by": "ann", "updated_at": "2025-10-09T08:53:20Z",
            })
        );
    }
}
