//! The second layer: what the names of a statement mean in the live catalogue, and whether that only reads.

mod names;

use std::collections::{BTreeSet, HashSet};

use crate::{
    Config,
    catalog::{Catalog, Function, Oid, Relation, is_system},
    guard::{Facts, Name, Refusal, Root},
};

/// What the operator decided.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Users' schemas that may be read; all when empty.
    schemas: BTreeSet<String>,
    /// Volatile functions that may be called, by qualified name.
    functions: BTreeSet<String>,
}

/// Why a statement does not pass.
#[derive(Debug)]
pub(crate) enum Objection {
    /// It is refused.
    Refused(Refusal),
    /// It names what the catalogue does not have, and may have by now; refused unless a refresh finds it.
    Unknown(Refusal),
}

impl Objection {
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) | Self::Unknown(refusal) => refusal,
        }
    }
}

const VOLATILE: &str = "it may change something; an operator can allow it with PG_ALLOW_FUNCTIONS";
const FORBIDDEN: &str = "it reaches beyond the rows of this database and can not be allowed";
const LIES: &str =
    "what it runs may change something; an operator can allow it with PG_ALLOW_FUNCTIONS";
const CLOSED: &str = "`list_schemas` names those that may be read";

impl Policy {
    pub(crate) fn new(config: &Config) -> Self {
        Self { schemas: config.schemas.clone(), functions: config.functions.clone() }
    }

    /// Whether relations of the schema may be read.
    pub(crate) fn opens(&self, schema: &str) -> bool {
        let is_internal = schema.starts_with("pg_toast") || schema.starts_with("pg_temp");
        let is_listed = self.schemas.is_empty() || self.schemas.contains(schema);
        is_system(schema) || (is_listed && !is_internal)
    }

    /// The schemas that may be read; `None` for all.
    pub(crate) fn schemas(&self) -> Option<&BTreeSet<String>> {
        (!self.schemas.is_empty()).then_some(&self.schemas)
    }

    /// Judges everything that a statement names.
    ///
    /// # Errors
    /// The first objection.
    pub(crate) fn judge(&self, facts: &Facts, catalog: &Catalog) -> Result<(), Objection> {
        let mut judge = Judge { policy: self, catalog, seen: HashSet::new() };
        if let Root::Show(setting) = &facts.root
            && names::is_private(&setting.to_lowercase())
        {
            let message = "this setting is not shown".to_owned();
            return Err(refused(
                message,
                "settings of files, commands and extensions are private",
                None,
            ));
        }
        for relation in &facts.relations {
            self.opens_relation(facts, &relation.name, catalog)?;
        }
        judge.names(facts)
    }

    /// The schema allowlist, on the relations that a name resolves to.
    fn opens_relation(
        &self,
        facts: &Facts,
        name: &Name,
        catalog: &Catalog,
    ) -> Result<(), Objection> {
        if let Some(schema) = &name.qualifier
            && !self.opens(schema)
        {
            let message = format!("schema `{schema}` is not allowed");
            return Err(refused(message, CLOSED, name.at));
        }
        let mut found = catalog.relations(name).peekable();
        if found.peek().is_none() && !is_cte(facts, name) {
            let refusal = Refusal::undefined_relation(name).at(name.at);
            return Err(Objection::Unknown(refusal));
        }
        let closed = found.find(|it| !self.opens(&it.schema) || self.is_closed_sample(it, name));
        closed.map_or(Ok(()), |_| {
            Err(refused(format!("relation `{name}` is not allowed"), CLOSED, name.at))
        })
    }

    fn is_closed_sample(&self, relation: &Relation, name: &Name) -> bool {
        !self.schemas.is_empty() && is_system(&relation.schema) && names::is_sample(&name.last)
    }
}

fn is_cte(facts: &Facts, name: &Name) -> bool {
    name.qualifier.is_none() && facts.ctes.contains(&name.last)
}

fn refused(message: String, hint: &'static str, at: Option<usize>) -> Objection {
    Objection::Refused(Refusal::privilege(message, hint).at(at))
}

/// One statement's judgement, with the functions and views that it has been through.
struct Judge<'a> {
    policy: &'a Policy,
    catalog: &'a Catalog,
    seen: HashSet<Oid>,
}

impl<'a> Judge<'a> {
    fn names(&mut self, facts: &'a Facts) -> Result<(), Objection> {
        for name in &facts.functions {
            self.call(name)?;
        }
        for name in &facts.attributes {
            self.attribute(facts, name)?;
        }
        for name in &facts.operators {
            self.operator(name)?;
        }
        for name in &facts.types {
            self.cast(name)?;
        }
        for relation in &facts.relations {
            self.relation(&relation.name)?;
        }
        Ok(())
    }

    /// `f(x)`: every overload that it can mean must only read.
    fn call(&mut self, name: &'a Name) -> Result<(), Objection> {
        let catalog = self.catalog;
        let mut is_known = false;
        for function in catalog.functions(name) {
            is_known = true;
            self.function(function).map_err(|reason| called(name, reason))?;
        }
        if is_known {
            return Ok(());
        }
        if catalog.has_type(name) {
            return self.cast(name);
        }
        Err(Objection::Unknown(Refusal::undefined_function(name).at(name.at)))
    }

