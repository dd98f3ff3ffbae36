//! Rows of a database as a tool's answer, without a server around it: the same driver, the encoding by hand. A line
//! in, of which only the id is looked at; a line out, with the text and the structured content that the protocol asks
//! for.

use std::{env, error::Error};

use mcp_bench::ROWS;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

#[derive(Deserialize)]
struct Request {
    id: u64,
}

#[derive(Serialize)]
struct Response<'a> {
    jsonrpc: &'static str,
    id: u64,
    result: Answer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    content: [Text<'a>; 1],
    structured_content: &'a RawValue,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// The columns of the statement that is measured.
type Row = (i32, String, f64, bool, i64);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("expected `DATABASE_URL stdio`")?;
    let mut connection = PgConnection::connect(&url).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut stdout = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line)?;
        let rows: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&mut connection).await?;
        let rows = RawValue::from_string(serde_json::to_string(&rows)?)?;
        let content = [Text { r#type: "text", text: rows.get() }];
        let result = Answer { content, structured_content: &rows };
        let response = Response { jsonrpc: "2.0", id: request.id, result };
        let mut line = serde_json::to_vec(&response)?;
        line.push(b'\n');
        stdout.write_all(&line).await?;
        stdout.flush().await?;
    }
    Ok(())
}
