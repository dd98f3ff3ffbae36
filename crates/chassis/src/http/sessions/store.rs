//! How the SDK begins a session anew that another replica has opened.

use async_trait::async_trait;
use mcp_shared::SharedSessions;
use rmcp::transport::streamable_http_server::session::{
    SessionState, SessionStore, SessionStoreError,
};

/// The handshake of every session; who may use one is the ledger's business.
pub(super) struct Beginnings(pub(super) SharedSessions);

#[async_trait]
impl SessionStore for Beginnings {
    async fn load(&self, session_id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let beginning = self.0.load(session_id).await?;
        Ok(beginning.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    async fn store(&self, session_id: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        Ok(self.0.save(session_id, &serde_json::to_string(state)?).await?)
    }

    async fn delete(&self, session_id: &str) -> Result<(), SessionStoreError> {
        Ok(self.0.forget(session_id).await?)
    }
}
