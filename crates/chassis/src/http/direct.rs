//! The short way of the commonest request, a `tools/call` of 2026-07-28: decoded once, straight into the SDK's handler.
//!
//! The SDK serves a stateless request as if it were a connection: it tries every method's type on the message, writes
//! the message again to compare its headers, and sets up four tasks and three channels to carry one answer. A request
//! that is well-formed beyond doubt needs none of that. Whatever else there is to say, the SDK says: a request in which
//! anything is missing, malformed, contradictory or only unusual goes the long way.

use std::{
    convert::Infallible,
    future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use futures::{FutureExt, future::BoxFuture};
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

use super::{forwarded::only, refusal::Refusal};
use crate::{
    Server,
    app::App,
    caller::JsonSlot,
    handler::{Connection, Handler},
    reload::InForce,
};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const CALL: &str = "tools/call";

/// What most answers fit into, so that they are written without being moved.
const USUAL_BYTES: usize = 2_048;

/// Calls tools without a connection of the SDK's.
pub(super) struct Direct<S: Server> {
    app: InForce<App<S>>,
    handler: Arc<Handler<S>>,
    /// A connection that nothing comes or goes by: handlers want to know their client's.
    nobody: RunningService<RoleServer, Arc<Handler<S>>>,
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
        let handler = Arc::new(Handler::new(app.clone(), Connection::Request));
        let client =
            InitializeRequestParams::new(ClientCapabilities::default(), Implementation::default())
                .with_protocol_version(ProtocolVersion::V_2026_07_28);
        let nobody = serve_directly(Arc::clone(&handler), Nowhere, Some(client));
        Self { app: app.clone(), handler, nobody }
    }

    /// The call that a request makes, if it can go the short way.
    pub(super) fn read(&self, request: &Parts, body: &[u8]) -> Option<Call> {
        let call = Call::read(request, body)?;
        let app = self.app.now();
        let tool = app.catalog.find_tool(&call.params.name)?;
        // What stands in headers and in the message is the SDK's to compare.
        (!tool.repeats_arguments).then_some(call)
    }

    /// Makes the call, and answers as the SDK would.
    pub(super) async fn answer(&self, call: Call, mut request: Parts) -> Result<Response, Refusal> {
        let Call { id, mut params } = call;
        let mut context = RequestContext::new(id.clone(), self.nobody.peer().clone());
        context.meta = params.meta.take().unwrap_or_default();
        context.ct = self.app.now().stopped.child_token();
        let structured = JsonSlot::default();
        request.extensions.insert(structured.clone());
        context.extensions.insert(request);
        // A client that goes away takes its call along, in an order that the call decides.
        let _gone = context.ct.clone().drop_guard();
        let handler = Arc::clone(&self.handler);
        let call = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let call = async move { handler.handle_request(call, context).await };
        let called = SeenThrough::new(AssertUnwindSafe(call).catch_unwind()).await;
        let called = called.map_err(|_panicked| Refusal::failed())?;
        let (status, message, structured) = match called {
            Ok(result) => {
                (StatusCode::OK, ServerJsonRpcMessage::response(result, id), structured.json())
            }
            Err(fault) => (status_of(&fault), ServerJsonRpcMessage::error(fault, Some(id)), None),
        };
        // It is there as text, too.
        let room = USUAL_BYTES + 2 * structured.map_or(0, str::len);
        let mut body = Vec::with_capacity(room);
        serde_json::to_writer(&mut body, &message).map_err(|_unwritable| Refusal::failed())?;
        if let Some(json) = structured {
            insert_structured(&mut body, json).ok_or_else(Refusal::failed)?;
        }
        let json = HeaderValue::from_static("application/json");
        Ok((status, [(header::CONTENT_TYPE, json)], body).into_response())
    }
}

impl Call {
    /// The call of a request that leaves nothing to be said about its form.
    fn read(request: &Parts, body: &[u8]) -> Option<Self> {
        let headers = &request.headers;
        if request.method != Method::POST || !headers_fit(headers) {
            return None;
        }
        let Message { jsonrpc, id, method, params } = serde_json::from_slice(body).ok()?;
        let meta = params.meta.as_ref()?;
        let fits = jsonrpc == "2.0"
            && method == CALL
            && only(headers, NAME) == Some(&*params.name)
            && meta.protocol_version() == Some(ProtocolVersion::V_2026_07_28)
            && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
            // What is told on the way would need a stream.
            && meta.get_progress_token().is_none()
            && meta.log_level().is_none();
        fits.then_some(Self { id, params })
    }
}

