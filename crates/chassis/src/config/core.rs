//! The settings that every server has, one struct per concern.

use std::{
    collections::BTreeMap, fmt::Display, net::SocketAddr, num::NonZeroU32, str::FromStr,
    time::Duration,
};

use mcp_limits::{Algorithm, ByteSize, HumanDuration, RateLimit};
use mcp_telemetry::{
    audit::AuditTarget,
    logging::{self, LogFormat},
    otlp::OtlpOptions,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};

use super::{
    AuthConfig, EdgeConfig, Reader, SharedConfig, TlsConfig, Transport, list::Names, otlp,
};
use crate::{pipeline::ConfirmMode, seal::MIN_SECRET};

/// The chassis' own settings.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) http: HttpConfig,
    pub(crate) edge: EdgeConfig,
    pub(crate) tls: TlsConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) shared: SharedConfig,
    pub(crate) audit: AuditConfig,
    pub(crate) log: LogConfig,
    /// What is exported, where there is a collector.
    pub(crate) otlp: Option<OtlpOptions>,
    /// What the keys are made of that seal what clients keep for us; the first seals.
    pub(crate) state_secrets: Vec<SecretString>,
    pub(crate) offer: OfferConfig,
}

impl Core {
    pub(crate) fn read(reader: &mut Reader<'_>, rate_limit: &str, transport: Transport) -> Self {
        let http = HttpConfig::read(reader);
        let edge = EdgeConfig::read(reader);
        let tls = TlsConfig::read(reader);
        let auth = AuthConfig::read(reader, &tls);
        let is_remote = transport == Transport::Http && !http.listen.ip().is_loopback();
        reader.is_exposed = is_remote && auth.mode.is_some_and(|mode| !mode.is_none());
        let limits = reader.live(|reader| LimitsConfig::read(reader, rate_limit));
        let shared = reader.live(|reader| SharedConfig::read(reader));
        let audit = AuditConfig::read(reader);
        let log = LogConfig::read(reader, transport);
        let otlp = otlp::read(reader);
        let state_secrets = state_secrets(reader);
        let offer = reader.live(|reader| OfferConfig::read(reader));
        #[cfg(feature = "http")]
        if http.sessions == crate::http::SessionMode::Redis && shared.redis.is_none() {
            let origin = reader.origin("MCP_SESSIONS");
            let text = "`redis` needs REDIS_URL: set it, or keep sessions `local`".to_owned();
            reader.problem("MCP_SESSIONS", &origin, text);
        }
        Self { http, edge, tls, auth, limits, shared, audit, log, otlp, state_secrets, offer }
    }
}

/// What is offered, and on which terms.
#[derive(Debug)]
pub(crate) struct OfferConfig {
    pub(crate) idempotency: IdempotencyMode,
    pub(crate) confirm: ConfirmMode,
    /// Hide and refuse every write tool.
    pub(crate) read_only: bool,
    /// The tools to offer; all when `None`.
    pub(crate) tools: Option<Vec<String>>,
    /// `[tools.NAME]`: what tightens the policy of a tool's type.
    pub(crate) overrides: BTreeMap<String, ToolOverride>,
}

impl OfferConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let idempotency = reader
            .or(
                "MCP_IDEMPOTENCY",
                "optional",
                "`optional`, or `required`: writes without a key are refused",
            )
            .value();
        let confirm = reader
            .or(
                "MCP_CONFIRM",
                "destructive",
                "whether a person is asked before something is done for good: `never`, `destructive` (where the client can \
                 be asked) or `required` (refused where it cannot)",
            )
            .value();
        let read_only = reader
            .or("MCP_READ_ONLY", "false", "`true` hides and refuses every write tool")
            .value();
        let tools = reader
            .optional::<Names>(
                "MCP_TOOLS",
                "a comma-separated list of the tools to offer; all when not set",
            )
            .map(|names| names.0);
        let overrides = reader.table("tools");
        Self { idempotency, confirm, read_only, tools, overrides }
    }
}

/// Several may be given, the newest first, so that a key can be replaced while its seals are out.
fn state_secrets(reader: &mut Reader<'_>) -> Vec<SecretString> {
    let given = reader.secret(
        "MCP_STATE_KEY",
        "what seals the questions that clients answer in a later request: 32 characters or more, the same on every replica; \
         older ones after a comma. Agreed on through Redis or made up at start when not set",
    );
    let secrets: Vec<SecretString> = given
        .iter()
        .flat_map(|given| given.expose_secret().split(','))
        .map(|secret| SecretString::from(secret.trim()))
        .collect();
    if secrets.iter().any(|secret| secret.expose_secret().len() < MIN_SECRET) {
        let origin = reader.origin("MCP_STATE_KEY");
        let text = format!("expected {MIN_SECRET} characters or more, like `openssl rand -hex 32`");
        reader.problem("MCP_STATE_KEY", &origin, text);
    }
    secrets
}

