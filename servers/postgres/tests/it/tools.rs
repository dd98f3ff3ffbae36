//! The tools beside `query_database`, the resources, the prompt and the operator's own queries.

use mcp_testkit::{Postgres, surface::is_repeated_in_a_header};
use serde_json::{Value, json};

use crate::stage::{Stage, call};

#[tokio::test]
async fn tables_are_listed_described_and_found() {
    let stage = Stage::new();
    let mut client = stage.client();
    let schemas = call(&mut client, "list_schemas", json!({})).await;
    assert_eq!(schemas["schemas"][0]["name"], "public");
    assert_eq!(schemas["schemas"][0]["tables"], 5);

    let tables = call(&mut client, "list_tables", json!({ "schema": "public" })).await;
    let names: Vec<_> = tables["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["customers", "order_items", "order_totals", "orders", "products"]);
    assert_eq!(tables["tables"][2]["kind"], "view");

    let orders = call(&mut client, "describe_table", json!({ "table": "orders" })).await;
    assert_eq!(orders["comment"], "One row an order");
    assert_eq!(orders["columns"][1]["column_name"], "customer_id");
    assert_eq!(orders["columns"][1]["references"], "customers.id");
    assert_eq!(orders["columns"][2]["enum_values"], json!(["open", "paid", "shipped", "returned"]));
    assert_eq!(orders["keys"][0]["definition"], "PRIMARY KEY (id)");
    assert_eq!(orders["indexes"][0]["name"], "orders_by_day");
    assert!(orders["size_bytes"].as_i64().unwrap() > 0);

    let found = call(&mut client, "search_objects", json!({ "pattern": "custom" })).await;
    let kinds: Vec<_> = found["objects"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert!(kinds.contains(&&json!("table")) && kinds.contains(&&json!("column")), "{found}");
    let found =
        call(&mut client, "search_objects", json!({ "pattern": "status", "kind": "type" })).await;
    assert_eq!(found["objects"][0]["name"], "order_status");
}

#[tokio::test]
async fn pages_of_tables_go_on_where_they_ended() {
    let stage = Stage::empty();
    for number in 0..150 {
        stage.database.psql(&format!("CREATE TABLE t{number:03} (a int)"));
    }
    stage.run("SELECT 1");
    let mut client = stage.client();
    let first = call(&mut client, "list_tables", json!({})).await;
    assert_eq!(
        (&first["truncated"], first["tables"].as_array().unwrap().len()),
        (&json!(true), 100)
    );
    let second = call(&mut client, "list_tables", json!({ "cursor": first["next_cursor"] })).await;
    assert_eq!(second["tables"][0]["name"], "t100");
    assert_eq!(
        (&second["truncated"], second["tables"].as_array().unwrap().len()),
        (&json!(false), 50)
    );
    let refused = call(&mut client, "list_tables", json!({ "cursor": "x" })).await;
    assert_eq!(refused["error"]["code"], "invalid_input");
}

#[tokio::test]
async fn a_plan_is_short_and_names_what_costs() {
    let stage = Stage::new();
    let mut client = stage.client();
    let sql = "SELECT c.country, sum(t.total) FROM order_totals t JOIN customers c ON c.id = t.customer_id \
               WHERE t.ordered_on > $1 GROUP BY 1";
    for analyze in [false, true] {
        let arguments = json!({ "sql": sql, "params": ["2025-03-01"], "analyze": analyze });
        let plan = call(&mut client, "explain_query", arguments).await;
        assert!(plan["steps"].as_array().unwrap().len() > 4, "{plan}");
        assert!(!plan["costly"].as_array().unwrap().is_empty(), "{plan}");
        assert_eq!(plan["execution_ms"].is_number(), analyze);
    }
    let refused =
        call(&mut client, "explain_query", json!({ "sql": "DELETE FROM orders", "analyze": true }))
            .await;
    assert_eq!(refused["error"]["code"], "forbidden");
    let wrong =
        call(&mut client, "explain_query", json!({ "sql": "SELECT idd FROM orders" })).await;
    assert_eq!(wrong["error"]["details"]["position"], 8, "{wrong}");
    let refused = call(&mut client, "explain_query", json!({ "sql": "EXPLAIN SELECT 1" })).await;
    assert_eq!(refused["error"]["code"], "forbidden");
}

#[tokio::test]
async fn health_is_told_and_a_missing_extension_too() {
    let stage = Stage::new();
    let mut client = stage.client();
    let health = call(&mut client, "database_health", json!({})).await;
    assert!(health["size_bytes"].as_i64().unwrap() > 0, "{health}");
    assert_eq!(health["is_replica"], false);
    let missing = call(&mut client, "top_queries", json!({ "limit": 5 })).await;
    assert_eq!(missing["error"]["code"], "not_found");
    assert!(missing["error"]["message"].as_str().unwrap().contains("shared_preload_libraries"));
}

#[tokio::test]
async fn costly_statements_are_told_without_their_values() {
    let postgres = Postgres::dedicated_with(&["shared_preload_libraries=pg_stat_statements"], &[]);
    let stage = Stage::on(&postgres);
    stage.run("CREATE EXTENSION pg_stat_statements; CREATE TABLE people (name text)");
    stage.database.psql(&format!("GRANT pg_read_all_stats TO {}", stage.role()));
    for _ in 0..3 {
        stage.database.psql("/* job */ SELECT count(*) FROM people WHERE name = 'somebody'");
    }
    stage.database.psql("CREATE ROLE other PASSWORD 'role-secret'");
    let mut client = stage.client();
    let secret = "SELECT count(*) FROM people WHERE name = 'a caller''s secret'";
    call(&mut client, "query_database", json!({ "sql": secret })).await;
    call(&mut client, "query_database", json!({ "sql": format!("EXPLAIN {secret}") })).await;
    let answer = call(&mut client, "top_queries", json!({ "limit": 100 })).await;
    let queries = answer["queries"].as_array().unwrap();
    let wanted = "/* job */ SELECT count(*) FROM people WHERE name = $1";
    let found = queries.iter().find(|it| it["query"] == wanted);
    assert_eq!(found.unwrap()["calls"], 3, "{answer}");
    assert!(found.unwrap()["mean_ms"].as_f64().unwrap() > 0.0, "{answer}");
    assert!(!answer.to_string().contains("secret"), "{answer}");
    let few = call(&mut client, "top_queries", json!({ "limit": 1 })).await;
    assert_eq!(few["queries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_table_is_a_resource_with_completion() {
    let stage = Stage::new();
    let mut client = stage.client();
    for uri in ["schema://customers", "schema://public/customers"] {
        let answer = client.read_resource(uri).await;
        let text = answer["result"]["contents"][0]["text"].as_str().unwrap();
        let columns: Value = serde_json::from_str(text).unwrap();
        assert_eq!(columns[0]["column_name"], "id");
        assert_eq!(columns[0]["data_type"], "integer");
        assert_eq!(columns[0]["is_nullable"], "NO");
    }
    let listed = client.request("resources/list", json!({})).await;
    let uris = listed["result"]["resources"].to_string();
    assert!(uris.contains("schema://public/orders"), "{uris}");
    let completed = client
        .request(
            "completion/complete",
            json!({
                "ref": { "type": "ref/resource", "uri": "schema://{schema}/{table}" },
                "argument": { "name": "table", "value": "order" },
            }),
        )
        .await;
    assert_eq!(
        completed["result"]["completion"]["values"],
        json!(["order_items", "order_totals", "orders"])
    );
    let missing = client.read_resource("schema://nothing").await;
    assert_eq!(missing["error"]["data"]["error"]["code"], "not_found", "{missing}");
}

#[tokio::test]
async fn the_prompt_holds_the_columns_and_asks_for_one_select() {
    let stage = Stage::new();
    let mut client = stage.client();
    for table in ["orders", "public.orders"] {
        let arguments = json!({ "description": "How many orders are open?", "table": table });
        let text =
            client.get_prompt("nl_to_sql", arguments).await["result"]["messages"].to_string();
        for part in ["customer_id", "How many orders are open?", "SELECT", "nothing else"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[tokio::test]
async fn the_schema_allowlist_holds_everywhere() {
    let stage = Stage::new();
    let role = stage.role();
    stage.run(&format!(
        "CREATE SCHEMA private; CREATE TABLE private.salaries (amount int); GRANT USAGE ON SCHEMA private TO {role};
         GRANT SELECT ON private.salaries TO {role};
         CREATE VIEW public.salary_count AS SELECT count(*) FROM private.salaries;
         CREATE FUNCTION private.all_salaries() RETURNS SETOF private.salaries STABLE LANGUAGE sql
             AS 'SELECT * FROM private.salaries'"
    ));
    let mut client = stage.command().env("PG_ALLOWED_SCHEMAS", "public").stdio();
    let schemas = call(&mut client, "list_schemas", json!({})).await;
    assert_eq!(schemas["schemas"].as_array().unwrap().len(), 1);
    for (tool, arguments) in [
        ("query_database", json!({ "sql": "SELECT * FROM private.salaries" })),
        ("query_database", json!({ "sql": "SELECT * FROM private.all_salaries()" })),
        ("query_database", json!({ "sql": "SELECT (SELECT count(*) FROM private.salaries)" })),
        ("query_database", json!({ "sql": "SELECT most_common_vals FROM pg_stats" })),
        ("explain_query", json!({ "sql": "SELECT * FROM private.salaries" })),
        ("list_tables", json!({ "schema": "private" })),
        ("describe_table", json!({ "schema": "private", "table": "salaries" })),
    ] {
        let answer = call(&mut client, tool, arguments.clone()).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{tool} {arguments}: {answer}");
    }
    let found = call(&mut client, "search_objects", json!({ "pattern": "salar" })).await;
    assert!(!found.to_string().contains("private"), "{found}");
    let resource = client.read_resource("schema://private/salaries").await;
    assert_eq!(resource["error"]["data"]["error"]["code"], "forbidden", "{resource}");
    let prompt = client
        .get_prompt("nl_to_sql", json!({ "description": "x", "table": "private.salaries" }))
        .await;
    assert!(prompt["error"].is_object(), "{prompt}");
    // A view of an open schema is the owner's decision.
    let answer =
        call(&mut client, "query_database", json!({ "sql": "SELECT * FROM salary_count" })).await;
    assert_eq!(answer["rows"], json!([[0]]), "{answer}");
}

const QUERIES: &str = r#"
[[query]]
name = "orders_of_customer"
title = "Orders of a customer"
description = "Lists the orders of one customer, newest first"
sql = "SELECT id, status FROM orders WHERE customer_id = $1 AND status = $2 ORDER BY id DESC"

[[query.parameter]]
name = "customer_id"
type = "integer"
description = "The customer"

[[query.parameter]]
name = "status"
type = "string"
default = "paid"

[[query]]
name = "my_country"
title = "Customers of my country"
description = "Counts the customers of the caller's country"
sql = "SELECT count(*) FROM customers WHERE country = $1"

[[query.parameter]]
name = "country"
type = "string"
claim = "country"
"#;

#[tokio::test]
async fn an_operators_query_is_a_tool_with_typed_arguments() {
    let stage = Stage::new();
    let file = stage.file("queries.toml", QUERIES);
    let mut client = stage.command().env("PG_QUERIES_FILE", &file).stdio();
    let tools = client.list_tools().await;
    let tools = tools["result"]["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "orders_of_customer").unwrap();
    assert_eq!(tool["inputSchema"]["required"], json!(["customer_id"]));
    assert_eq!(tool["annotations"]["readOnlyHint"], true);
    let country = tools.iter().find(|tool| tool["name"] == "my_country").unwrap();
    assert_eq!(country["inputSchema"]["properties"], json!({}));

    let answer = call(&mut client, "orders_of_customer", json!({ "customer_id": 8 })).await;
    assert_eq!(answer["columns"][1]["type"], "order_status", "{answer}");
    assert!(answer["row_count"].as_i64().unwrap() > 0, "{answer}");
    for arguments in
        [json!({}), json!({ "customer_id": "8" }), json!({ "customer_id": 8, "sql": "" })]
    {
        let answer = call(&mut client, "orders_of_customer", arguments).await;
        assert_eq!(answer["error"]["code"], "invalid_input", "{answer}");
    }
    // Nobody without the claim gets an answer, and no argument can stand in for it.
    let answer = call(&mut client, "my_country", json!({})).await;
    assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
    let answer = call(&mut client, "my_country", json!({ "country": "PL" })).await;
    assert_eq!(answer["error"]["code"], "invalid_input", "{answer}");
}

#[tokio::test]
async fn an_operators_query_that_writes_or_fails_does_not_start() {
    let stage = Stage::new();
    for (sql, told) in [
        ("DELETE FROM orders", "DELETE is not allowed"),
        ("SELECT * FROM missing", "missing"),
        ("SELECT $1::int", "parameters"),
    ] {
        let text = format!(
            "[[query]]\nname = \"q\"\ntitle = \"Q\"\ndescription = \"q\"\nsql = \"{sql}\"\n"
        );
        let file = stage.file("wrong.toml", &text);
        let output = stage.command().env("PG_QUERIES_FILE", &file).args(["stdio"]).output().await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains("query `q`") && complaint.contains(told), "{complaint}");
    }
}

#[tokio::test]
async fn a_header_that_says_another_schema_than_the_body_is_refused() {
    let stage = Stage::new();
    let server = stage.command().http().await;
    let listed = json!({ "schema": "public" });
    let described = json!({ "schema": "public", "table": "orders" });
    for call in [("list_tables", &listed), ("describe_table", &described)] {
        is_repeated_in_a_header(&server.url(), call, ("schema", "Schema")).await;
    }
}
