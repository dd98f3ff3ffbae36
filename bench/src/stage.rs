//! What `cargo xtask bench` has set up, and how long everything may take.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::process::Program;

/// Programs, credentials and a database.
#[derive(Debug, Deserialize)]
pub(crate) struct Stage {
    /// Where the release binaries are.
    pub(crate) programs: PathBuf,
    /// For logs and data; empty, and gone afterwards.
    pub(crate) folder: PathBuf,
    pub(crate) issuer: String,
    pub(crate) jwks: PathBuf,
    /// Has every scope, for the audience below.
    pub(crate) token: String,
    pub(crate) audience: String,
    /// Of a role that can only read.
    pub(crate) database: String,
    pub(crate) rustc: String,
    /// Where other people's servers are, and what runs them.
    pub(crate) peers: PathBuf,
    pub(crate) node: Option<PathBuf>,
    /// What counts instructions.
    pub(crate) valgrind: Option<PathBuf>,
}

impl Stage {
    /// A program as it is.
    pub(crate) fn bare(&self, name: &str) -> Program {
        Program::new(self.program(name))
    }

    /// A program of ours with everything on: tokens checked, quotas counted, every call audited.
    pub(crate) fn guarded(&self, name: &str, log: &str) -> Program {
        self.recorded(name, log)
            .env("MCP_AUTH", "oauth")
            .env("MCP_AUTH_ISSUER", &self.issuer)
            .env("MCP_AUTH_JWKS_FILE", self.jwks.display().to_string())
            .env("MCP_AUTH_AUDIENCE", &self.audience)
    }

    /// The same, with a key instead of a token.
    pub(crate) fn keyed(&self, name: &str, log: &str, keys: &Path) -> Program {
        self.recorded(name, log)
            .env("MCP_AUTH", "api-key")
            .env("MCP_API_KEYS_FILE", keys.display().to_string())
    }

    /// All but the credentials, which stdio has none of.
    pub(crate) fn recorded(&self, name: &str, log: &str) -> Program {
        /// Counted like any other, and out of reach.
        const QUOTA: &str = "1000000000/1m";
        let audit = self.folder.join(format!("{log}.audit.jsonl"));
        Program::new(self.program(name))
            .env("MCP_RATE_LIMIT", QUOTA)
            .env("MCP_RATE_LIMIT_READ", QUOTA)
            .env("MCP_RATE_LIMIT_WRITE", QUOTA)
            .env("MCP_MAX_CONCURRENCY", "2000")
            .env("MCP_MAX_CONCURRENCY_PER_CLIENT", "2000")
            .env("MCP_AUDIT_LOG", audit.display().to_string())
            .env("MCP_AUDIT_READS", "true")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Somebody else's server, if it can be run.
    pub(crate) fn peer(&self, script: &str) -> Option<Program> {
        let installed = self.peers.join("node_modules").is_dir();
        let node = self.node.clone().filter(|_| installed)?;
        Some(Program::new(node).arg(self.peers.join(script).display().to_string()))
    }

    /// The same in Python, from the environment beside it.
    pub(crate) fn python_peer(&self, script: &str) -> Option<Program> {
        let python = self.peers.join(".venv/bin/python");
        let script = self.peers.join(script).display().to_string();
        python.is_file().then(|| Program::new(python).arg(script))
    }

    /// Where a process logs to.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    pub(crate) cold_starts: usize,
}

impl Plan {
    pub(crate) const FULL: Self =
        Self { rounds: 7, slice: Duration::from_secs(2), cold_starts: 11 };
    pub(crate) const QUICK: Self =
        Self { rounds: 3, slice: Duration::from_millis(500), cold_starts: 5 };
}