/// Where HTTP is served, and to whom.
#[derive(Debug)]
pub(crate) struct HttpConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) tls_terminated: bool,
    pub(crate) public_url: Option<String>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    /// Bytes.
    pub(crate) max_body: usize,
    pub(crate) drain_deadline: Duration,
    /// How long a connection may take to send the headers of its next request.
    #[cfg(feature = "http")]
    pub(crate) idle: Duration,
    #[cfg(feature = "http")]
    pub(crate) sessions: crate::http::SessionMode,
    /// How long a session lasts in which nothing is said.
    #[cfg(feature = "http")]
    pub(crate) session_idle: Duration,
    #[cfg(feature = "http")]
    pub(crate) sessions_per_client: usize,
}

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

impl HttpConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let port: Option<u16> = reader.optional(
            "PORT",
            "a port that the platform injects: `0.0.0.0:$PORT` when MCP_LISTEN is not set",
        );
        let default = port.map_or_else(|| LOOPBACK.to_string(), |port| format!("0.0.0.0:{port}"));
        let listen = reader
            .or(
                "MCP_LISTEN",
                &default,
                "the HTTP address, like `127.0.0.1:8080`; port 0 picks a free one",
            )
            .or_stand_in(LOOPBACK);
        let names = |names: Option<Names>| names.map(|names| names.0).unwrap_or_default();
        Self {
            listen,
            tls_terminated: reader
                .or("MCP_TLS_TERMINATED", "false", "`true` when a proxy in front speaks TLS")
                .value(),
            public_url: reader.optional(
                "MCP_PUBLIC_URL",
                "this server's canonical resource URI, ending in `/mcp`; `http://<listen>/mcp` when not set",
            ),
            allowed_hosts: names(reader.live(|reader| reader.optional(
                "MCP_ALLOWED_HOSTS",
                "a comma-separated list of host names with optional ports; loopback names when not set",
            ))),
            allowed_origins: names(reader.live(|reader| reader.optional(
                "MCP_ALLOWED_ORIGINS",
                "a comma-separated list of browser origins, like `https://app.example`; none when not set",
            ))),
            max_body: bytes(reader.or("MCP_MAX_BODY", "1 MiB", "the largest request body, like `1 MiB`")),
            drain_deadline: duration(reader.or(
                "MCP_DRAIN_DEADLINE",
                "25s",
                "how long calls in flight may finish after SIGTERM, like `25s`",
            )),
            // Longer than the idle time of the usual load balancers (60 s), so that none of them sends a request into a
            // closing connection.
            #[cfg(feature = "http")]
            idle: duration(reader.or(
                "MCP_IDLE_TIMEOUT",
                "75s",
                "how long a connection may be idle, or slow with its headers, like `75s`: longer than in the load \
                 balancer in front",
            )),
            #[cfg(feature = "http")]
            sessions: reader
                .or(
                    "MCP_SESSIONS",
                    "stateless",
                    "how legacy clients are served: `stateless` (any replica answers), `local` sessions, or `redis`: sessions \
                     that any replica serves",
                )
                .value(),
            #[cfg(feature = "http")]
            session_idle: duration(reader.or(
                "MCP_SESSION_IDLE",
                "5m",
                "how long a session lasts in which nothing is said, like `5m`",
            )),
            #[cfg(feature = "http")]
            sessions_per_client: reader
                .or("MCP_SESSIONS_PER_CLIENT", "16", "sessions of one client at once")
                .value(),
        }
    }
}

/// How often, how many at once, how long.
#[derive(Debug)]
pub(crate) struct LimitsConfig {
    pub(crate) algorithm: Algorithm,
    pub(crate) per_client: RateLimit,
    pub(crate) reads: RateLimit,
    pub(crate) writes: RateLimit,
    pub(crate) per_address: RateLimit,
    pub(crate) concurrency: NonZeroU32,
    pub(crate) concurrency_per_client: NonZeroU32,
    pub(crate) queue: u32,
    /// The most that any operation may take, whatever its type says.
    pub(crate) deadline: Duration,
}

