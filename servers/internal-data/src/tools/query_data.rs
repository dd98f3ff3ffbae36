//! `query_data`.

use mcp_chassis::{
    Budget, CallContext, Error, JsonObject, PageCut, Result, Tool, ToolOutput, ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    InternalData,
    client::Query,
    cursor::Cursors,
    models::Origin,
    names::{CollectionName, FieldName, FilterValue},
    redaction::Hidden,
};

/// Reads records of a collection, all of them or those where one field has one value. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryData {
    /// A collection of `list_collections`
    collection: CollectionName,
    /// Which records, and how many
    #[serde(default)]
    #[validate(nested)]
    filters: Filters,
    /// `next_cursor` of an earlier answer to the same question
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// Which records, and how many.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields, default)]
struct Filters {
    /// A field of `describe_collection`; needs `value`
    field: Option<FieldName>,
    /// What the field is equal to; needs `field`
    value: Option<FilterValue>,
    /// How many at most
    #[validate(range(min = 1, max = 100))]
    limit: u32,
}

impl Default for Filters {
    fn default() -> Self {
        Self { field: None, value: None, limit: 10 }
    }
}

/// A page of records.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FoundRecords {
    /// Each an object with the collection's fields
    records: Vec<JsonObject>,
    /// Pass it as `cursor` to go on
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there may be more
    truncated: bool,
    /// Fields whose values you may not see, and the scopes that would show them
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redacted: Vec<Hidden>,
    #[serde(flatten)]
    origin: Origin,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl ToolOutput for FoundRecords {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "records", cursors: self.cursors.clone(), count: None })
    }
}

impl QueryData {
    fn into_query(self) -> Result<(Query, Cursors)> {
        let Self { collection, filters: Filters { field, value, limit }, cursor } = self;
        let filter = match (field, value) {
            (Some(field), Some(value)) => Some((field, value)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Error::invalid("filters.value", "is required with a field"));
            }
            (None, Some(_)) => {
                return Err(Error::invalid("filters.field", "is required with a value"));
            }
        };
        let mut query = Query { collection, filter, limit, offset: 0 };
        let (field, value) = query.filter().unzip();
        let cursors = Cursors::of(&[Some(query.collection.as_str()), field, value]);
        query.offset = cursor.map_or(Ok(0), |cursor| cursors.offset(&cursor))?;
        Ok((query, cursors))
    }
}

impl Tool for QueryData {
    type Server = InternalData;
    type Output = FoundRecords;

    const SPEC: ToolSpec = ToolSpec::read("query_data", "Query data")
        .scopes(&["mcp:query"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["internal-data"])
        .routed(&["collection"])
        .audited(&["collection"]);

    async fn call(self, server: &InternalData, context: &CallContext) -> Result<FoundRecords> {
        let (query, cursors) = self.into_query()?;
        let collection = server.collections.get(&query.collection)?;
        if let Some((field, _)) = &query.filter {
            collection.check_filter(field, context.principal())?;
        }
        let hidden = collection.hidden_from(context.principal());
        let page = server.client.records(&query, &hidden, context).await?;
        let behind = |taken: usize| {
            let taken = u32::try_from(taken).unwrap_or(u32::MAX);
            cursors.at(query.offset.saturating_add(taken))
        };
        let page_end = page.value.records.len();
        Ok(FoundRecords {
            records: page.value.records.clone(),
            next_cursor: page.value.has_more.then(|| behind(page_end)),
            truncated: page.value.has_more,
            redacted: page.value.redacted.clone(),
            origin: Origin::new(server.client.is_sample(), Some(page.freshness)),
            cursors: (1..=page_end).map(behind).collect(),
        })
    }
}
