//! The layers one by one, and all of them under mutated statements, against a real PostgreSQL.

mod layers;
mod mutations;

use std::{collections::BTreeSet, fs, num::NonZeroU32, time::Duration};

use mcp_chassis::Server as _;
use mcp_testkit::TestDatabase;
use sqlx::{Connection as _, PgConnection};

use crate::{Config, Postgres, queries::Queries};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/postgres");

/// A database with the sample and the corpus' objects, of which the server is the owner: no role helps here.
struct Stage {
    database: TestDatabase,
    owner: PgConnection,
}

impl Stage {
    async fn new() -> Self {
        let database = mcp_testkit::Postgres::shared().database();
        for file in ["sample.sql", "corpus.sql"] {
            database.psql(&fs::read_to_string(format!("{FIXTURES}/{file}")).unwrap());
        }
        let owner = PgConnection::connect(database.url()).await.unwrap();
        Self { database, owner }
    }

    fn config(&self) -> Config {
        Config {
            database: self.database.url().to_owned().into(),
            schemas: BTreeSet::new(),
            statement_timeout: Duration::from_secs(2),
            task_timeout: Duration::from_mins(1),
            max_rows: 100,
            max_bytes: 100_000,
            pool_size: NonZeroU32::MIN,
            queries: Queries::default(),
            allow_unsafe_role: true,
            functions: BTreeSet::new(),
        }
    }

    async fn server(&self) -> Postgres {
        Postgres::start(self.config()).await.unwrap()
    }

    /// What a statement may change, as the owner sees it.
    async fn canaries(&mut self) -> String {
        const CANARIES: &str = "
            SELECT ROW((SELECT array_agg(a) FROM canary), (SELECT count(*) FROM customers), (SELECT count(*) FROM orders),
                (SELECT (last_value, is_called) FROM canary_sequence),
                (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_class WHERE relkind <> 't'),
                (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE d.datname = current_database() AND l.locktype = 'advisory'))::text";
        sqlx::query_scalar(CANARIES).fetch_one(&mut self.owner).await.unwrap()
    }
}

/// The statements of a file: paragraphs; a line that starts with `### ` names a class.
pub(crate) fn statements(file: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{FIXTURES}/{file}")).unwrap();
    let paragraphs = text.split("\n\n").map(str::trim);
    let statements = paragraphs.filter(|text| !text.is_empty() && !text.starts_with("### "));
    statements.map(str::to_owned).collect()
}
