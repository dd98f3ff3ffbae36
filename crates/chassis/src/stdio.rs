//! One client on stdin and stdout: a line a message, and an answer to every line.
//!
//! The SDK's own transport drops what it cannot parse, so that a client waits for ever; this one answers
//! with the error that JSON-RPC names for it, and bounds the length of a line.

use std::{io, pin::pin, sync::Arc, time::Duration};

use rmcp::{
    RoleServer, ServiceExt,
    model::ClientJsonRpcMessage,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{
        Transport,
        io::{StdioReader, StdioWriter, stdio_pipes},
    },
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::Mutex,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Server,
    app::App,
    handler::{Connection, Handler},
    reload::InForce,
    signals::Signals,
    unreadable::{fault, unreadable},
};

/// Serves the client until it closes stdin or a signal says stop.
pub(crate) async fn serve<S: Server>(
    app: &InForce<App<S>>,
    principal: mcp_auth::Principal,
    limits: Bounds,
    mut signals: Signals,
) {
    let handler = Handler::new(app.clone(), Connection::Stdio(principal));
    let (stopping, stopped) = app.now().ends();
    let lines = Lines::new(limits.max_line, stopping.clone());
    let until_stopped = stopped.clone();
    let serving = async {
        match handler.serve_with_ct(lines, until_stopped).await {
            Ok(service) => drop(service.waiting().await),
            // A client that goes away before its first request is not a fault of ours.
            Err(error) => tracing::debug!(%error, "the client went away"),
        }
    };
    let mut serving = pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = signals.stop() => {
            tracing::info!("stopping");
            // Nothing more is read; what was read is answered, unless that takes too long.
            stopping.cancel();
            tokio::select! {
                () = serving => {}
                () = tokio::time::sleep(limits.drain) => {}
                () = signals.stop() => {}
            }
        }
    }
    stopping.cancel();
    stopped.cancel();
}

/// What bounds a stdio server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The longest message, in bytes.
    pub(crate) max_line: usize,
    /// How long calls in flight may finish after a signal.
    pub(crate) drain: Duration,
}

/// JSON-RPC messages, a line each.
struct Lines {
    reader: BufReader<StdioReader>,
    writer: Arc<Mutex<StdioWriter>>,
    /// What has been read of the line so far: kept here, so that a cancelled `receive` loses nothing.
    line: Vec<u8>,
    /// Whether the rest of an oversized line is being skipped.
    skipping: bool,
    max_line: usize,
    /// Ends the input as if the client had closed it.
    stopping: CancellationToken,
}

impl Lines {
    fn new(max_line: usize, stopping: CancellationToken) -> Self {
        let (reader, writer) = stdio_pipes();
        Self {
            reader: BufReader::with_capacity(64 * 1_024, reader),
            writer: Arc::new(Mutex::new(writer)),
            line: Vec::new(),
            skipping: false,
            max_line,
            stopping,
        }
    }

    /// The next whole line; `None` at the end of the input.
    async fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // `fill_buf` may be cancelled without loss.
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let fits = self.line.len() + taken.len() <= self.max_line;
            if fits && !self.skipping {
                self.line.extend_from_slice(taken);
            }
            let consumed = taken.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if !fits && !self.skipping {
                self.skipping = true;
                self.line.clear();
                let text =
                    format!("the message is longer than {} bytes (MCP_MAX_BODY)", self.max_line);
                self.refuse(&fault(-32_600, &text)).await?;
            }
            if end.is_some() && !std::mem::take(&mut self.skipping) {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }

    async fn refuse(&self, fault: &Value) -> io::Result<()> {
        write_line(&self.writer, fault.to_string().into_bytes()).await
    }
}

impl Transport<RoleServer> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = Arc::clone(&self.writer);
        async move { write_line(&writer, serde_json::to_vec(&message)?).await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let stopping = self.stopping.clone();
            let line = tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                line = self.next_line() => line.ok()??,
            };
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if let Ok(message) = serde_json::from_slice::<ClientJsonRpcMessage>(line) {
                return Some(message);
            }
            self.refuse(&unreadable(line)).await.ok()?;
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.writer.lock().await.flush().await
    }
}

async fn write_line(writer: &Mutex<StdioWriter>, mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    let mut writer = writer.lock().await;
    writer.write_all(&line).await?;
    writer.flush().await
}
