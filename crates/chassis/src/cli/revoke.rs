//! `revoke`: writes a credential to what running servers read.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use chrono::{DateTime, Utc};
use mcp_auth::{Revocation, Revocations, Target};
use mcp_shared::{SharedRevocations, SharedState};

use super::{Failure, command::RevokeArguments, print, serve};

/// When an entry lapses, as it stands on the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until(DateTime<Utc>);

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rfc3339 = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        let seconds = text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let time = seconds.or_else(rfc3339).map(Self);
        time.ok_or(
            "expected a time with its offset, like 2027-01-31T00:00:00Z, or seconds since 1970",
        )
    }
}

/// Writes to Redis where servers share it, else to the file that they read.
pub(super) fn run(
    arguments: &RevokeArguments,
    list: Option<PathBuf>,
    shared: Option<SharedState>,
) -> Result<(), Failure> {
    let now = Utc::now();
    let until = arguments.until.map(|Until(until)| until);
    if until.is_some_and(|until| until <= now) {
        return Err(Failure::config("--until has passed already: the entry would do nothing"));
    }
    let target = Target::of_command(arguments.kind.as_str(), &arguments.value, now)
        .map_err(|error| Failure::config(error.to_string()))?;
    let entry = Revocation { target, until };
    match (shared, list) {
        (Some(shared), _) => in_redis(&shared, &entry, arguments.dry_run),
        (None, Some(list)) => in_file(&list, &entry, arguments.dry_run),
        (None, None) => Err(Failure::config(
            "MCP_REVOKED_TOKENS_FILE is not set: name the file that the servers read, or REDIS_URL",
        )),
    }
}

fn in_redis(shared: &SharedState, entry: &Revocation, dry_run: bool) -> Result<(), Failure> {
    if dry_run {
        return print(format!("would add to redis: {entry}\n").as_bytes());
    }
    serve::block_on(async {
        shared.start(|_| {}).await;
        let added = SharedRevocations::new(shared).add(entry).await;
        added.map_err(|down| Failure::dependency(format!("REDIS_URL: {down}")))
    })?;
    print(format!("added to redis: {entry}\n").as_bytes())
}

fn in_file(list: &Path, entry: &Revocation, dry_run: bool) -> Result<(), Failure> {
    let path = list.display();
    // A list that no server can read would leave everybody in: say so before it grows.
    Revocations::load(list).map_err(|error| Failure::config(format!("{path}: {error}")))?;
    if dry_run {
        return print(format!("would add to {path}: {entry}\n").as_bytes());
    }
    Revocations::append(list, entry).map_err(|error| Failure::check(format!("{path}: {error}")))?;
    print(format!("added to {path}: {entry}\n").as_bytes())
}
