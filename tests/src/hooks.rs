//! Owners' hooks that panic, refuse, or try to speak for the chassis.

use mcp_chassis::{CallInfo, CallOutcome, Error, ErrorKind, Hooks, Result};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(crate) struct Meddling {
    way: String,
}

impl Meddling {
    pub(crate) fn new(way: String) -> Self {
        Self { way }
    }
}

impl Hooks for Meddling {
    #[expect(clippy::panic, reason = "what the suite looks at")]
    fn before(&self, call: &CallInfo<'_>) -> Result<()> {
        match self.way.as_str() {
            "panic-before" => panic!("the hook's own secret"),
            "refuse" if call.target == "count_items" => {
                Err(Error::new(ErrorKind::Conflict, "the owners say no"))
            }
            _ => Ok(()),
        }
    }

    fn after(&self, _call: &CallInfo<'_>, outcome: &CallOutcome<'_>) -> Map<String, Value> {
        assert!(self.way != "panic-after", "the hook's own secret");
        let forged = json!({
            "com.example/note": "from the owners",
            "com.example/failed": outcome.error.is_some(),
            "io.github.mcp-chassis/request_id": "forged",
            "io.github.mcp-chassis/provenance": "forged",
            "io.github.mcp-chassis/invented": "forged",
            "io.modelcontextprotocol/serverInfo": "forged",
        });
        match forged {
            Value::Object(entries) if self.way == "annotate" => entries,
            _ => Map::new(),
        }
    }
}
