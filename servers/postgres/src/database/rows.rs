//! Rows of our own queries as values of Rust: structs by the names of columns, tuples by their places.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

use super::{QueryError, answer::Collector};

/// Reads every row.
pub(super) fn read<T: DeserializeOwned>(collector: Collector) -> Result<Vec<T>, QueryError> {
    let Collector { columns, rows, .. } = collector;
    let read = rows.into_iter().map(|cells| T::deserialize(Row { columns: &columns, cells }));
    read.collect::<Result<_, _>>().map_err(QueryError::Garbled)
}

struct Row<'a> {
    columns: &'a [(String, u32)],
    cells: Vec<Value>,
}

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        visitor.visit_map(MapDeserializer::new(names.zip(self.cells)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.cells.into_iter()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use mcp_chassis::{Classify, ErrorKind};
    use serde_json::json;

    use super::{super::Caps, *};

    #[test]
    fn what_is_no_answer_to_the_question_may_be_asked_for_again() {
        let mut collector = Collector::new(Caps::NONE);
        collector.rows.push(vec![json!("\u{1b}]")]);
        let error = read::<(Vec<i64>,)>(collector).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
