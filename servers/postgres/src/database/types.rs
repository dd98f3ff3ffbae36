//! Names of types by number, as PostgreSQL prints them.

use std::collections::HashMap;

use tokio::sync::RwLock;

use super::{
    Database, QueryError,
    answer::{Answer, AnswerColumn, Collector},
};

/// What is known so far. A number is not given to another type while anybody could notice.
#[derive(Debug, Default)]
pub(super) struct TypeNames {
    known: RwLock<HashMap<u32, String>>,
}

const NAMES: &str = "
    SELECT oid::int8, format_type(oid, NULL) FROM pg_type
    WHERE oid < 16384 OR oid::text = ANY(string_to_array($1, ','))";

impl TypeNames {
    /// Finishes an answer with the names of its columns' types.
    pub(super) async fn name(
        &self,
        collector: Collector,
        database: &Database,
    ) -> Result<Answer, QueryError> {
        let unknown = self.unknown(&collector).await;
        if !unknown.is_empty() {
            self.learn(&unknown, database).await?;
        }
        let known = self.known.read().await;
        let column = |(name, number): (String, u32)| AnswerColumn {
            name,
            type_name: known.get(&number).cloned().unwrap_or_else(|| "unknown".to_owned()),
        };
        Ok(Answer {
            columns: collector.columns.into_iter().map(column).collect(),
            rows: collector.rows,
            truncated: collector.truncated,
        })
    }

    async fn unknown(&self, collector: &Collector) -> String {
        let known = self.known.read().await;
        let numbers = collector.columns.iter().map(|(_, number)| number);
        let unknown = numbers.filter(|number| !known.contains_key(number));
        unknown.map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    async fn learn(&self, numbers: &str, database: &Database) -> Result<(), QueryError> {
        let rows: Vec<(i64, String)> = database.rows(NAMES, &[Some(numbers)]).await?;
        let named = |(number, name)| Some((u32::try_from(number).ok()?, name));
        self.known.write().await.extend(rows.into_iter().filter_map(named));
        Ok(())
    }
}