    /// `a.f` and `(x).f`: a call, unless `a` is a table with that column.
    fn attribute(&mut self, facts: &'a Facts, name: &'a Name) -> Result<(), Objection> {
        let catalog = self.catalog;
        for function in catalog.attribute_functions(name) {
            if let Err(reason) = self.function(function)
                && !is_column(facts, name, catalog)
            {
                return Err(called(name, reason));
            }
        }
        Ok(())
    }

    fn operator(&mut self, name: &Name) -> Result<(), Objection> {
        let catalog = self.catalog;
        for operator in catalog.operators(name) {
            self.by_oid(operator.function).map_err(|reason| {
                refused(format!("operator `{}` is not allowed", name.last), reason, name.at)
            })?;
        }
        Ok(())
    }

    /// A cast runs what the type checks, and a function of its own where a user made one.
    fn cast(&mut self, name: &Name) -> Result<(), Objection> {
        let catalog = self.catalog;
        let not_allowed =
            |reason| refused(format!("a cast to `{name}` is not allowed"), reason, name.at);
        for of in catalog.types_named(&name.last) {
            self.words(&of.words).map_err(not_allowed)?;
        }
        for function in catalog.casts(name) {
            self.by_oid(*function).map_err(not_allowed)?;
        }
        Ok(())
    }

    /// Credentials stay closed, and a user's view is as good as its query.
    fn relation(&mut self, name: &'a Name) -> Result<(), Objection> {
        let catalog = self.catalog;
        for relation in catalog.relations(name) {
            let not_allowed =
                |why| refused(format!("relation `{name}` is not allowed"), why, name.at);
            if is_system(&relation.schema) && names::is_secret(&name.last) {
                return Err(not_allowed("it holds credentials or other roles' data"));
            }
            let Some(view) = &relation.body else { continue };
            if !self.seen.insert(relation.oid) {
                continue;
            }
            let Some(facts) = &view.facts else {
                return Err(not_allowed("its query cannot be checked"));
            };
            self.names(facts).map_err(|_| not_allowed("its query may change something"))?;
        }
        Ok(())
    }

    fn by_oid(&mut self, oid: Oid) -> Result<(), &'static str> {
        let catalog = self.catalog;
        // A number without a function is one that was dropped meanwhile.
        catalog.function(oid).map_or(Ok(()), |function| self.function(function))
    }

    /// Whether one overload only reads; otherwise why not.
    fn function(&mut self, function: &'a Function) -> Result<(), &'static str> {
        if names::is_never_allowed(&function.name) {
            return Err(FORBIDDEN);
        }
        let qualified = format!("{}.{}", function.schema, function.name);
        if self.policy.functions.contains(&qualified) {
            return Ok(());
        }
        if function.is_procedure {
            return Err(VOLATILE);
        }
        if function.is_volatile {
            return if names::is_harmless(&function.name) { Ok(()) } else { Err(VOLATILE) };
        }
        if is_system(&function.schema) || !self.seen.insert(function.oid) {
            return Ok(());
        }
        self.words(&function.words)?;
        let catalog = self.catalog;
        for of in function.types.iter().flat_map(|name| catalog.types_named(name)) {
            self.words(&of.words)?;
        }
        match function.language.as_str() {
            // An extension's code is trusted to be what it says.
            "c" => {}
            "sql" | "plpgsql" if self.policy.opens(&function.schema) => {}
            // An aggregate, or another name of a built-in function: what that calls or is counts.
            "internal" if !function.support.is_empty() => {}
            _ => return Err(LIES),
        }
        function.support.iter().try_for_each(|oid| self.by_oid(*oid))
    }

    /// A body that cannot be resolved name by name: any word that has an effect somewhere is refused.
    fn words(&mut self, words: &HashSet<String>) -> Result<(), &'static str> {
        let catalog = self.catalog;
        for word in words {
            if names::is_effect(word) {
                return Err(LIES);
            }
            for function in catalog.functions_named(word) {
                self.function(function).map_err(|_| LIES)?;
            }
        }
        Ok(())
    }
}

fn called(name: &Name, reason: &'static str) -> Objection {
    refused(format!("function `{}` is not allowed", name.last), reason, name.at)
}

/// Whether `a` in `a.f` is a table of the statement that has a column `f`.
fn is_column(facts: &Facts, name: &Name, catalog: &Catalog) -> bool {
    let Some(qualifier) = name.qualifier.as_ref().filter(|it| !facts.aliases.contains(*it)) else {
        return false;
    };
    let named = |it: &&crate::guard::Relation| match &it.alias {
        Some(alias) => alias == qualifier,
        None => it.name.last == *qualifier,
    };
    let mut tables = facts.relations.iter().filter(named).peekable();
    // Several meanings of one name are not told apart here.
    tables.peek().is_some()
        && tables.all(|table| {
            !is_cte(facts, &table.name)
                && catalog.relations(&table.name).all(|it| it.columns.contains(&name.last))
        })
}
