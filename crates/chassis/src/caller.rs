//! Who makes a request, and from where: what the transports hand to the pipeline.

use std::{
    future::pending,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::Utc;
use mcp_auth::{Authenticator, Principal};
use mcp_telemetry::trace::RequestId;
use rmcp::{RoleServer, model::ProtocolVersion, service::RequestContext};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::dialogue::Dialogue;

/// How often a stream's credential is looked at.
const CREDENTIAL_PERIOD: Duration = Duration::from_secs(1);

/// What the HTTP edge found out about a request before it became a message.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) principal: Principal,
    pub(crate) request_id: RequestId,
    pub(crate) address: IpAddr,
    /// Tells of a credential that was withdrawn meanwhile; `None` where there are no credentials.
    pub(crate) authenticator: Option<Arc<Authenticator>>,
    pub(crate) traceparent: Option<String>,
    pub(crate) missing_scopes: ScopeSlot,
}

impl Edge {
    /// Waits until the caller's credential has expired or was revoked, for what outlives its request.
    pub(crate) async fn credential_ends(&self) {
        let Some(authenticator) = &self.authenticator else { return pending().await };
        let mut ticks = interval(CREDENTIAL_PERIOD);
        loop {
            ticks.tick().await;
            let expired = self.principal.expires_at().is_some_and(|end| end <= Utc::now());
            // What cannot be told is not let through.
            if expired || authenticator.is_revoked(&self.principal).await.unwrap_or(true) {
                return;
            }
        }
    }
}

/// Where the pipeline leaves the scopes that were missing, so that the edge answers 403 instead of 200.
///
/// Works wherever the SDK sends headers after the first message, which is every stateless exchange;
/// elsewhere access is denied all the same and the tool result says `forbidden`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeSlot(Arc<OnceLock<&'static [&'static str]>>);

impl ScopeSlot {
    pub(crate) fn fill(&self, scopes: &'static [&'static str]) {
        // The first refusal of a request is the one that is told.
        self.0.get_or_init(|| scopes);
    }

    #[cfg(feature = "http")]
    pub(crate) fn missing(&self) -> Option<&'static [&'static str]> {
        self.0.get().copied()
    }
}

/// Where a call's structured content is left as JSON, for an edge that sends it as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonSlot(Arc<OnceLock<String>>);

impl JsonSlot {
    pub(crate) fn fill(&self, json: String) {
        // A call has one answer.
        self.0.get_or_init(|| json);
    }

    #[cfg(feature = "http")]
    pub(crate) fn json(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// One request, whatever it came by.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) request_id: RequestId,
    pub(crate) address: Option<IpAddr>,
    pub(crate) traceparent: Option<String>,
    pub(crate) missing_scopes: Option<ScopeSlot>,
    /// Where its edge takes structured content as JSON.
    pub(crate) structured: Option<JsonSlot>,
    pub(crate) client: Option<(String, String)>,
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) cancelled: CancellationToken,
    /// Where the operation is one that may tell or ask its client something.
    pub(crate) dialogue: Option<Arc<Dialogue>>,
    /// The longest that the operation may take where it may become a task.
    pub(crate) task_deadline: Option<Duration>,
}

impl Caller {
    /// Joins what the edge knows, or the principal of a stdio server, with what the message says.
    ///
    /// `None` when neither is there: a request that reached dispatch without authentication.
    pub(crate) fn of(
        context: &RequestContext<RoleServer>,
        stdio: Option<&Principal>,
    ) -> Option<Self> {
        let request = context.extensions.get::<http::request::Parts>();
        let edge = request.and_then(|parts| parts.extensions.get::<Edge>());
        let structured = request.and_then(|parts| parts.extensions.get::<JsonSlot>());
        let said = context.meta.get_traceparent().map(str::to_owned);
        let client = context.client_info().map(|client| (client.name, client.version));
        let (version, cancelled) = (context.protocol_version(), context.ct.clone());
        Some(match edge.cloned() {
            Some(edge) => Self {
                principal: edge.principal,
                request_id: edge.request_id,
                address: Some(edge.address),
                // The message's own context is nearer to the call than the hop's.
                traceparent: said.or(edge.traceparent),
                missing_scopes: Some(edge.missing_scopes),
                structured: structured.cloned(),
                client,
                version,
                cancelled,
                dialogue: None,
                task_deadline: None,
            },
            None => Self {
                principal: stdio?.clone(),
                request_id: RequestId::generate(),
                address: None,
                traceparent: said,
                missing_scopes: None,
                structured: None,
                client,
                version,
                cancelled,
                dialogue: None,
                task_deadline: None,
            },
        })
    }

    /// Whether the client speaks the stateless protocol of 2026-07-28 or later.
    pub(crate) fn is_modern(&self) -> bool {
        self.version.as_ref().is_some_and(|version| *version >= ProtocolVersion::V_2026_07_28)
    }
}
