//! An echo on the SDK alone: no credentials, no quotas, nothing recorded. What our pipeline is compared with.

use std::{error::Error, sync::Arc};

use axum::{Router, serve::ListenerExt};
use mcp_bench::{Transport, listen_address, transport};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::{
        io::stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;

/// Arguments and answer alike.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Message {
    /// What is said back
    message: String,
}

/// The schema is made once: the factory runs for every request.
#[derive(Clone, Debug)]
struct Echo {
    tool: Tool,
}

impl Echo {
    fn new() -> Self {
        let schema = match schema_for!(Message).to_value() {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        };
        let schema = Arc::new(schema);
        let tool = Tool::new("echo", "Says back what it is told", Arc::clone(&schema));
        Self { tool: tool.with_raw_output_schema(schema) }
    }
}

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "echo").then(|| self.tool.clone())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![self.tool.clone()]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let message: Message = serde_json::from_value(arguments)
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        let answer = serde_json::to_value(message)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(CallToolResult::structured(answer).into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match transport()? {
        Transport::Stdio => {
            Echo::new().serve(stdio()).await?.waiting().await?;
        }
        Transport::Http { streams } => serve_http(streams).await?,
    }
    Ok(())
}

async fn serve_http(streams: bool) -> Result<(), Box<dyn Error>> {
    let echo = Echo::new();
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(!streams);
    let factory = move || Ok(echo.clone());
    let service =
        StreamableHttpService::new(factory, Arc::<LocalSessionManager>::default(), config);
    let listener = TcpListener::bind(listen_address()?).await?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route_service("/mcp", service)).await?;
    Ok(())
}
