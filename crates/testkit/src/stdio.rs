//! Raw newline-delimited JSON-RPC over a child's stdin and stdout.

use std::process::ExitStatus;

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::process::{PATIENCE, ServerProcess};
use crate::wire;

/// One client of one server; from [`ServerCommand::stdio`](crate::ServerCommand::stdio).
#[derive(Debug)]
pub struct StdioClient {
    process: ServerProcess,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    version: ProtocolVersion,
    notifications: Vec<Value>,
}

impl StdioClient {
    pub(crate) fn new(mut process: ServerProcess) -> Self {
        let child = process.child();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let version = ProtocolVersion::V_2026_07_28;
        Self { process, stdin, stdout, version, notifications: Vec::new() }
    }

    /// Speaks a legacy version from here on: sends `initialize` and its notification, returns the server's answer.
    pub async fn initialize(&mut self, version: ProtocolVersion) -> Value {
        self.version = version;
        let params = wire::initialize_params(&self.version);
        let answer = self.request("initialize", params).await;
        self.send(&wire::notification("notifications/initialized", Value::Null)).await;
        answer
    }

    /// Sends a request and returns the response with its id; what comes before it is kept as a notification.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let request = wire::request(&self.version, method, params);
        self.send(&request).await;
        loop {
            let message = self.receive().await;
            if message["id"] == request["id"] && message.get("method").is_none() {
                return message;
            }
            self.notifications.push(message);
        }
    }

    /// Calls a tool.
    pub async fn call_tool(&mut self, name: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// Lists the tools.
    pub async fn list_tools(&mut self) -> Value {
        self.request("tools/list", Value::Null).await
    }

    /// Reads a resource.
    pub async fn read_resource(&mut self, uri: &str) -> Value {
        self.request("resources/read", json!({ "uri": uri })).await
    }

    /// Gets a prompt.
    pub async fn get_prompt(&mut self, name: &str, arguments: Value) -> Value {
        self.request("prompts/get", json!({ "name": name, "arguments": arguments })).await
    }

    /// Sends a message as it is.
    pub async fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string()).await;
    }

    /// Sends any text as one line.
    pub async fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open until `close`");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads its stdin");
    }

    /// The next message; fails after [`PATIENCE`], at the end of stdout and at a line that is not JSON, since
    /// stdout belongs to the protocol.
    pub async fn receive(&mut self) -> Value {
        let line = timeout(PATIENCE, self.stdout.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no answer: {:#?}", self.process.log()));
        let line = line.expect("stdout can be read");
        let line = line.unwrap_or_else(|| panic!("stdout ended: {:#?}", self.process.log()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} on stdout: {line}"))
    }

    /// What came while a response was waited for, in order.
    pub fn take_notifications(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.notifications)
    }

    /// Closes stdin, which asks the server to end, and waits for it.
    pub async fn close(mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.process.wait().await
    }

    /// The process behind the pipes.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}