/// Whether the headers are those of a call that any client's library sends.
fn headers_fit(headers: &HeaderMap) -> bool {
    let accept = only(headers, header::ACCEPT).unwrap_or_default();
    only(headers, VERSION) == Some("2026-07-28")
        && only(headers, METHOD) == Some(CALL)
        && only(headers, header::CONTENT_TYPE) == Some("application/json")
        && matches!(
            accept,
            "application/json, text/event-stream" | "text/event-stream, application/json"
        )
}

/// Gives the result that a message ends with its structured content, which is JSON already.
fn insert_structured(message: &mut Vec<u8>, json: &str) -> Option<()> {
    let end = message.len().checked_sub(2)?;
    if message.get(end..) != Some(b"}}") {
        return None;
    }
    message.truncate(end);
    for part in [",\"structuredContent\":", json, "}}"] {
        message.extend_from_slice(part.as_bytes());
    }
    Some(())
}

/// Something that is finished in a task of its own when nobody waits for it any more, so that it is not dropped halfway.
/// As long as somebody waits it needs no task: each costs an allocation and two wake-ups.
struct SeenThrough<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> SeenThrough<T> {
    fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(work.boxed()))
    }
}

impl<T: Send + 'static> Future for SeenThrough<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<T: Send + 'static> Drop for SeenThrough<T> {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(work), Ok(runtime)) = (self.0.take(), runtime) {
            drop(runtime.spawn(work));
        }
    }
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

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::{Value, json};

    use super::*;

    fn message() -> Value {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": "echo", "arguments": { "message": "a" }, "_meta": meta });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
    }

    fn goes_the_short_way(headers: &[(&'static str, &str)], message: &Value) -> bool {
        let mut request = Request::post("/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .body(())
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Call::read(&request.into_parts().0, message.to_string().as_bytes()).is_some()
    }

    #[test]
    fn a_call_as_every_library_makes_it_goes_the_short_way() {
        assert!(goes_the_short_way(&[], &message()));
        assert!(goes_the_short_way(
            &[("accept", "text/event-stream, application/json")],
            &message()
        ));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_finished() {
        let (go, gone) = tokio::sync::oneshot::channel();
        let (done, was_done) = tokio::sync::oneshot::channel();
        let mut work = SeenThrough::new(async move {
            gone.await.unwrap();
            done.send(()).unwrap();
        });
        assert!(futures::poll!(&mut work).is_pending());
        drop(work);
        go.send(()).unwrap();
        was_done.await.unwrap();
        assert_eq!(SeenThrough::new(async { 7 }).await, 7);
    }

    #[test]
    fn a_header_out_of_the_ordinary_is_the_sdks_to_judge() {
        for header in [
            ("accept", "application/json;q=1, text/event-stream"),
            ("content-type", "application/json; charset=utf-8"),
            ("mcp-name", "=?base64?ZWNobw==?="),
            ("mcp-name", "other"),
            ("mcp-method", "tools/list"),
            ("mcp-protocol-version", "2025-11-25"),
        ] {
            assert!(!goes_the_short_way(&[header], &message()), "{header:?}");
        }
    }

    #[test]
    fn a_message_out_of_the_ordinary_is_the_sdks_to_judge() {
        let with = |path: &str, value: Value| {
            let mut message = message();
            let (parent, key) = path.rsplit_once('/').unwrap();
            message.pointer_mut(parent).unwrap()[key] = value;
            message
        };
        let of_meta = |key: &str, value: Value| {
            let mut message = message();
            message["params"]["_meta"][key] = value;
            message
        };
        for message in [
            with("/jsonrpc", json!("1.0")),
            with("/method", json!("tools/list")),
            with("/id", Value::Null),
            with("/more", json!(1)),
            with("/params/name", json!("other")),
            with("/params/arguments", json!([1])),
            with("/params/_meta", Value::Null),
            with("/params/_meta/progressToken", json!(1)),
            of_meta("io.modelcontextprotocol/logLevel", json!("info")),
            of_meta("io.modelcontextprotocol/protocolVersion", json!("2025-11-25")),
            of_meta("io.modelcontextprotocol/clientCapabilities", Value::Null),
        ] {
            assert!(!goes_the_short_way(&[], &message), "{message}");
        }
    }
}
