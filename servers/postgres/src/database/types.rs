//! Names of types by number, as PostgreSQL prints them.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use serde::Deserialize;

use super::{
    Database, QueryError,
    answer::{Answer, AnswerColumn, Collector},
};

/// What is known so far. A number is not given to another type while anybody could notice.
#[derive(Debug, Default)]
pub(super) struct TypeNames {
    known: RwLock<HashMap<u32, TypeName>>,
}

/// What is to be known of a type.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TypeName {
    pub(super) name: String,
    pub(super) is_array: bool,
    pub(super) is_json: bool,
}

/// PostgreSQL's own types are learned with the first. `A` is the category of arrays (`pg_type.typcategory`).
const NAMES: &str = "
    SELECT oid::int8 AS number, format_type(oid, NULL) AS name, typcategory = 'A' AS is_array,
        oid IN (114, 3802) AS is_json
    FROM pg_type WHERE oid < 16384 OR oid::text = ANY(string_to_array($1, ','))";

#[derive(Deserialize)]
struct Numbered {
    number: u32,
    #[serde(flatten)]
    name: TypeName,
}

impl TypeNames {
    /// Finishes an answer with the names of its columns' types.
    pub(super) async fn name(
        &self,
        collector: Collector,
        database: &Database,
    ) -> Result<Answer, QueryError> {
        let numbers: Vec<_> = collector.columns.iter().map(|(_, number)| *number).collect();
        let types = self.of(&numbers, database).await?;
        let columns = collector.columns.into_iter().zip(types);
        let columns = columns.map(|((name, _), of)| AnswerColumn { name, type_name: of.name });
        Ok(Answer {
            columns: columns.collect(),
            rows: collector.rows,
            truncated: collector.truncated,
        })
    }

    /// The types with these numbers.
    pub(super) async fn of(
        &self,
        numbers: &[u32],
        database: &Database,
    ) -> Result<Vec<TypeName>, QueryError> {
        if let Some(types) = self.known(numbers) {
            return Ok(types);
        }
        let asked = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let learned: Vec<Numbered> = database.rows(NAMES, &[Some(&asked)]).await?;
        let learned = learned.into_iter().map(|it| (it.number, it.name));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(learned);
        // A type that was dropped meanwhile.
        let unknown = || TypeName { name: "unknown".to_owned(), ..TypeName::default() };
        let of = |number| known.get(number).cloned().unwrap_or_else(unknown);
        Ok(numbers.iter().map(of).collect())
    }

    fn known(&self, numbers: &[u32]) -> Option<Vec<TypeName>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        numbers.iter().map(|number| known.get(number).cloned()).collect()
    }
}
