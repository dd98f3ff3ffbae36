//! `surface`: what every server offers, compared with what was reviewed.

mod difference;
mod lock;
mod names;
mod schema;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::semver::Version;
use clap::Args;
use serde::Serialize;

use crate::process::output;
use crate::server::{self, Server};
use crate::workspace;
pub(crate) use difference::{Change, Class, between};
use lock::Offer;
pub(crate) use lock::{Item, LOCK, Lock, place};

/// Shows what servers offer, what it costs a model, and how it differs from the reviewed `surface.lock.json`.
///
/// Each difference is breaking, a change of policy, widening, or wording. The digests of a lock file are for clients to
/// pin: an item's is SHA-256 over its definition in canonical JSON (RFC 8785), as `tools/list` has it.
///
/// Examples:{n}  cargo xtask surface --server weather{n}  cargo xtask surface --check main
#[derive(Debug, Args)]
pub(crate) struct Surface {
    /// A folder of `servers/`, such as `ticketing`; all when left out.
    #[arg(long, value_name = "S")]
    server: Option<String>,
    /// Compare with the lock files of this commit instead of those that stand here.
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// Fail unless the lock files are up to date; with BASE, also where something breaks clients of BASE and the
    /// server's version does not say so.
    #[arg(long, value_name = "BASE", num_args = 0..=1, default_missing_value = "", conflicts_with = "base")]
    check: Option<String>,
    /// Write the lock files as the servers are now; the diff is for review.
    #[arg(long, conflicts_with_all = ["check", "base"])]
    bless: bool,
    /// With --bless: the tools may cost a model more than before.
    #[arg(long, requires = "bless")]
    raise_ceiling: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// What a server offers now, and what separates it from what was reviewed.
#[derive(Debug, Serialize)]
struct Report {
    server: String,
    digest: String,
    tokens: usize,
    token_ceiling: usize,
    changes: Vec<Change>,
    #[serde(skip)]
    now: Lock,
    #[serde(skip)]
    before: Option<Lock>,
}

impl Surface {
    pub(crate) fn run(&self) -> Result<()> {
        let servers = server::built(match &self.server {
            Some(server) => vec![Server::named(server)?],
            None => Server::all()?,
        })?;
        if self.bless {
            return servers.iter().try_for_each(|built| renew(built, self.raise_ceiling));
        }
        let check = self.check.as_deref();
        let base = self.base.as_deref().or(check.filter(|base| !base.is_empty()));
        let reports = servers.iter().map(|built| Report::of(built, base));
        let reports = reports.collect::<Result<Vec<_>>>()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&reports)?);
        } else {
            reports.iter().for_each(Report::print);
        }
        if check.is_none() {
            return Ok(());
        }
        reports.iter().try_for_each(Report::check_lock)?;
        if base.is_some() { reports.iter().try_for_each(Report::check_version) } else { Ok(()) }
    }
}

/// As a step of `test`: every lock file is what its server offers.
pub(crate) fn check() -> Result<()> {
    for built in server::built(Server::all()?)? {
        let report = Report::of(&built, None)?;
        report.print();
        report.check_lock()?;
    }
    Ok(())
}

/// Writes the first lock file of a server.
pub(crate) fn bless(server: &str) -> Result<()> {
    server::built(vec![Server::named(server)?])?.iter().try_for_each(|built| renew(built, false))
}

fn renew(built: &(Server, PathBuf), raise_ceiling: bool) -> Result<()> {
    let mut now = Report::of(built, None)?.now;
    if raise_ceiling {
        now.token_ceiling = now.tokens;
    }
    check_ceiling(&now)?;
    // The ratchet: what was saved stays saved.
    now.token_ceiling = now.tokens;
    now.write()?;
    println!("{}: {} tokens, {}", place(&now.server), now.tokens, now.digest);
    Ok(())
}

