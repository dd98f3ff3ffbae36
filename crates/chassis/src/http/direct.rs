//! The short way of the commonest request, a `tools/call` of 2026-07-28: decoded once, straight into the SDK's handler.
//!
//! The SDK serves a stateless request as if it were a connection: it tries every method's type on the message, writes
//! the message again to compare its headers, and sets up four tasks and three channels to carry one answer. A request
//! that is well-formed beyond doubt needs none of that. Whatever else there is to say, the SDK says: a request in which
//! anything is missing, malformed, contradictory or only unusual goes the long way.

use std::{convert::Infallible, future, sync::Arc, task::Poll};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use futures::poll;
use rmcp::{
    RoleServer,
    model::{
        CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientRequest, ErrorCode,
        ErrorData, Implementation, InitializeRequestParams, ProtocolVersion, RequestId,
        ServerJsonRpcMessage,
    },
    service::{
        RequestContext, RunningService, RxJsonRpcMessage, Service, TxJsonRpcMessage, serve_directly,
    },
    transport::Transport,
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use crate::{
    Server,
    app::App,
    handler::{Connection, Handler},
    reload::InForce,
};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const CALL: &str = "tools/call";

/// Calls tools without a connection of the SDK's.
pub(super) struct Direct<S: Server> {
    app: InForce<App<S>>,
    handler: Arc<Handler<S>>,
    /// A connection that nothing comes or goes by: handlers want to know their client's.
    nobody: RunningService<RoleServer, Handler<S>>,
    stopped: CancellationToken,
}

/// A call that leaves nothing to be said about its form.
pub(super) struct Call {
    id: RequestId,
    params: CallToolRequestParams,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    jsonrpc: &'a str,
    id: RequestId,
    method: &'a str,
    params: CallToolRequestParams,
}

impl<S: Server> Direct<S> {
    pub(super) fn new(app: &InForce<App<S>>) -> Self {
        let handler = || Handler::new(app.clone(), Connection::Request);
        let client =
            InitializeRequestParams::new(ClientCapabilities::default(), Implementation::default())
                .with_protocol_version(ProtocolVersion::V_2026_07_28);
        let nobody = serve_directly(handler(), Nowhere, Some(client));
        let stopped = app.now().stopped.clone();
        Self { app: app.clone(), handler: Arc::new(handler()), nobody, stopped }
    }

    /// The call that a request makes, if it can go the short way.
    pub(super) fn read(&self, request: &Parts, body: &[u8]) -> Option<Call> {
        let headers = &request.headers;
        if request.method != Method::POST || !headers_fit(headers) {
            return None;
        }
        let message: Message<'_> = serde_json::from_slice(body).ok()?;
        let (name, meta) = (&message.params.name, message.params.meta.as_ref()?);
        let fits = message.jsonrpc == "2.0"
            && message.method == CALL
            && only(headers, &NAME) == Some(name.as_bytes())
            && meta.protocol_version() == Some(ProtocolVersion::V_2026_07_28)
            && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
            // What is told on the way would need a stream.
            && meta.get_progress_token().is_none()
            && meta.log_level().is_none()
            && self.app.now().catalog.find_tool(name).is_some_and(|tool| !tool.repeats_arguments);
        fits.then_some(Call { id: message.id, params: message.params })
    }

    /// Makes the call, and answers as the SDK would.
    pub(super) async fn answer(&self, call: Call, request: Parts) -> Result<Response, Refusal> {
        let Call { id, mut params } = call;
        let mut context = RequestContext::new(id.clone(), self.nobody.peer().clone());
        context.meta = params.meta.take().unwrap_or_default();
        context.ct = self.stopped.child_token();
        context.extensions.insert(request);
        // A client that goes away takes its call along, in an order that the call decides.
        let _gone = context.ct.clone().drop_guard();
        let handler = Arc::clone(&self.handler);
        let call = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let mut call = Box::pin(async move { handler.handle_request(call, context).await });
        let called = match poll!(&mut call) {
            Poll::Ready(called) => called,
            // What waits is finished in a task of its own, so that it is not dropped halfway.
            Poll::Pending => tokio::spawn(call).await.map_err(|_panicked| Refusal::failed())?,
        };
        let (status, message) = match called {
            Ok(result) => (StatusCode::OK, ServerJsonRpcMessage::response(result, id)),
            Err(fault) => (status_of(&fault), ServerJsonRpcMessage::error(fault, Some(id))),
        };
        let body = serde_json::to_vec(&message).map_err(|_unwritable| Refusal::failed())?;
        let json = HeaderValue::from_static("application/json");
        Ok((status, [(header::CONTENT_TYPE, json)], body).into_response())
    }
}

/// Whether the headers are those of a call that any client's library sends.
fn headers_fit(headers: &HeaderMap) -> bool {
    let accept = only(headers, &header::ACCEPT).unwrap_or_default();
    only(headers, &VERSION) == Some(b"2026-07-28")
        && only(headers, &METHOD) == Some(CALL.as_bytes())
        && only(headers, &header::CONTENT_TYPE) == Some(b"application/json")
        && matches!(
            accept,
            b"application/json, text/event-stream" | b"text/event-stream, application/json"
        )
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// The status of an error, as the SDK gives it (2026-07-28, Streamable HTTP).
fn status_of(fault: &ErrorData) -> StatusCode {
    match fault.code {
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
        | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
        | ErrorCode::HEADER_MISMATCH => StatusCode::BAD_REQUEST,
        ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// A transport that nothing comes or goes by.
struct Nowhere;

impl Transport<RoleServer> for Nowhere {
    type Error = Infallible;

    fn send(
        &mut self,
        _message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        future::pending().await
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
