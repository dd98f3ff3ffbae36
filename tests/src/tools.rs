//! Tools that panic, hang, block, flood and lie.

use std::time::Duration;

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::server::Toy;

const SMALL: Budget = Budget::tokens(1_000);

/// Any answer that is short.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Said {
    /// What was said
    text: String,
}

impl ToolOutput for Said {}

fn said(text: impl Into<String>) -> Said {
    Said { text: text.into() }
}

/// Panics, before or after it first waits.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Panic {
    /// Whether it waits first
    #[serde(default)]
    late: bool,
}

#[expect(clippy::panic, reason = "what the suite looks at")]
impl Tool for Panic {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::read("panic_now", "Panic")
        .scopes(&["toy:read"])
        .deadline_secs(5)
        .output_budget(SMALL);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        if self.late {
            tokio::task::yield_now().await;
        }
        panic!("the tool's own secret")
    }
}

/// Never answers. Its start and its end stand in the log: the end is the drop of its future.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    /// What the log calls this call
    #[validate(length(min = 1, max = 50))]
    label: String,
}

/// Says in the log that it is gone.
struct Flag(String);

impl Drop for Flag {
    fn drop(&mut self) {
        tracing::warn!(label = self.0, "hold dropped");
    }
}

impl Tool for Hold {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::write("hold_on", "Hold on")
        .scopes(&["toy:write"])
        .deadline_secs(20)
        .output_budget(SMALL)
        .audited(&["label"]);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        let flag = Flag(self.label);
        tracing::warn!(label = flag.0, "hold started");
        std::future::pending::<()>().await;
        Ok(said("never"))
    }
}

/// Blocks a thread and looks at nothing meanwhile.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// How long
    #[validate(range(max = 60))]
    seconds: u64,
}

impl Tool for Block {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::read("block_thread", "Block a thread")
        .scopes(&["toy:read"])
        .deadline_secs(1)
        .output_budget(SMALL);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        let seconds = Duration::from_secs(self.seconds);
        // The task goes on when nobody waits for it any more.
        let blocking = tokio::task::spawn_blocking(move || {
            tracing::warn!("block started");
            std::thread::sleep(seconds);
        });
        drop(blocking.await);
        Ok(said("done"))
    }
}

/// Answers with so many items of so many bytes.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    /// How many
    #[validate(range(max = 100_000))]
    items: usize,
    /// How large each is
    #[serde(default)]
    #[validate(range(max = 10_000_000))]
    bytes: usize,
}

/// A page of items.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Counted {
    /// The items
    items: Vec<String>,
    /// Where the next page begins
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there is more
    truncated: bool,
}

impl ToolOutput for Counted {
    fn page(&self) -> Option<PageCut> {
        let cursors = (1..=self.items.len()).map(|it| format!("after-{it}")).collect();
        Some(PageCut { list: "items", cursors, count: None })
    }
}

impl Tool for Count {
    type Server = Toy;
    type Output = Counted;

    const SPEC: ToolSpec = ToolSpec::read("count_items", "Count items")
        .scopes(&["toy:read"])
        .deadline_secs(10)
        .output_budget(SMALL);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Counted> {
        let item = |number| format!("{number:>width$}", width = self.bytes);
        let items = (1..=self.items).map(item).collect();
        Ok(Counted { items, next_cursor: None, truncated: false })
    }
}

/// Answers 5 MB in one piece.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Huge {}

impl Tool for Huge {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::read("answer_hugely", "Answer hugely")
        .scopes(&["toy:read"])
        .deadline_secs(10)
        .output_budget(SMALL);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        Ok(said("x ".repeat(5_000_000 / 2)))
    }
}

/// Answers with the text that it was given, as somebody outside would write it.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hostile {
    /// The text
    text: String,
}

impl Tool for Hostile {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::read("repeat_text", "Repeat text")
        .scopes(&["toy:read"])
        .deadline_secs(5)
        .output_budget(SMALL);

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        Ok(said(self.text))
    }
}

/// Writes nothing but a line in the log, as a write.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    /// What the log calls this write
    #[serde(default)]
    #[validate(length(max = 50))]
    label: String,
    /// How long it takes
    #[serde(default)]
    #[validate(range(max = 4_000))]
    millis: u64,
}

impl Tool for Write {
    type Server = Toy;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::write("write_nothing", "Write nothing")
        .scopes(&["toy:write"])
        .deadline_secs(5)
        .output_budget(SMALL)
        .own_text();

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        tokio::time::sleep(Duration::from_millis(self.millis)).await;
        tracing::warn!(label = self.label, "write done");
        Ok(said("written"))
    }
}
