//! Queries of the operator's own: each is a tool, and some of its parameters the model cannot choose.
//!
//! ```toml
//! [[query]]
//! name = "orders_of_customer"
//! title = "Orders of a customer"
//! description = "Lists the orders of one customer, newest first"
//! sql = "SELECT * FROM orders WHERE customer_id = $1 AND tenant = $2 ORDER BY id DESC"
//!
//! [[query.parameter]]
//! name = "customer_id"
//! type = "integer"
//! description = "The customer"
//!
//! [[query.parameter]]
//! name = "tenant"
//! type = "string"
//! claim = "tenant_id"
//! ```

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use mcp_chassis::{
    BecomesTask, Budget, CallContext, ConfiguredTool, Error, ErrorKind, JsonObject, Result,
    ToolSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Postgres,
    page::Window,
    server::{DEADLINE_SECS, INLINE_MILLIS, TASK_SECS},
    tools::{GRID, Table},
};

/// What `PG_QUERIES_FILE` holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queries {
    #[serde(default, rename = "query")]
    pub(crate) all: Vec<Query>,
}

/// One query, which is one tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The tool's name.
    pub(crate) name: String,
    title: String,
    description: String,
    /// One read-only statement; `$1` is the first parameter.
    pub(crate) sql: String,
    /// The most rows of an answer.
    #[serde(default = "default_limit")]
    limit: u32,
    #[serde(default, rename = "parameter")]
    pub(crate) parameters: Vec<Parameter>,
}

fn default_limit() -> u32 {
    100
}

/// One value of a query.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    description: String,
    /// What a caller who leaves it out means; without it the parameter is required.
    default: Option<Value>,
    /// The claim of the caller's token that it is bound to: such a parameter is no argument of the tool.
    claim: Option<String>,
}

/// The types of JSON.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Array,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
        }
    }

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
        }
    }
}

impl Queries {
    /// Reads the file and checks what can be checked without the database.
    ///
    /// # Errors
    /// What is wrong, without the file's text.
    pub(crate) fn read(path: &Path, taken: &[&str]) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        let queries: Self = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
        let mut names: BTreeSet<&str> = taken.iter().copied().collect();
        for query in &queries.all {
            query
                .check(&mut names)
                .map_err(|problem| format!("query `{}` {problem}", query.name))?;
        }
        Ok(queries)
    }
}

impl Query {
    fn check<'a>(&'a self, names: &mut BTreeSet<&'a str>) -> Result<(), String> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(fits) {
            return Err("must have a name of 1 to 64 of a-z, 0-9 and `_`".to_owned());
        }
        if !names.insert(&self.name) {
            return Err("has the name of another tool".to_owned());
        }
        let mut own = BTreeSet::new();
        for parameter in &self.parameters {
            if !own.insert(&parameter.name) {
                return Err(format!("has two parameters `{}`", parameter.name));
            }
            let default = parameter.default.as_ref();
            if default.is_some() && parameter.claim.is_some() {
                // A caller without the claim would get what is meant for nobody.
                return Err(format!("binds `{}` to a claim and to a default", parameter.name));
            }
            if default.is_some_and(|value| !parameter.kind.admits(value)) {
                return Err(format!("has a default of another type for `{}`", parameter.name));
            }
        }
        Ok(())
    }

    fn arguments(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.claim.is_none())
    }

    /// The values of `$1`, `$2`, …: from the caller's arguments, or from what their token says.
    fn bind(&self, arguments: &JsonObject, context: &CallContext) -> Result<Vec<Value>> {
        let value = |parameter: &Parameter| {
            if let Some(claim) = &parameter.claim {
                return of_claim(parameter, claim, context);
            }
            let given = arguments.get(&parameter.name).or(parameter.default.as_ref());
            Ok(given.cloned().unwrap_or(Value::Null))
        };
        self.parameters.iter().map(value).collect()
    }
}

fn of_claim(parameter: &Parameter, claim: &str, context: &CallContext) -> Result<Value> {
    let value = context.principal().claims().get(claim);
    value.filter(|value| parameter.kind.admits(value)).cloned().ok_or_else(|| {
        let message = format!("this needs a token with the claim `{claim}`");
        Error::new(ErrorKind::Forbidden { scopes: Vec::new() }, message)
    })
}

/// A query as a tool.
#[derive(Debug)]
pub(crate) struct QueryTool {
    query: Query,
    spec: ToolSpec,
}

impl QueryTool {
    pub(crate) fn new(query: Query) -> Self {
        let spec = ToolSpec::read(lasting(&query.name), lasting(&query.title))
            .scopes(&["postgres:read"])
            .deadline_secs(DEADLINE_SECS)
            .output_budget(Budget::tokens(500_000))
            .flagged_text(&["database"])
            .becomes_task(BecomesTask::AfterMillis(INLINE_MILLIS), TASK_SECS)
            .shown_by(&GRID);
        Self { query, spec }
    }
}

/// A text that lives as long as the process, as a specification needs it: kept once, however often it is read again.
fn lasting(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(text) {
        return known;
    }
    let text: &'static str = text.to_owned().leak();
    known.insert(text);
    text
}

impl ConfiguredTool for QueryTool {
    type Server = Postgres;
    type Output = Table;

    fn spec(&self) -> ToolSpec {
        self.spec
    }

    fn description(&self) -> &str {
        &self.query.description
    }

    fn input_schema(&self) -> JsonObject {
        let mut properties = JsonObject::new();
        let mut required = Vec::new();
        for parameter in self.query.arguments() {
            let mut property = JsonObject::new();
            property.insert("type".to_owned(), json!(parameter.kind.as_str()));
            property.insert("description".to_owned(), json!(parameter.description));
            match &parameter.default {
                Some(default) => drop(property.insert("default".to_owned(), default.clone())),
                None => required.push(parameter.name.as_str()),
            }
            properties.insert(parameter.name.clone(), Value::Object(property));
        }
        let mut schema = JsonObject::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("required".to_owned(), json!(required));
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.insert("additionalProperties".to_owned(), json!(false));
        schema
    }

    fn check(&self, arguments: &JsonObject) -> Result<()> {
        for parameter in self.query.arguments() {
            match arguments.get(&parameter.name) {
                Some(value) if parameter.kind.admits(value) => {}
                None if parameter.default.is_some() => {}
                None => return Err(Error::invalid(parameter.name.as_str(), "is required")),
                Some(_) => {
                    let problem = format!("must be of type {}", parameter.kind.as_str());
                    return Err(Error::invalid(parameter.name.as_str(), problem));
                }
            }
        }
        let is_known = |name: &&String| self.query.arguments().any(|it| it.name == **name);
        match arguments.keys().find(|name| !is_known(name)) {
            Some(name) => Err(Error::invalid(name.as_str(), "is not an argument here")),
            None => Ok(()),
        }
    }

    async fn call(
        &self,
        arguments: JsonObject,
        server: &Postgres,
        context: &CallContext,
    ) -> Result<Table> {
        let started = Instant::now();
        let parameters = self.query.bind(&arguments, context)?;
        let window = Window { skip: 0, limit: self.query.limit };
        let limits = (window, context.may_become_task());
        let query = server.query(&self.query.sql, &parameters, limits);
        let answer = context.tell_while("PostgreSQL works on it", query).await?;
        Ok(Table::new(answer, started))
    }
}
