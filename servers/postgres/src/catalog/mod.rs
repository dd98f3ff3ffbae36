//! What names mean in this database: functions, operators, types and relations, as they are now.

mod load;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::RwLock;

use crate::{
    database::{Database, QueryError},
    guard::{Facts, Guard, Name},
};

/// How long the catalogue is believed. A function that becomes volatile meanwhile still meets the other
/// layers; a name that is not known refreshes it at once.
const FRESH: Duration = Duration::from_secs(30);

/// Unknown names cost the database no more than one refresh in this time.
const PAUSE: Duration = Duration::from_secs(1);

/// An object of PostgreSQL, by number.
pub(crate) type Oid = i64;

/// A schema of PostgreSQL's own, which every installation has.
pub(crate) fn is_system(schema: &str) -> bool {
    schema == "pg_catalog" || schema == "information_schema"
}

/// One overload of a function, procedure, aggregate or window function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) oid: Oid,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_volatile: bool,
    pub(crate) is_procedure: bool,
    /// Whether it can be called with one argument, and so in attribute notation.
    pub(crate) takes_one: bool,
    pub(crate) language: String,
    /// The words of defaults, and of a body in SQL or PL/pgSQL: names and keywords, in lower case.
    pub(crate) words: HashSet<String>,
    /// What an aggregate calls; for another name of a built-in function, that function.
    pub(crate) support: Vec<Oid>,
    /// Types of users that it takes or returns: a call is a cast to them.
    pub(crate) types: Vec<String>,
}

/// An operator of a user's or an extension's.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) function: Oid,
}

/// A type of a user's or an extension's, as far as a cast to it runs something.
#[derive(Debug, Default)]
pub(crate) struct Type {
    /// The words of domain constraints: its own, and those of the types that it is made of.
    pub(crate) words: HashSet<String>,
}

/// A table, view, or anything else that can stand in `FROM`.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) oid: Oid,
    pub(crate) schema: String,
    /// What a user's view reads and calls; `None` for everything else.
    pub(crate) body: Option<View>,
    /// Its columns that are called like a volatile function.
    pub(crate) columns: HashSet<String>,
}

/// The query behind a view.
#[derive(Clone, Debug)]
pub(crate) struct View {
    definition: String,
    /// `None` when the parser does not understand it.
    pub(crate) facts: Option<Arc<Facts>>,
}

/// The catalogue at one time.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Where unqualified names are looked up, `pg_catalog` included.
    path: Vec<String>,
    functions: HashMap<String, Vec<Function>>,
    by_oid: HashMap<Oid, (String, usize)>,
    operators: HashMap<String, Vec<Operator>>,
    types: HashMap<String, Vec<Type>>,
    /// Functions that casts to a type of this name run.
    casts: HashMap<String, Vec<Oid>>,
    relations: HashMap<String, Vec<Relation>>,
}

impl Catalog {
    fn reaches(&self, name: &Name, schema: &str) -> bool {
        match &name.qualifier {
            Some(qualifier) => qualifier == schema,
            None => self.path.iter().any(|it| it == schema),
        }
    }

    /// Every overload that a call may mean.
    pub(crate) fn functions<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Function> {
        let named = self.functions.get(&name.last).into_iter().flatten();
        named.filter(|function| self.reaches(name, &function.schema))
    }

    /// Every function that `a.f` may call, whatever `a` is.
    pub(crate) fn attribute_functions<'a>(
        &'a self,
        name: &'a Name,
    ) -> impl Iterator<Item = &'a Function> {
        let named = self.functions.get(&name.last).into_iter().flatten();
        named.filter(|function| function.takes_one && self.path.contains(&function.schema))
    }

    /// Every overload of the name, in any schema.
    pub(crate) fn functions_named(&self, name: &str) -> &[Function] {
        self.functions.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn function(&self, oid: Oid) -> Option<&Function> {
        let (name, index) = self.by_oid.get(&oid)?;
        self.functions.get(name)?.get(*index)
    }

    pub(crate) fn operators(&self, name: &Name) -> &[Operator] {
        self.operators.get(&name.last).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every type of a user's with the name, in any schema.
    pub(crate) fn types_named(&self, name: &str) -> &[Type] {
        self.types.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn casts(&self, name: &Name) -> &[Oid] {
        self.casts.get(&name.last).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether there is a type of a user's with this name, so that `name(x)` is a cast.
    pub(crate) fn has_type(&self, name: &Name) -> bool {
        self.types.contains_key(&name.last)
    }

    /// Every relation that the name may mean.
    pub(crate) fn relations<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Relation> {
        let named = self.relations.get(&name.last).into_iter().flatten();
        named.filter(|relation| self.reaches(name, &relation.schema))
    }
}

/// The catalogue, kept fresh.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    current: RwLock<Current>,
}

#[derive(Debug, Default)]
struct Current {
    catalog: Arc<Catalog>,
    loaded: Option<Instant>,
}

impl Catalogue {
    /// The catalogue as it was at most [`FRESH`] ago.
    pub(crate) async fn get(
        &self,
        database: &Database,
        guard: &Guard,
    ) -> Result<Arc<Catalog>, QueryError> {
        self.not_older_than(FRESH, database, guard).await
    }

    /// The catalogue after an unknown name was met.
    pub(crate) async fn refreshed(
        &self,
        database: &Database,
        guard: &Guard,
    ) -> Result<Arc<Catalog>, QueryError> {
        self.not_older_than(PAUSE, database, guard).await
    }

    async fn not_older_than(
        &self,
        age: Duration,
        database: &Database,
        guard: &Guard,
    ) -> Result<Arc<Catalog>, QueryError> {
        let is_fresh = |current: &Current| current.loaded.is_some_and(|at| at.elapsed() < age);
        {
            let current = self.current.read().await;
            if is_fresh(&current) {
                return Ok(Arc::clone(&current.catalog));
            }
        }
        // One refresh serves everybody who waits for it.
        let mut current = self.current.write().await;
        if !is_fresh(&current) {
            let loaded = Instant::now();
            current.catalog = Arc::new(load::load(database, guard, &current.catalog).await?);
            current.loaded = Some(loaded);
        }
        Ok(Arc::clone(&current.catalog))
    }
}
