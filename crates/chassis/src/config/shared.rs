//! What the replicas of a server share.

use mcp_shared::{RedisUrl, WhenDown};
use secrecy::ExposeSecret;

use super::Reader;

/// Where replicas keep what they share, and what becomes of them without it.
#[derive(Debug)]
pub(crate) struct SharedConfig {
    /// `None`: this process is the only one.
    pub(crate) redis: Option<RedisUrl>,
    pub(crate) when_down: WhenDown,
}

impl SharedConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.secret(
            "REDIS_URL",
            "a Redis or Valkey where replicas share quotas, results of keyed writes, revocations and sessions, like \
             `redis://host:6379/0` or `rediss://…`; each process stands alone when not set",
        );
        let redis = url.and_then(|url| {
            url.expose_secret()
                .parse()
                .map_err(|expected: &str| {
                    let origin = reader.origin("REDIS_URL");
                    reader.problem("REDIS_URL", &origin, expected.to_owned());
                })
                .ok()
        });
        let when_down = reader
            .or(
                "MCP_REDIS_DOWN",
                "local",
                "while Redis does not answer: `local` (each replica goes by what it knows itself) or `deny`",
            )
            .value();
        Self { redis, when_down }
    }
}
