//! What to paste into the usual clients.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// The server's own variable for the scopes of a stdio client.
const SCOPES: &str = "MCP_STDIO_SCOPES";

/// A server that is running, as clients reach it.
#[derive(Debug)]
pub(crate) struct HttpServer<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    /// None where the client logs in.
    pub(crate) token: Option<&'a str>,
}

/// A server that each client starts for itself.
#[derive(Debug)]
pub(crate) struct StdioServer<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a Path,
    /// Separated by spaces.
    pub(crate) scopes: &'a str,
    /// What else it needs.
    pub(crate) environment: &'a [(&'static str, String)],
}

impl fmt::Display for HttpServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, url, token } = self;
        writeln!(f, "\nmcp-{name} over HTTP\n  URL    {url}")?;
        match token {
            Some(token) => writeln!(f, "  token  {token}")?,
            None => writeln!(f, "  login  on a page that the client opens in a browser")?,
        }
        let bearer = token.map(|token| format!("Bearer {token}"));
        let header = bearer.as_ref().map(|bearer| format!("Authorization: {bearer}"));
        let header: Vec<&str> = header.iter().flat_map(|header| ["--header", header]).collect();
        let headers =
            bearer.as_ref().map(|bearer| json!({ "headers": { "Authorization": bearer } }));
        let claude = add(&[&["--transport", "http", name, url], &header[..]].concat());
        section(f, "Claude Code", &words(&claude))?;
        let remote = merged(json!({ "url": url }), headers.as_ref());
        section(f, "Cursor: .cursor/mcp.json", &servers("mcpServers", name, &remote))?;
        let remote = merged(json!({ "type": "http", "url": url }), headers.as_ref());
        section(f, "VS Code: .vscode/mcp.json", &servers("servers", name, &remote))?;
        let title = "Claude Desktop: claude_desktop_config.json, by way of mcp-remote";
        section(f, title, &servers("mcpServers", name, &bridge(url, bearer.as_deref())))?;
        let inspector = inspect(&[&[url, "--transport", "http"], &header[..]].concat());
        section(f, "MCP Inspector", &words(&inspector))
    }
}

/// For a host that knows programs only.
fn bridge(url: &str, bearer: Option<&str>) -> Value {
    let mut arguments = vec!["-y", "mcp-remote", url];
    let Some(bearer) = bearer else {
        return json!({ "command": "npx", "args": arguments });
    };
    // The header comes from a variable, since some hosts split arguments at spaces.
    arguments.extend(["--header", "Authorization:${AUTHORIZATION}"]);
    json!({ "command": "npx", "args": arguments, "env": { "AUTHORIZATION": bearer } })
}

/// Both objects' members in one.
fn merged(mut object: Value, more: Option<&Value>) -> Value {
    if let (Some(object), Some(Value::Object(more))) = (object.as_object_mut(), more) {
        object.extend(more.clone());
    }
    object
}

impl fmt::Display for StdioServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, program, scopes, environment } = self;
        let program = program.display().to_string();
        let scopes = std::iter::once((SCOPES, *scopes));
        let needs = environment.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<_> = scopes.chain(needs).collect();
        let assignments: Vec<_> =
            variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let flags = |flag| assignments.iter().flat_map(move |it| [flag, it.as_str()]);
        writeln!(f, "\nmcp-{name} over stdio: the client starts it\n  program  {program} stdio")?;
        // `--env` takes every word up to the next flag, so another flag stands behind it.
        let server = ["--transport", "stdio", name, "--", &program, "stdio"];
        let claude: Vec<_> = flags("--env").chain(server).collect();
        section(f, "Claude Code", &words(&add(&claude)))?;
        let environment: Value =
            variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let local = json!({ "command": program, "args": ["stdio"], "env": environment });
        let files = "Claude Desktop: claude_desktop_config.json; Cursor: .cursor/mcp.json";
        section(f, files, &servers("mcpServers", name, &local))?;
        let local = json!({
            "type": "stdio", "command": program, "args": ["stdio"], "env": environment,
        });
        section(f, "VS Code: .vscode/mcp.json", &servers("servers", name, &local))?;
        let inspector: Vec<_> = flags("-e").chain([program.as_str(), "stdio"]).collect();
        section(f, "MCP Inspector", &words(&inspect(&inspector)))
    }
}

