//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::revoke::Until;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    propagate_version = true,
    after_help = "Exit codes: 0 ok; 1 the check failed; 2 bad usage or configuration; 3 a dependency could not be \
                  reached at start.\nSettings come from defaults, a TOML file, the environment and flags, later \
                  wins: see `config show` and `config schema`."
)]
pub(super) struct Arguments {
    /// A TOML file with settings
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<String>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve one client on stdin and stdout; logs go to stderr
    #[cfg(feature = "stdio")]
    Stdio,
    /// Serve Streamable HTTP at /mcp
    #[cfg(feature = "http")]
    Http {
        /// The address; port 0 picks a free one, which the first log line names [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
    },
    /// Print the tools with their scopes, limits and token cost
    Tools {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Print all that a client sees and the policies behind it, as JSON, whatever is configured
    Surface,
    /// Check, show or describe the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what would be unsafe or broken in this deployment; exit 1 when something is
    Doctor {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Exit 0 if the running server's /ready answers 200
    #[cfg(feature = "http")]
    Healthcheck {
        /// Its address [default: http://<listen>/ready]
        #[arg(long)]
        url: Option<String>,
    },
    /// Refuse a credential from now on; running servers take it in within a second, by way of Redis within five
    Revoke(RevokeArguments),
    /// Work with audit logs
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print a completion script
    Completions {
        /// The shell it is for
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Exit 2 and say why if the server would not start with it
    Check,
    /// Print every setting with its value and where that came from; secrets are masked
    Show,
    /// Print a JSON Schema of the configuration file
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    /// `jti` a token, `sub` what a subject was issued until now, `key` the credential with a fingerprint
    pub(super) kind: RevokeKind,
    /// The token's id, the subject's name, or the fingerprint as the audit log has it
    pub(super) value: String,
    /// When the entry may be forgotten: the credential has expired by then
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Until>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RevokeKind {
    Jti,
    Sub,
    Key,
}

impl RevokeKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Sub => "sub",
            Self::Key => "key",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check the hash chain; exit 1 and the first bad line's number if it is broken
    Verify {
        /// The audit log
        file: PathBuf,
    },
}
