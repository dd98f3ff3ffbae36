//! The command line that every server shares.

mod audit;
mod command;
mod config;
mod doctor;
mod failure;
#[cfg(feature = "http")]
mod healthcheck;
mod revoke;
mod serve;
mod surface;
mod tools;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};
use mcp_telemetry::metrics::Metrics;

pub(crate) use failure::Failure;

use crate::{
    Server,
    config::{Loaded, Sources, Transport, Vars},
};
use command::{Arguments, AuditCommand, Command, ConfigCommand};

/// Runs a server's binary: `fn main() -> ExitCode { mcp_chassis::main::<Ticketing>() }`.
pub fn main<S: Server>() -> ExitCode {
    let name: &'static str = Box::leak(format!("mcp-{}", S::NAME).into_boxed_str());
    let definition = Arguments::command().name(name).version(S::VERSION).about(S::INSTRUCTIONS);
    let parsed = definition.clone().try_get_matches();
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for (0); anything else is bad usage (2).
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run::<S>(arguments, definition) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run<S: Server>(arguments: Arguments, mut definition: clap::Command) -> Result<(), Failure> {
    let mut flags = BTreeMap::new();
    flags.extend(arguments.config.map(|path| ("MCP_CONFIG", path)));
    let sources = |flags, transport| Sources::new(Vars::of_process(), flags, transport);
    let loaded = |flags| loaded::<S>(&sources(flags, Transport::Http));
    match arguments.command {
        #[cfg(feature = "stdio")]
        Command::Stdio => {
            let sources = sources(flags, Transport::Stdio);
            let loaded = self::loaded::<S>(&sources)?;
            serve::stdio::<S>(sources, loaded)
        }
        #[cfg(feature = "http")]
        Command::Http { listen } => {
            flags.extend(listen.map(|listen| ("MCP_LISTEN", listen)));
            let sources = sources(flags, Transport::Http);
            let loaded = self::loaded::<S>(&sources)?;
            serve::http::<S>(sources, loaded)
        }
        Command::Tools { json } => {
            let loaded = loaded(flags)?;
            tools::print::<S>(&loaded.core, &loaded.server, json)
        }
        Command::Surface => surface::print::<S>(),
        Command::Config(ConfigCommand::Check) => {
            let loaded = loaded(flags)?;
            config::check::<S>(&loaded.core, &loaded.server)
        }
        Command::Config(ConfigCommand::Show) => config::show(&loaded(flags)?.settings),
        Command::Config(ConfigCommand::Schema) => config::schema::<S>(),
        Command::Doctor { json } => doctor::run::<S>(&sources(flags, Transport::Http), json),
        #[cfg(feature = "http")]
        Command::Healthcheck { url } => {
            let loaded = loaded(flags);
            healthcheck::run(url.as_deref(), loaded.ok().map(|loaded| loaded.core).as_ref())
        }
        Command::Revoke(arguments) => {
            let loaded = loaded(flags)?;
            let shared = serve::shared::<S>(&loaded.core);
            revoke::run(&arguments, loaded.core.auth.revoked_file, shared)
        }
        Command::Audit(AuditCommand::Verify { file }) => audit::verify(&file),
        Command::Completions { shell } => {
            let name = definition.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut definition, name, &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(definition).render(&mut page)?;
            print(&page)
        }
    }
}

fn loaded<S: Server>(sources: &Sources) -> Result<Loaded<S::Config>, Failure> {
    let metrics = Metrics::new(&format!("mcp-{}", S::NAME), S::VERSION);
    sources.read::<S>(&metrics).outcome.map_err(Failure::problems)
}

/// Writes what was asked for to stdout. A reader that went away (`| head`) is no failure.
fn print(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
