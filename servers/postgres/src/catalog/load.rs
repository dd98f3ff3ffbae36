//! Reads the catalogue: seven queries.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Catalog, Function, Oid, Operator, Relation, Type, View};
use crate::{
    database::{Database, QueryError},
    guard::{Guard, words},
};

const PATH: &str = "SELECT unnest(current_schemas(true))::text";

const FUNCTIONS: &str = "
    SELECT p.oid::int8, n.nspname::text, p.proname::text, p.provolatile = 'v', p.prokind = 'p',
        (p.pronargs - p.pronargdefaults <= 1 AND p.pronargs >= 1) OR p.provariadic <> 0, l.lanname::text,
        CASE WHEN p.oid >= 16384 THEN nullif(concat_ws(' ', pg_get_expr(p.proargdefaults, 0),
            CASE WHEN l.lanname IN ('sql', 'plpgsql') THEN coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) END), '') END,
        to_json(CASE WHEN p.oid < 16384 THEN '{}'::int8[]
            WHEN a.aggfnoid IS NOT NULL THEN array_remove(ARRAY[
                a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
                a.aggminvtransfn, a.aggmfinalfn]::oid[]::int8[], 0::int8)
            WHEN l.lanname = 'internal' THEN ARRAY(
                SELECT b.oid::int8 FROM pg_proc b WHERE b.prosrc = p.prosrc AND b.prolang = p.prolang AND b.oid < 16384)
            ELSE '{}' END),
        to_json(CASE WHEN p.oid < 16384 THEN '{}' ELSE ARRAY(
            SELECT t.typname::text FROM pg_type t
            WHERE t.oid >= 16384 AND t.oid = ANY (p.prorettype || p.proargtypes::oid[])) END)
    FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_language l ON l.oid = p.prolang
        LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid";

/// Those of PostgreSQL itself call nothing that has an effect; 16384 is the first number that is not its own.
const OPERATORS: &str = "
    SELECT oprname::text, oprcode::oid::int8 FROM pg_operator WHERE oid >= 16384 AND oprcode <> 0";

/// Types of users with the checks of all domains in them: below a domain, in an array, a row, a range.
const TYPES: &str = "
    WITH RECURSIVE part AS (
        SELECT oid AS of, typbasetype AS part FROM pg_type
        UNION ALL SELECT oid, typelem FROM pg_type
        UNION ALL SELECT rngtypid, rngsubtype FROM pg_range
        UNION ALL SELECT rngmultitypid, rngtypid FROM pg_range
        UNION ALL SELECT t.oid, a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
            WHERE a.attnum > 0 AND NOT a.attisdropped),
    whole AS (
        SELECT oid AS of, oid AS part FROM pg_type WHERE oid >= 16384
        UNION SELECT w.of, p.part FROM whole w JOIN part p ON p.of = w.part WHERE p.part >= 16384)
    SELECT t.typname::text, string_agg(pg_get_constraintdef(c.oid), ' ')
    FROM whole w JOIN pg_type t ON t.oid = w.of LEFT JOIN pg_constraint c ON c.contypid = w.part
    GROUP BY t.oid, t.typname";

const CASTS: &str = "
    SELECT t.typname::text, c.castfunc::int8
    FROM pg_cast c JOIN pg_type t ON t.oid = c.casttarget WHERE c.oid >= 16384 AND c.castfunc <> 0";

const RELATIONS: &str = "
    SELECT c.oid::int8, n.nspname::text, c.relname::text,
        CASE WHEN c.relkind = 'v' AND c.oid >= 16384 AND n.nspname <> 'information_schema'
            THEN pg_get_viewdef(c.oid) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S', 't')";

const COLUMNS: &str = "
    SELECT a.attrelid::int8, a.attname::text FROM pg_attribute a
    WHERE a.attnum > 0 AND NOT a.attisdropped
        AND a.attname IN (SELECT proname FROM pg_proc WHERE provolatile = 'v' AND pronargs >= 1)";

type FunctionRow =
    (Oid, String, String, bool, bool, bool, String, Option<String>, Vec<Oid>, Vec<String>);

/// Reads everything; views that are as they were are not parsed again.
pub(super) async fn load(
    database: &Database,
    guard: &Guard,
    before: &Catalog,
) -> Result<Catalog, QueryError> {
    let path = database.rows::<(String,)>(PATH, &[]).await?;
    let path = path.into_iter().map(|(schema,)| schema).collect();
    let mut catalog = Catalog { path, ..Catalog::default() };
    for row in database.rows::<FunctionRow>(FUNCTIONS, &[]).await? {
        catalog.add_function(row);
    }
    for (name, function) in database.rows::<(String, Oid)>(OPERATORS, &[]).await? {
        catalog.operators.entry(name).or_default().push(Operator { function });
    }
    for (name, checks) in database.rows::<(String, Option<String>)>(TYPES, &[]).await? {
        let words = checks.as_deref().map(words).unwrap_or_default();
        catalog.types.entry(name).or_default().push(Type { words });
    }
    for (name, function) in database.rows::<(String, Oid)>(CASTS, &[]).await? {
        catalog.casts.entry(name).or_default().push(function);
    }
    let relations = database.rows::<(Oid, String, String, Option<String>)>(RELATIONS, &[]).await?;
    let columns = database.rows::<(Oid, String)>(COLUMNS, &[]).await?;
    catalog.add_relations(relations, columns, guard, before).await;
    Ok(catalog)
}

impl Catalog {
    fn add_function(&mut self, row: FunctionRow) {
        let (
            oid,
            schema,
            name,
            is_volatile,
            is_procedure,
            takes_one,
            language,
            body,
            support,
            types,
        ) = row;
        let words = body.as_deref().map(words).unwrap_or_default();
        let overloads = self.functions.entry(name.clone()).or_default();
        self.by_oid.insert(oid, (name.clone(), overloads.len()));
        overloads.push(Function {
            oid,
            schema,
            name,
            is_volatile,
            is_procedure,
            takes_one,
            language,
            words,
            support,
            types,
        });
    }

    async fn add_relations(
        &mut self,
        relations: Vec<(Oid, String, String, Option<String>)>,
        columns: Vec<(Oid, String)>,
        guard: &Guard,
        before: &Self,
    ) {
        let mut columns_of: HashMap<Oid, HashSet<String>> = HashMap::new();
        for (relation, column) in columns {
            columns_of.entry(relation).or_default().insert(column);
        }
        let known = before.relations.values().flatten();
        let known = known.filter_map(|it| Some((it.oid, it.body.as_ref()?)));
        let known: HashMap<Oid, &View> = known.collect();
        for (oid, schema, name, definition) in relations {
            let body = match (definition, known.get(&oid)) {
                (Some(definition), Some(view)) if view.definition == definition => {
                    Some((*view).clone())
                }
                (Some(definition), _) => {
                    let facts = guard.read(&definition).await.ok().map(Arc::new);
                    Some(View { definition, facts })
                }
                (None, _) => None,
            };
            let columns = columns_of.remove(&oid).unwrap_or_default();
            self.relations.entry(name).or_default().push(Relation { oid, schema, body, columns });
        }
    }
}
