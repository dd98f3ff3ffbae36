//! A client of either transport, who asks one question again and again.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
};

use crate::{
    http::{Connection, header},
    process::Process,
    request::{Era, Question, Request},
};

/// One connection and what is asked on it.
#[derive(Debug)]
pub(crate) struct Client {
    request: Request,
    channel: Channel,
}

#[derive(Debug)]
enum Channel {
    Http(Connection),
    Stdio(Pipes),
}

#[derive(Debug)]
struct Pipes {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Client {
    /// Connects over HTTP, and opens a session where the question wants one.
    pub(crate) async fn http(address: SocketAddr, question: &Question) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let host = address.to_string();
        let session = match question.era {
            Era::Session => Some(open_session(&mut connection, &host, question).await?),
            Era::Modern | Era::Legacy => None,
        };
        let text = question.http(&host, session.as_deref(), &question.message());
        Ok(Self { request: Request::new(text, question), channel: Channel::Http(connection) })
    }

    /// Speaks to a child.
    pub(crate) fn stdio(process: &mut Process, question: &Question) -> Result<Self> {
        let (stdin, stdout) = process.pipes()?;
        let stdout = BufReader::with_capacity(64 << 10, stdout);
        let request = Request::new(question.message() + "\n", question);
        Ok(Self { request, channel: Channel::Stdio(Pipes { stdin, stdout, line: Vec::new() }) })
    }

    /// Asks something else from now on.
    pub(crate) fn ask(&mut self, address: SocketAddr, question: &Question) {
        let text = match self.channel {
            Channel::Http(_) => question.http(&address.to_string(), None, &question.message()),
            Channel::Stdio(_) => question.message() + "\n",
        };
        self.request = Request::new(text, question);
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the answer is not the right one.
    pub(crate) async fn call(&mut self) -> Result<()> {
        let request = self.request.next();
        match &mut self.channel {
            Channel::Http(connection) => {
                let (head, body) = connection.exchange(request).await?;
                ensure!(
                    head.starts_with("HTTP/1.1 200"),
                    "{head}{}",
                    String::from_utf8_lossy(body)
                );
                self.request.check(body)
            }
            Channel::Stdio(pipes) => {
                pipes.stdin.write_all(request).await?;
                pipes.line.clear();
                pipes.stdout.read_until(b'\n', &mut pipes.line).await?;
                self.request.check(&pipes.line)
            }
        }
    }
}

async fn open_session(
    connection: &mut Connection,
    host: &str,
    question: &Question,
) -> Result<String> {
    let initialize = question.http(host, None, &question.initialize());
    let (head, _) = connection.exchange(initialize.as_bytes()).await?;
    let id = header(head, "mcp-session-id").context("no session was opened")?.to_owned();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    connection.exchange(question.http(host, Some(&id), initialized).as_bytes()).await?;
    Ok(id)
}