impl LimitsConfig {
    fn read(reader: &mut Reader<'_>, per_client: &str) -> Self {
        let count = |setting: super::Setting<NonZeroU32>| setting.or_stand_in(NonZeroU32::MIN);
        Self {
            algorithm: reader
                .or(
                    "MCP_RATE_LIMIT_ALGORITHM",
                    "gcra",
                    "`gcra`, `fixed`, `sliding`, `token-bucket` or `leaky`",
                )
                .or_stand_in(Algorithm::Gcra),
            per_client: reader
                .or("MCP_RATE_LIMIT", per_client, "a client's quota, like `600/1m`, `60/1m;burst=10` or `off`; beyond it HTTP 429")
                .or_stand_in(RateLimit::Off),
            reads: reader
                .or("MCP_RATE_LIMIT_READ", "120/1m", "a client's quota of reads; beyond it the tool result `rate_limited`")
                .or_stand_in(RateLimit::Off),
            writes: reader
                .or("MCP_RATE_LIMIT_WRITE", "20/1m", "a client's quota of writes; beyond it the tool result `rate_limited`")
                .or_stand_in(RateLimit::Off),
            per_address: reader
                .or("MCP_RATE_LIMIT_IP", "600/1m", "an address' quota before authentication; loopback is exempt")
                .or_stand_in(RateLimit::Off),
            concurrency: count(reader.or("MCP_MAX_CONCURRENCY", "256", "calls that run at once")),
            concurrency_per_client: count(reader.or(
                "MCP_MAX_CONCURRENCY_PER_CLIENT",
                "32",
                "calls of one client that run at once",
            )),
            queue: reader.or("MCP_QUEUE", "256", "calls that may wait for a place").value(),
            deadline: duration(reader.or("MCP_DEADLINE", "30s", "the longest that a call may take, like `30s`")),
        }
    }
}

/// What is recorded of calls.
#[derive(Debug)]
pub(crate) struct AuditConfig {
    pub(crate) target: AuditTarget,
    pub(crate) reads: bool,
    pub(crate) arguments: bool,
}

impl AuditConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            target: reader
                .or("MCP_AUDIT_LOG", "stderr", "a file's path, `stderr` or `off`")
                .or_stand_in(AuditTarget::Stderr),
            reads: reader.or("MCP_AUDIT_READS", "false", "`true` records reads too").value(),
            arguments: reader
                .or(
                    "MCP_AUDIT_ARGUMENTS",
                    "hash",
                    "`hash`, or `redacted` to add redacted arguments",
                )
                .or_stand_in(ArgumentsMode::Hash)
                == ArgumentsMode::Redacted,
        }
    }
}

/// What of a call's arguments is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArgumentsMode {
    Hash,
    Redacted,
}

impl FromStr for ArgumentsMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hash" => Ok(Self::Hash),
            "redacted" => Ok(Self::Redacted),
            _ => Err("expected `hash` or `redacted`".to_owned()),
        }
    }
}

/// What is logged.
#[derive(Debug)]
pub(crate) struct LogConfig {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

impl LogConfig {
    fn read(reader: &mut Reader<'_>, transport: Transport) -> Self {
        let filter: Filter = reader.live(|reader| {
            let level: Option<String> =
                reader.optional("LOG_LEVEL", "the log level when RUST_LOG is not set");
            let level = level.unwrap_or_else(|| "info".to_owned());
            reader
                .or("RUST_LOG", &level, "the log level or filter: `info`, `mcp_chassis=debug`")
                .value()
        });
        let format = match transport {
            Transport::Stdio => "text",
            Transport::Http => "json",
        };
        Self {
            filter: filter.0,
            format: reader
                .or("MCP_LOG_FORMAT", format, "`json` or `text`")
                .or_stand_in(LogFormat::Json),
        }
    }
}

/// A filter of the log that is understood.
#[derive(Debug, Default)]
struct Filter(String);

impl FromStr for Filter {
    type Err = mcp_errors::Error;

    fn from_str(text: &str) -> Result<Self, mcp_errors::Error> {
        logging::check_filter(text).map(|()| Self(text.to_owned()))
    }
}

/// Whether a write must carry a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdempotencyMode {
    #[default]
    Optional,
    Required,
}

impl FromStr for IdempotencyMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err("expected `optional` or `required`".to_owned()),
        }
    }
}

/// `[tools.NAME]`: tightens the policy of the tool's type, never loosens it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolOverride {
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) deadline: Option<HumanDuration>,
    pub(crate) max_concurrency: Option<NonZeroU32>,
    /// Tokens.
    pub(crate) output_budget: Option<usize>,
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T::Err: Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

fn duration(setting: super::Setting<HumanDuration>) -> Duration {
    setting.or_stand_in(HumanDuration(Duration::from_secs(1))).0
}

fn bytes(setting: super::Setting<ByteSize>) -> usize {
    usize::try_from(setting.or_stand_in(ByteSize(1)).0).unwrap_or(usize::MAX)
}
