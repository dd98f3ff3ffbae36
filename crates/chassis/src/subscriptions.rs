//! Change notices on their way to a client: `subscriptions/listen`, and the subscriptions of legacy stdio.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{ServiceError, SubscriptionContext, SubscriptionSendError},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::changes::{Change, ChangeFeed};

/// How many addresses one connection or stream may watch.
const MAX_WATCHED: usize = 1_000;

/// What a legacy client of stdio subscribed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    uris: BTreeSet<String>,
    forwarding: bool,
}

impl Subscriptions {
    /// What of a requested filter this server can serve.
    pub(crate) fn accepted(
        requested: &SubscriptionFilter,
        known: impl Fn(&str) -> bool,
    ) -> SubscriptionFilter {
        let mut accepted = SubscriptionFilter::new();
        accepted.resources_list_changed = requested.resources_list_changed;
        accepted.tools_list_changed = requested.tools_list_changed;
        accepted.prompts_list_changed = requested.prompts_list_changed;
        accepted.resource_subscriptions = requested
            .resource_subscriptions
            .as_ref()
            .map(|uris| uris.iter().filter(|uri| known(uri)).take(MAX_WATCHED).cloned().collect());
        accepted
    }

    pub(crate) fn add(
        &self,
        uri: String,
        peer: &Peer<RoleServer>,
        changes: &ChangeFeed,
    ) -> Result<(), ErrorData> {
        let mut watched = self.watched();
        if watched.uris.len() >= MAX_WATCHED {
            let message = format!("at most {MAX_WATCHED} subscriptions a connection");
            return Err(ErrorData::invalid_params(message, None));
        }
        watched.uris.insert(uri);
        if !watched.forwarding {
            watched.forwarding = true;
            tokio::spawn(self.clone().notify(changes.listen(), peer.clone()));
        }
        Ok(())
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.watched().uris.remove(uri);
    }

    /// Sends notices until the connection ends.
    async fn notify(self, mut feed: Receiver<Change>, peer: Peer<RoleServer>) {
        while let Some(change) = next(&mut feed).await {
            if self.tell(change, &peer).await.is_err() {
                return;
            }
        }
    }

    async fn tell(&self, change: Change, peer: &Peer<RoleServer>) -> Result<(), ServiceError> {
        match change {
            Change::Updated(uri) => {
                let watched = self.watched().uris.contains(&uri);
                let notice = ResourceUpdatedNotificationParam::new(uri);
                if watched { peer.notify_resource_updated(notice).await } else { Ok(()) }
            }
            Change::ListChanged => peer.notify_resource_list_changed().await,
            Change::ToolsChanged => peer.notify_tool_list_changed().await,
            Change::PromptsChanged => peer.notify_prompt_list_changed().await,
            Change::Missed => {
                let uris = self.watched().uris.clone();
                for uri in uris {
                    peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri))
                        .await?;
                }
                peer.notify_resource_list_changed().await
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next(feed: &mut Receiver<Change>) -> Option<Change> {
    match feed.recv().await {
        Ok(change) => Some(change),
        // The listener was too slow.
        Err(RecvError::Lagged(_)) => Some(Change::Missed),
        Err(RecvError::Closed) => None,
    }
}

/// Sends notices on one `subscriptions/listen` stream until it is cancelled or the server stops.
pub(crate) async fn forward(
    mut feed: Receiver<Change>,
    context: &SubscriptionContext,
    stopping: &CancellationToken,
) {
    let watched: BTreeSet<&str> =
        context.accepted().resource_subscriptions.iter().flatten().map(String::as_str).collect();
    loop {
        let next = tokio::select! {
            biased;
            () = context.cancelled() => return,
            () = stopping.cancelled() => return,
            next = next(&mut feed) => next,
        };
        let Some(change) = next else { return };
        if tell(change, &watched, context).await.is_err() {
            return;
        }
    }
}

/// Sends what a stream's filter lets through.
async fn tell(
    change: Change,
    watched: &BTreeSet<&str>,
    context: &SubscriptionContext,
) -> Result<(), SubscriptionSendError> {
    let (accepted, sink) = (context.accepted(), context.sink());
    let lists = accepted.resources_list_changed == Some(true);
    match change {
        Change::Updated(uri) if watched.contains(uri.as_str()) => {
            sink.notify_resource_updated(uri).await
        }
        Change::ListChanged if lists => sink.notify_resource_list_changed().await,
        Change::ToolsChanged if accepted.tools_list_changed == Some(true) => {
            sink.notify_tool_list_changed().await
        }
        Change::PromptsChanged if accepted.prompts_list_changed == Some(true) => {
            sink.notify_prompt_list_changed().await
        }
        Change::Missed => {
            for uri in watched {
                sink.notify_resource_updated(*uri).await?;
            }
            if lists { sink.notify_resource_list_changed().await } else { Ok(()) }
        }
        _ => Ok(()),
    }
}
