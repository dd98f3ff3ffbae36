//! The one connection to Redis: up or down, and never waited for.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mcp_errors::{Classify, ErrorKind};
use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use uuid::Uuid;

/// The longest that anything waits for an answer. A guard goes to its stated mode within 200 ms.
const COMMAND_DEADLINE: Duration = Duration::from_millis(150);

/// The longest that a new connection may take; nobody waits for it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// Between two probes while commands are answered.
const PROBE_PERIOD: Duration = Duration::from_secs(1);

/// Between two attempts to connect.
const RETRY_PERIOD: Duration = Duration::from_millis(250);

/// What a guard does while Redis is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDown {
    /// Each replica goes by what it knows itself.
    #[default]
    Local,
    /// Calls that a guard would have to ask about are refused.
    Deny,
}

impl WhenDown {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Deny => "deny",
        }
    }
}

impl FromStr for WhenDown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "local" => Ok(Self::Local),
            "deny" => Ok(Self::Deny),
            _ => Err("expected `local` or `deny`"),
        }
    }
}

/// Where Redis is: `redis://[user[:password]@]host[:port][/database]`, `rediss://` with TLS.
#[derive(Clone)]
pub struct RedisUrl(Client);

impl FromStr for RedisUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected a URL like `redis://host:6379/0`, or `rediss://` where it speaks TLS";
        Client::open(text.trim()).map(Self).map_err(|_may_hold_a_password| EXPECTED)
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reached")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// Redis cannot be asked now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state that replicas share cannot be reached now, try again shortly")]
pub struct Down {
    /// Whether the command may have been carried out all the same.
    pub(crate) in_doubt: bool,
}

impl Classify for Down {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}

/// What the replicas of one server share; clones share the connection.
#[derive(Clone, Debug)]
pub struct SharedState(Arc<Inner>);

struct Inner {
    namespace: String,
    /// [`WhenDown::Deny`].
    denies: AtomicBool,
    deadline: Duration,
    link: Mutex<Link>,
    /// Told of every change of mode.
    observer: OnceLock<Box<dyn Fn(bool) + Send + Sync>>,
    /// Wakes who keeps the connection.
    lost: Arc<Notify>,
}

struct Link {
    url: RedisUrl,
    connection: Option<MultiplexedConnection>,
    /// How often the state has moved: news of a Redis that it has left do not concern it.
    moves: u64,
    /// That it is down has been told.
    is_told_down: bool,
}

/// Another Redis, which answered.
pub struct Reached {
    url: RedisUrl,
    connection: MultiplexedConnection,
}

impl SharedState {
    /// State that nobody has connected to yet; until [`SharedState::start`] it is down.
    ///
    /// `server` keeps the keys of servers that share one database apart.
    pub fn new(url: RedisUrl, server: &str, when_down: WhenDown) -> Self {
        Self::with_deadline(url, server, when_down, COMMAND_DEADLINE)
    }

    fn with_deadline(url: RedisUrl, server: &str, when_down: WhenDown, deadline: Duration) -> Self {
        let link = Link { url, connection: None, moves: 0, is_told_down: false };
        Self(Arc::new(Inner {
            namespace: format!("mcp:{server}"),
            denies: AtomicBool::new(when_down == WhenDown::Deny),
            deadline,
            link: Mutex::new(link),
            observer: OnceLock::new(),
            lost: Arc::default(),
        }))
    }

    /// Connects, once, and from then on in the background whenever the connection is lost.
    ///
    /// `observe` is told of every change of mode: `true` is up. Without a first connection the state is down.
    pub async fn start(&self, observe: impl Fn(bool) + Send + Sync + 'static) {
        // Started twice, the first observer stays.
        drop(self.0.observer.set(Box::new(observe)));
        self.0.look().await;
        tokio::spawn(keep(Arc::downgrade(&self.0), Arc::clone(&self.0.lost)));
    }

    /// What guards do while it is down.
    pub fn when_down(&self) -> WhenDown {
        self.0.when_down()
    }

    /// Has guards do something else while it is down.
    pub fn set_when_down(&self, when_down: WhenDown) {
        self.0.denies.store(when_down == WhenDown::Deny, Ordering::Relaxed);
    }

    /// Connects to another Redis, so that [`SharedState::move_to`] cannot fail.
    ///
    /// # Errors
    /// Why it is of no use, without its address.
    pub async fn reach(&self, url: RedisUrl) -> Result<Reached, String> {
        let mut connection = connect(&url).await?;
        self.0.probe(&mut connection).await?;
        Ok(Reached { url, connection })
    }

    /// Keeps everything in that Redis from now on. What is kept where it was before stays there.
    pub fn move_to(&self, other: Reached) {
        let mut link = self.0.link();
        link.url = other.url;
        link.moves += 1;
        let moves = link.moves;
        drop(link);
        self.0.gain(moves, other.connection);
    }

    /// Whether the last that was heard of Redis was an answer.
    pub fn is_up(&self) -> bool {
        self.0.connection().1.is_some()
    }

    /// Asks Redis for a sign of life: for a readiness probe.
    ///
    /// # Errors
    /// When it is down.
    pub async fn check(&self) -> Result<(), Down> {
        self.ask(
            |mut connection| async move { redis::cmd("PING").query_async(&mut connection).await },
        )
        .await
    }

