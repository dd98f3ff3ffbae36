//! The program of a release: the same bytes wherever the sources, cargo's home and the target directory are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::Message;

use super::source::Source;
use crate::descriptor::Descriptor;
use crate::process::{cargo, output, run, variable};
use crate::workspace;

/// Builds a server alone, so that it is the same whether others are released with it or not.
pub(super) fn release(server: &Descriptor, source: &Source, offline: bool) -> Result<PathBuf> {
    let package = &server.package;
    let offline = if offline { "--offline" } else { "" };
    let build = format!(
        "build --locked --release {offline} --message-format json-render-diagnostics --package {package} --bin {package}"
    );
    let mut build = cargo(&build);
    as_released(&mut build)?;
    build.env("SOURCE_DATE_EPOCH", source.epoch.to_string());
    let messages = output(&mut build)?;
    let program = Message::parse_stream(messages.as_bytes()).find_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
        _ => None,
    });
    Ok(program.context("cargo named no program")?.into_std_path_buf())
}

/// Gives a release build the flags of its own instead of a machine's, which would show in the bytes.
pub(crate) fn as_released(build: &mut Command) -> Result<()> {
    let places = places()?;
    let c =
        places.each_ref().map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
    let rust =
        places.each_ref().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let rust = rust.into_iter().chain(PACKED.map(str::to_owned)).collect::<Vec<_>>();
    build.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}"));
    build.env("CFLAGS", c.join(" ")).env("CXXFLAGS", c.join(" ")).env("CARGO_INCREMENTAL", "0");
    Ok(())
}

/// Writes the addresses that a program's start adjusts in some kilobytes instead of a megabyte, as glibc 2.36 reads them.
const PACKED: Option<&str> = if cfg!(all(target_os = "linux", target_env = "gnu")) {
    Some("-Clink-arg=-Wl,-z,pack-relative-relocs")
} else {
    None
};

/// Folders that differ from machine to machine, and what stands for them. The last that fits counts, so the target directory
/// comes after the sources that it may be in.
fn places() -> Result<[(PathBuf, &'static str); 3]> {
    let home = variable("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cargo")));
    Ok([
        (home.context("neither CARGO_HOME nor HOME is set")?, "/cargo"),
        (workspace::root().to_owned(), "/source"),
        (workspace::target_directory()?, "/target"),
    ])
}

/// A copy without symbols of a program that was built for tests.
pub(super) fn stripped(program: &Path, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let copy = folder.join(program.file_name().context("a program without a name")?);
    run(Command::new("strip").arg("-o").arg(&copy).arg(program))?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;

    #[test]
    fn every_program_of_a_release_is_stripped() {
        let manifest = std::fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let release = &manifest["profile"]["release"];
        assert_eq!(release["strip"].as_bool(), Some(true));
        for server in Server::all().unwrap() {
            // An entry of its own does not inherit it.
            let own = release["package"].get(&server.package);
            let is_stripped = |own: &toml::Value| own["strip"].as_bool() == Some(true);
            assert!(own.is_none_or(is_stripped), "{}", server.package);
        }
    }
}
