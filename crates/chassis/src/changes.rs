//! Change notices: what tools report, and what other replicas do, reaches the clients that listen.

use std::sync::Arc;

use tokio::{sync::broadcast, task::AbortHandle};

use crate::Server;

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
    /// Anything that a server keeps, for what happened was not heard: who listens should read anew.
    Missed,
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

    pub(crate) fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            // Nobody listening is no failure.
            drop(self.0.send(change));
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}

/// Tells the subscribers of this process what changed elsewhere: see [`Server::follow`].
#[derive(Clone, Debug)]
pub struct ChangeSink(ChangeFeed);

impl ChangeSink {
    /// The resource at `uri` changed.
    pub fn resource_changed(&self, uri: impl Into<String>) {
        self.0.publish([Change::Updated(uri.into())]);
    }

    /// Resources came or went.
    pub fn resource_list_changed(&self) {
        self.0.publish([Change::ListChanged]);
    }

    /// Some changes were not heard: whoever watches anything is told to read it anew.
    pub fn missed(&self) {
        self.0.publish([Change::Missed]);
    }
}

/// A server's own look at what changes elsewhere; it ends with the value.
#[derive(Debug)]
pub(crate) struct Following(AbortHandle);

impl Following {
    pub(crate) fn start<S: Server>(server: &Arc<S>, changes: &ChangeFeed) -> Arc<Self> {
        let (server, sink) = (Arc::clone(server), ChangeSink(changes.clone()));
        let task = tokio::spawn(async move { server.follow(sink).await });
        Arc::new(Self(task.abort_handle()))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}