    /// A secret that all replicas of the server know: the first to ask makes it up.
    ///
    /// # Errors
    /// When it is down.
    pub async fn agree_on_secret(&self, name: &str) -> Result<String, Down> {
        let key = self.key("secret", name);
        let proposed = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.ask(|mut connection| async move {
            redis::pipe()
                .cmd("SET")
                .arg(&key)
                .arg(&proposed)
                .arg("NX")
                .ignore()
                .cmd("GET")
                .arg(&key)
                .query_async::<(String,)>(&mut connection)
                .await
        })
        .await
        .map(|(secret,)| secret)
    }

    /// Whether Redis may drop keys before their time when its memory is full; `None` when it does not tell.
    pub async fn may_evict(&self) -> Option<bool> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let told =
            self.ask(async |mut connection| info.query_async::<String>(&mut connection).await);
        let told = told.await.ok()?;
        let policy = told.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?;
        Some(policy != "noeviction" && !told.lines().any(|line| line == "maxmemory:0"))
    }

    /// A state whose clock no loaded machine can upset, for tests that are about something else.
    #[cfg(test)]
    pub(crate) async fn patient(url: &str, when_down: WhenDown) -> Self {
        let state =
            Self::with_deadline(url.parse().unwrap(), "toy", when_down, Duration::from_secs(10));
        state.start(|_| {}).await;
        state
    }

    /// The name of a key of this server.
    pub(crate) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.0.namespace)
    }

    /// Lets `command` use the connection, within the deadline. What fails brings the state down.
    pub(crate) async fn ask<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Down>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (moves, connection) = self.0.connection();
        let connection = connection.ok_or(Down { in_doubt: false })?;
        let cause = match timeout(self.0.deadline, command(connection)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if concerns_this_command(&error) => {
                tracing::error!(%error, "redis refused a command");
                return Err(Down { in_doubt: false });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => TOO_SLOW.to_owned(),
        };
        self.0.lose(moves, &cause);
        Err(Down { in_doubt: true })
    }
}

const TOO_SLOW: &str = "no answer within 150 ms";

/// Whether Redis works and only this one command does not, say because its key holds something else.
fn concerns_this_command(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::ResponseError)
        && !matches!(error.code(), Some("OOM" | "NOAUTH" | "MISCONF"))
}

/// Probes and reconnects for as long as somebody uses the state.
async fn keep(state: Weak<Inner>, lost: Arc<Notify>) {
    while let Some(state) = state.upgrade() {
        state.look().await;
        let is_up = state.connection().1.is_some();
        drop(state);
        if is_up {
            // Nobody waits for who is idle.
            drop(timeout(PROBE_PERIOD, lost.notified()).await);
        } else {
            sleep(RETRY_PERIOD).await;
        }
    }
}

async fn connect(url: &RedisUrl) -> Result<MultiplexedConnection, String> {
    // The deadline of commands is ours: theirs does not tell anybody.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_DEADLINE))
        .set_response_timeout(None);
    let connecting = url.0.get_multiplexed_async_connection_with_config(&config);
    match timeout(CONNECT_DEADLINE, connecting).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_elapsed) => Err("no connection within 2 s".to_owned()),
    }
}

impl Inner {
    fn when_down(&self) -> WhenDown {
        if self.denies.load(Ordering::Relaxed) { WhenDown::Deny } else { WhenDown::Local }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, and the Redis that it is to.
    fn connection(&self) -> (u64, Option<MultiplexedConnection>) {
        let link = self.link();
        (link.moves, link.connection.clone())
    }

    /// Probes the connection, or makes a new one.
    async fn look(&self) {
        let (moves, connection) = self.connection();
        let connection = if let Some(connection) = connection {
            Ok(connection)
        } else {
            let url = self.link().url.clone();
            connect(&url).await
        };
        let probed = match connection {
            Ok(mut connection) => self.probe(&mut connection).await.map(|()| connection),
            Err(cause) => Err(cause),
        };
        match probed {
            Ok(connection) => self.gain(moves, connection),
            Err(cause) => self.lose(moves, &cause),
        }
    }

    /// Writes: a Redis that is read-only or out of memory is of no use to a guard.
    async fn probe(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let mut write = redis::cmd("SET");
        write.arg(format!("{}:probe", self.namespace)).arg(1).arg("PX").arg(10_000);
        match timeout(self.deadline, write.query_async::<()>(connection)).await {
            Ok(answered) => answered.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(TOO_SLOW.to_owned()),
        }
    }

    fn gain(&self, moves: u64, connection: MultiplexedConnection) {
        let mut link = self.link();
        if link.moves != moves {
            return;
        }
        link.connection = Some(connection);
        if std::mem::take(&mut link.is_told_down) {
            tracing::info!("redis answers again: replicas share their state");
            self.tell(true);
        }
    }

    fn lose(&self, moves: u64, cause: &str) {
        let mut link = self.link();
        if link.moves != moves {
            return;
        }
        link.connection = None;
        if !std::mem::replace(&mut link.is_told_down, true) {
            let mode = self.when_down().as_str();
            tracing::error!(mode, cause, "redis does not answer: guards go to their stated mode");
            self.tell(false);
        }
        drop(link);
        self.lost.notify_one();
    }

    fn tell(&self, is_up: bool) {
        if let Some(observe) = self.observer.get() {
            observe(is_up);
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState")
            .field("namespace", &self.namespace)
            .field("when_down", &self.when_down())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
