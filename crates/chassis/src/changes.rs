//! Change notices: what tools report reaches the clients that listen.

use tokio::sync::broadcast;

/// What a successful call changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The resource at this address.
    Updated(String),
    /// Which resources there are.
    ListChanged,
    /// Which tools there are.
    ToolsChanged,
    /// Which prompts there are.
    PromptsChanged,
}

/// How many notices a slow listener may be behind before it misses some and is told to read anew.
const BACKLOG: usize = 256;

/// Hands every change to every listener of this process.
#[derive(Clone, Debug)]
pub(crate) struct ChangeFeed(broadcast::Sender<Change>);

impl ChangeFeed {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn publish(&self, changes: Vec<Change>) {
        for change in changes {
            // Nobody listening is no failure.
            drop(self.0.send(change));
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
