//! Deployments of the PostgreSQL server that a deploy gate must not let through unseen.

use mcp_testkit::Diagnosis;

use crate::stage::Stage;

#[tokio::test]
async fn doctor_names_what_a_deployment_lets_statements_do() {
    let stage = Stage::empty();
    stage.run("CREATE TABLE notes (a int)");
    for (variables, expected) in [
        (vec![], ("warn", "schemas", "PG_ALLOWED_SCHEMAS is not set")),
        (vec![("PG_ALLOWED_SCHEMAS", "*")], ("fail", "schemas", "no wildcard")),
        (
            vec![("PG_ALLOW_FUNCTIONS", "pg_catalog.pg_sleep,public.dblink_exec")],
            ("fail", "functions", "pg_catalog.pg_sleep, public.dblink_exec"),
        ),
        (vec![("PG_STATEMENT_TIMEOUT", "10m")], ("warn", "statement timeout", "60s")),
        (vec![("PG_ALLOW_UNSAFE_ROLE", "true")], ("warn", "unsafe role", "no reason not to start")),
        (
            vec![("DATABASE_URL", "postgres://reader:hunter2@db.example/x?sslmode=disable")],
            ("fail", "in the clear", "DATABASE_URL"),
        ),
        (vec![("DATABASE_URL", "")], ("fail", "configuration", "DATABASE_URL (from default)")),
        (
            vec![("DATABASE_URL", "postgres://reader@127.0.0.1:9/x")],
            ("fail", "start", "the database"),
        ),
    ] {
        let command =
            variables.iter().fold(stage.command(), |it, (name, value)| it.env(name, value));
        let diagnosis = Diagnosis::of(&command).await;
        diagnosis.must_tell(&format!("{variables:?}"), expected);
        assert!(!diagnosis.report.to_string().contains("hunter2"), "{:#}", diagnosis.report);
    }
    let owner = stage.command().env("DATABASE_URL", stage.database.url());
    Diagnosis::of(&owner).await.must_tell("owner", ("fail", "start", "is a superuser"));
    let allowed = owner.env("PG_ALLOW_UNSAFE_ROLE", "true");
    Diagnosis::of(&allowed).await.must_tell("allowed", ("fail", "role", "is a superuser"));
}