fn check_ceiling(lock: &Lock) -> Result<()> {
    let Lock { server, tokens, token_ceiling, .. } = lock;
    ensure!(
        tokens <= token_ceiling,
        "the tools of `{server}` cost a model {tokens} tokens, {} over their ceiling: shorten a description, or \
         `cargo xtask surface --server {server} --bless --raise-ceiling`",
        tokens - token_ceiling
    );
    Ok(())
}

/// The lock file that a program would have now, with the ceiling that was agreed.
pub(crate) fn lock_of(program: &Path, server: &str) -> Result<Lock> {
    let printed = output(Command::new(program).arg("surface"))?;
    let offer: Offer = serde_json::from_str(&printed).context("`surface`")?;
    Lock::of(offer, Lock::read(server)?.as_ref())
}

impl Report {
    fn of((server, program): &(Server, PathBuf), base: Option<&str>) -> Result<Self> {
        let reviewed = Lock::read(&server.name)?;
        let now = lock_of(program, &server.name)?;
        let faults = names::faults(&now, &server.package);
        ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
        let before = match base {
            Some(base) => at(base, &server.name)?,
            None => reviewed,
        };
        Ok(Self {
            server: server.name.clone(),
            digest: now.digest.clone(),
            tokens: now.tokens,
            token_ceiling: now.token_ceiling,
            changes: before.as_ref().map_or_else(Vec::new, |before| between(before, &now)),
            now,
            before,
        })
    }

    fn print(&self) {
        let Self { server, tokens, token_ceiling, digest, .. } = self;
        let tools = self.now.tools.len();
        println!("{server}: {tools} tools, {tokens} of {token_ceiling} tokens, {digest}");
        self.changes.iter().for_each(|change| println!("  {change}"));
    }

    /// The lock file is what the server offers, and no more costly than agreed.
    fn check_lock(&self) -> Result<()> {
        let server = &self.server;
        let mend = format!("`cargo xtask surface --server {server} --bless` writes it, for review");
        let Some(locked) = Lock::read(server)? else {
            bail!("`{}` is missing: {mend}", place(server))
        };
        check_ceiling(&self.now)?;
        let differs =
            between(&locked, &self.now).iter().map(ToString::to_string).collect::<Vec<_>>();
        ensure!(
            differs.is_empty(),
            "`{}` is out of date: {mend}\n  {}",
            place(server),
            differs.join("\n  ")
        );
        // What no rule names, such as a version or a count.
        ensure!(locked == self.now, "`{}` is out of date: {mend}", place(server));
        Ok(())
    }

    /// What breaks clients has a version that says so (Semantic Versioning; before 1.0.0 by the minor version).
    fn check_version(&self) -> Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        let breaks = self.changes.iter().any(|change| change.class == Class::Breaking);
        ensure!(
            !breaks || says_that_it_breaks(&before.version, &self.now.version)?,
            "`{}` breaks its clients, and its version does not say so: {} → {}",
            self.server,
            before.version,
            self.now.version
        );
        Ok(())
    }
}

fn says_that_it_breaks(before: &str, now: &str) -> Result<bool> {
    let (before, now) = (Version::parse(before)?, Version::parse(now)?);
    let leading = |it: &Version| if it.major == 0 { (0, it.minor) } else { (it.major, 0) };
    Ok(leading(&now) > leading(&before))
}

/// The lock file as it was committed; none where there was none.
fn at(commit: &str, server: &str) -> Result<Option<Lock>> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(workspace::root()).args(arguments);
        output(&mut git)
    };
    // Tells a commit that does not exist from a file that did not.
    git(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")])
        .with_context(|| format!("no commit `{commit}`"))?;
    let place = place(server);
    if git(&["ls-tree", "--name-only", commit, "--", &place])?.is_empty() {
        return Ok(None);
    }
    let text = git(&["show", &format!("{commit}:{place}")])?;
    Lock::parse(&text).with_context(|| format!("{commit}:{place}")).map(Some)
}
