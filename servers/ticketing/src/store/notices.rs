//! Word of what other replicas wrote, by PostgreSQL's `LISTEN` and `NOTIFY`: hints, which may be lost and never are the truth.

use std::{hash::BuildHasher as _, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::time::{sleep, timeout};

use super::{Result, StoreError};
use crate::models::{EventKind, TicketId};

/// Where the trigger of `migrations/postgres` tells.
const CHANNEL: &str = "mcp_ticketing";

/// The setting by which the connections of one process name it.
pub(super) const REPLICA: &str = "mcp.replica";

/// Longer than anything that the trigger says.
const MAX_PAYLOAD: usize = 64;

/// After so long a silence the connection is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(5);

/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_secs(1);

/// What happened elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// There is a new ticket.
    Opened(TicketId),
    /// A ticket, or its history, is not what it was.
    Changed(TicketId),
    /// Nobody listened for a while, and anything may have happened.
    Missed,
}

/// A name for this process that no other replica has.
pub(super) fn replica() -> String {
    format!("{:016x}", std::hash::RandomState::new().hash_one(std::process::id()))
}

/// Tells what other replicas write, for as long as it is polled. A connection that is lost is replaced.
pub(super) async fn follow(pool: &PgPool, tell: &(dyn Fn(Notice) + Send + Sync)) {
    let (mut began, mut is_deaf) = (false, false);
    loop {
        let error = match Ear::open(pool).await {
            Ok(mut ear) => {
                if std::mem::replace(&mut began, true) {
                    tell(Notice::Missed);
                }
                if std::mem::take(&mut is_deaf) {
                    tracing::info!("what other replicas write is heard again");
                }
                ear.listen(tell).await
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut is_deaf, true) {
            tracing::warn!(%error, "what other replicas write is not heard for now");
        }
        sleep(PAUSE).await;
    }
}

/// A connection that listens.
struct Ear {
    listener: PgListener,
    own: String,
}

impl Ear {
    async fn open(pool: &PgPool) -> Result<Self> {
        let mut listener = PgListener::connect_with(pool).await?;
        // What is lost with a connection has to be told before anything that the next one hears.
        listener.eager_reconnect(false);
        let own: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
            .bind(REPLICA)
            .fetch_one(&mut listener)
            .await?;
        listener.listen(CHANNEL).await?;
        Ok(Self { listener, own: own.unwrap_or_default() })
    }

    /// Listens until the connection is of no more use.
    async fn listen(&mut self, tell: &(dyn Fn(Notice) + Send + Sync)) -> StoreError {
        loop {
            match timeout(SILENCE, self.listener.try_recv()).await {
                Ok(Ok(Some(notice))) => {
                    if let Some(notice) = parse(notice.payload(), &self.own) {
                        tell(notice);
                    }
                }
                Ok(Ok(None)) => return StoreError::Unavailable("the connection was closed".into()),
                Ok(Err(error)) => return error.into(),
                Err(_silence) => {
                    if let Err(error) = self.probe().await {
                        return error;
                    }
                }
            }
        }
    }

    async fn probe(&mut self) -> Result<()> {
        let asked = sqlx::query("SELECT 1").execute(&mut self.listener);
        match timeout(PROBE, asked).await {
            Ok(answered) => Ok(answered.map(drop)?),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}

/// What a payload says, unless it is of this replica. Whoever may use the database can send one, so anything else is nothing.
fn parse(payload: &str, own: &str) -> Option<Notice> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let mut words = payload.split(' ');
    let (replica, kind, number) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || replica == own {
        return None;
    }
    let id: TicketId = format!("T-{number}").parse().ok()?;
    Some(match EventKind::try_from(kind.to_owned()).ok()? {
        EventKind::Opened => Notice::Opened(id),
        EventKind::Updated | EventKind::Commented | EventKind::Closed => Notice::Changed(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_replica_wrote_is_told_and_what_we_wrote_is_known() {
        let id: TicketId = "T-7".parse().unwrap();
        assert_eq!(parse("a opened 7", "b"), Some(Notice::Opened(id)));
        for kind in ["updated", "commented", "closed"] {
            assert_eq!(parse(&format!("a {kind} 7"), "b"), Some(Notice::Changed(id)), "{kind}");
        }
        assert_eq!(parse("a opened 7", "a"), None);
    }

    #[test]
    fn what_no_replica_says_is_nothing() {
        let long = format!("a opened {}", "0".repeat(MAX_PAYLOAD));
        for payload in
            ["", "a", "a opened", "a opened x", "a opened 7 8", "a stolen 7", "a opened -7", &long]
        {
            assert_eq!(parse(payload, "b"), None, "{payload}");
        }
    }

    #[test]
    fn replicas_have_names_of_their_own() {
        assert_ne!(replica(), replica());
        assert_eq!(replica().len(), 16);
    }
}