/// The title and the text of each client's part of what is printed.
pub(crate) fn sections(printed: &str) -> impl Iterator<Item = (&str, &str)> {
    let sections = printed.split("\n# ").skip(1).filter_map(|section| section.split_once('\n'));
    sections.map(|(title, body)| (title, body.trim_end()))
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, body: &str) -> fmt::Result {
    writeln!(f, "\n# {title}\n{body}")
}

fn servers(key: &str, name: &str, server: &Value) -> String {
    // The alternate form of a value is indented JSON.
    format!("{:#}", json!({ key: { name: server } }))
}

fn add<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["claude", "mcp", "add"], arguments].concat()
}

fn inspect<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let inspector = ["npx", "@modelcontextprotocol/inspector", "--cli"];
    [&inspector, arguments, &["--method", "tools/list"]].concat()
}

/// A command line, each word quoted where a shell needs it.
fn words(words: &[&str]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http() -> String {
        let url = "http://127.0.0.1:8080/mcp";
        HttpServer { name: "ticketing", url, token: Some("dev-0") }.to_string()
    }

    fn stdio() -> String {
        let program = Path::new("/my work/mcp-ticketing");
        let scopes = "tickets:read tickets:write";
        StdioServer { name: "ticketing", program, scopes, environment: &[] }.to_string()
    }

    /// The JSON documents of a print-out, under their titles.
    fn documents(text: &str) -> Vec<(&str, Value)> {
        sections(text)
            .filter_map(|(title, body)| Some((title, serde_json::from_str(body).ok()?)))
            .collect()
    }

    #[test]
    fn a_running_server_is_named_by_url_and_token_for_every_client() {
        let text = http();
        let documents = documents(&text);
        assert_eq!(documents.len(), 3, "{text}");
        assert_eq!(documents[0].1["mcpServers"]["ticketing"]["url"], "http://127.0.0.1:8080/mcp");
        assert_eq!(documents[1].1["servers"]["ticketing"]["type"], "http");
        let headers = &documents[1].1["servers"]["ticketing"]["headers"];
        assert_eq!(headers["Authorization"], "Bearer dev-0");
        assert_eq!(
            documents[2].1["mcpServers"]["ticketing"]["env"]["AUTHORIZATION"],
            "Bearer dev-0"
        );
        let claude = "claude mcp add --transport http ticketing http://127.0.0.1:8080/mcp --header \
                      'Authorization: Bearer dev-0'\n";
        assert!(text.contains(claude), "{text}");
    }

    #[test]
    fn a_client_that_logs_in_is_given_no_header() {
        let url = "http://127.0.0.1:8080/mcp";
        let text = HttpServer { name: "ticketing", url, token: None }.to_string();
        assert!(!text.to_lowercase().contains("authorization"), "{text}");
        assert_eq!(documents(&text).len(), 3, "{text}");
    }

    #[test]
    fn a_server_for_stdio_is_a_program_with_its_scopes() {
        let text = stdio();
        for (title, document) in documents(&text) {
            let key = if title.starts_with("VS Code") { "servers" } else { "mcpServers" };
            let server = &document[key]["ticketing"];
            assert_eq!(server["command"], "/my work/mcp-ticketing");
            assert_eq!(server["args"], json!(["stdio"]));
            assert_eq!(server["env"]["MCP_STDIO_SCOPES"], "tickets:read tickets:write");
        }
        let inspector =
            "--cli -e 'MCP_STDIO_SCOPES=tickets:read tickets:write' '/my work/mcp-ticketing' stdio";
        assert!(text.contains(inspector), "{text}");
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        assert_eq!(quoted("http://a/b"), "http://a/b");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
