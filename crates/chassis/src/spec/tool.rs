//! What a tool is and does to the world.

use std::time::Duration;

use mcp_sanitize::Budget;
use serde::Serialize;

use super::{Draft, NeedsScopes, PageSpec, Spec, is_name};

/// The specification of a tool.
pub type ToolSpec = Spec<ToolKind>;

/// What a call does to the world. The annotations that a client sees are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SideEffect {
    /// Changes nothing.
    Read,
    /// Adds or changes something that can be changed back.
    Write,
    /// Does what cannot be taken back.
    Destructive,
}

impl SideEffect {
    /// Whether the call changes anything at all.
    pub fn writes(self) -> bool {
        self != Self::Read
    }
}

/// When a call becomes a task (MCP, tasks extension), for clients that know tasks. Others wait for the answer, as ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BecomesTask {
    /// Never.
    Never,
    /// When the answer takes longer than this, in milliseconds.
    AfterMillis(u64),
    /// When the call itself says so, by [`crate::CallContext::continue_as_task`].
    OnRequest,
    /// As soon as it is admitted. Clients that know no tasks cannot call the tool.
    AtOnce,
}

/// The part of a specification that only tools have.
#[derive(Clone, Copy, Debug)]
pub struct ToolKind {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) effect: SideEffect,
    pub(crate) open_world: bool,
    pub(crate) audited: &'static [&'static str],
    /// Arguments that go-betweens read in a header.
    pub(crate) routed: &'static [&'static str],
    pub(crate) asks: bool,
    pub(crate) confirm: Option<&'static str>,
    pub(crate) becomes_task: BecomesTask,
    /// The longest that a task may take.
    pub(crate) task_deadline: Duration,
    pub(crate) page: Option<&'static PageSpec>,
}

impl ToolSpec {
    /// A tool that changes nothing. `name` is `verb_noun`; `title` is what a person reads.
    pub const fn read(name: &'static str, title: &'static str) -> Draft<ToolKind, NeedsScopes> {
        Self::draft(name, title, SideEffect::Read)
    }

    /// A tool that adds or changes something.
    pub const fn write(name: &'static str, title: &'static str) -> Draft<ToolKind, NeedsScopes> {
        Self::draft(name, title, SideEffect::Write)
    }

    /// A tool that does what cannot be taken back.
    pub const fn destructive(
        name: &'static str,
        title: &'static str,
    ) -> Draft<ToolKind, NeedsScopes> {
        Self::draft(name, title, SideEffect::Destructive)
    }

    const fn draft(
        name: &'static str,
        title: &'static str,
        effect: SideEffect,
    ) -> Draft<ToolKind, NeedsScopes> {
        assert!(is_name(name), "a tool's name is 1 to 64 of a-z, 0-9, `_` and `-`");
        Draft::new(ToolKind {
            name,
            title,
            effect,
            open_world: false,
            audited: &[],
            routed: &[],
            asks: false,
            confirm: None,
            becomes_task: BecomesTask::Never,
            task_deadline: Duration::ZERO,
            page: None,
        })
    }

    /// Declares that the tool reaches systems beyond this server.
    #[must_use]
    pub const fn open_world(self) -> Self {
        Self { kind: ToolKind { open_world: true, ..self.kind }, ..self }
    }

    /// Names the arguments that the audit log may show in plain: ids, never free text.
    #[must_use]
    pub const fn audited(self, arguments: &'static [&'static str]) -> Self {
        Self { kind: ToolKind { audited: arguments, ..self.kind }, ..self }
    }

    /// Has clients of 2026-07-28 repeat these arguments in headers, so that a gateway can route by them without reading the
    /// body: `owner` in `Mcp-Param-Owner`. A header that does not say what the argument says is refused. Only for texts that
    /// are short and plain, and whose secrecy is no matter: headers stand in the logs of go-betweens.
    #[must_use]
    pub const fn routed(self, arguments: &'static [&'static str]) -> Self {
        Self { kind: ToolKind { routed: arguments, ..self.kind }, ..self }
    }

    /// Declares that a call may ask its client, by [`crate::CallContext::ask`].
    #[must_use]
    pub const fn asks(self) -> Self {
        Self { kind: ToolKind { asks: true, ..self.kind }, ..self }
    }

    /// Has a person asked before the call is made, where the deployment wants that and the client can (`MCP_CONFIRM`).
    /// `{name}` stands for an argument: `Close ticket {id}?`.
    #[must_use]
    pub const fn confirmed(self, question: &'static str) -> Self {
        Self { kind: ToolKind { confirm: Some(question), ..self.kind }, ..self }
    }

    /// Declares that a call may become a task, which then ends within `deadline_secs`.
    #[must_use]
    pub const fn becomes_task(self, when: BecomesTask, deadline_secs: u64) -> Self {
        let task_deadline = Duration::from_secs(deadline_secs);
        Self { kind: ToolKind { becomes_task: when, task_deadline, ..self.kind }, ..self }
    }

    /// Names the page that shows the answer, where the client can show pages. Others see no difference.
    ///
    /// # Panics
    /// When it is compiled, if the page's policy would change or cut it: it is `own_text()` within its budget.
    #[must_use]
    pub const fn shown_by(self, page: &'static PageSpec) -> Self {
        assert!(page.passes_whole(), "a page is `own_text()`, and its budget holds all of it");
        Self { kind: ToolKind { page: Some(page), ..self.kind }, ..self }
    }

    /// Shortens the deadline and the budget (in tokens) where a deployment asks for less.
    pub(crate) fn tighten(&mut self, deadline: Option<Duration>, tokens: Option<usize>) {
        let policy = &mut self.policy;
        policy.deadline = deadline.map_or(policy.deadline, |it| it.min(policy.deadline));
        let asked = tokens.map(Budget::tokens);
        policy.budget = asked.map_or(policy.budget, |it| policy.budget.tighten(it));
    }

    /// The tool's name in the protocol.
    pub fn name(&self) -> &'static str {
        self.kind.name
    }
}
