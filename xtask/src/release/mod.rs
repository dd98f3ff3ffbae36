//! `release`: what a team publishes of one server, the same bytes from the same commit.

mod archive;
mod build;
mod bundle;
mod changelog;
mod check;
mod contents;
mod image;
mod plan;
mod provenance;
mod registry;
mod sbom;
mod source;
mod sums;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::deploy::{self, Deployment};
use crate::descriptor::Descriptor;
use crate::{surface, workspace};
pub(crate) use build::as_released;
use source::Source;

/// Makes the release of one server or all in `dist/<server>/`.
///
/// Archive (program, man page, completions, licence, README, example configuration), MCP bundle, OCI image, SBOM, provenance,
/// `server.json` for the MCP Registry, the files of every platform, and `SHA256SUMS` over all of them. Two runs from one
/// commit give the same bytes, wherever the sources and the target directory are. Each server has its own version, in its
/// `Cargo.toml`, and its own tag, `mcp-<server>-v<version>`.
///
/// With `--key` a minisign signature of `SHA256SUMS` is added; the key's password is read from `MINISIGN_PASSWORD`.
///
/// Examples:{n}  cargo xtask release --server weather --dry-run{n}  cargo xtask release --tag mcp-weather-v0.1.0 --offline
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// A folder of `servers/`, such as `ticketing`; all when left out.
    #[arg(long, value_name = "S", conflicts_with = "tag")]
    server: Option<String>,
    /// Release the server that this tag names; refused where its version is another.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Where the servers' folders are written; what stands in such a folder is removed.
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ask no registry: what is needed must be in the caches of cargo and in `target/tools`.
    #[arg(long)]
    offline: bool,
    /// Release sources that are not committed.
    #[arg(long)]
    allow_dirty: bool,
    /// A secret key of minisign.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who builds, as a URI, for the provenance.
    #[arg(long, value_name = "URI", default_value = provenance::LOCAL_BUILDER)]
    builder: String,
}

/// What is released, and from what.
#[derive(Debug)]
pub(crate) struct Subject {
    deployment: Deployment,
    source: Source,
    /// The program that everything is made around.
    program: PathBuf,
    builder: String,
}

impl Subject {
    fn server(&self) -> &Descriptor {
        &self.deployment.server
    }

    /// `mcp-weather-0.1.0-x86_64-unknown-linux-gnu`
    fn stem(&self) -> String {
        format!("{}-{}", self.server().short(), self.source.target)
    }
}

impl Release {
    pub(crate) fn run(&self) -> Result<()> {
        let chosen = self.chosen()?;
        if self.dry_run {
            return chosen.iter().try_for_each(|server| self.plan(server));
        }
        let source = Source::read(self.allow_dirty)?;
        for server in chosen {
            let folder = workspace::root().join(&self.out).join(&server.name);
            let program = build::release(&server, &source, self.offline)?;
            let deployment = deploy::deployment(server, &program)?;
            let builder = self.builder.clone();
            let subject = Subject { deployment, source: source.clone(), program, builder };
            make(&subject, &folder)?;
            check::artifacts(&subject, &folder)?;
            if let Some(key) = &self.key {
                sums::sign(&folder, key)?;
            }
            println!("{} in {}", subject.server().tag(), folder.display());
        }
        Ok(())
    }

    fn chosen(&self) -> Result<Vec<Descriptor>> {
        let Some(tag) = &self.tag else { return Descriptor::chosen(self.server.as_deref()) };
        let (package, version) =
            tag.rsplit_once("-v").context("expected a tag like `mcp-weather-v0.1.0`")?;
        let chosen = Descriptor::chosen(Some(package))?;
        for server in &chosen {
            let own = &server.version;
            ensure!(own == version, "`{tag}` names version {version}, `{package}` has {own}");
        }
        Ok(chosen)
    }

    fn plan(&self, server: &Descriptor) -> Result<()> {
        let folder = self.out.join(&server.name);
        println!("{} would be made in {}:", server.tag(), folder.display());
        let signature = self.key.iter().map(|_| sums::SIGNATURE.to_owned());
        for name in plan::files(server, &source::host()?).into_iter().chain(signature) {
            println!("  {name}");
        }
        Ok(())
    }
}

/// As a step of `test`: one server from the program that the tests use, twice, and looked at by everything there is.
pub(crate) fn check() -> Result<()> {
    const SERVER: &str = "weather";
    let descriptors = Descriptor::chosen(Some(SERVER))?;
    let programs = deploy::programs(&descriptors)?;
    let source = Source::read(true)?;
    let folder = workspace::root().join("target/release-check");
    for descriptor in descriptors {
        let built = programs.get(&descriptor.package).context("cargo built no server")?;
        let program = build::stripped(built, &folder.join("program"))?;
        let deployment = deploy::deployment(descriptor, &program)?;
        let builder = provenance::LOCAL_BUILDER.to_owned();
        let subject = Subject { deployment, source: source.clone(), program, builder };
        let sums = ["first", "second"].map(|run| {
            let folder = folder.join(run);
            make(&subject, &folder)?;
            Ok(fs::read_to_string(folder.join(sums::FILE))?)
        });
        let [first, second] = sums;
        let (first, second): (Result<String>, Result<String>) = (first, second);
        ensure!(
            first? == second?,
            "two runs differ: compare the folders in `{}`",
            folder.display()
        );
        println!("two runs give the same bytes");
        check::artifacts(&subject, &folder.join("first"))?;
        check::image_runs(&subject, &folder.join("first"))?;
        check::signature(&folder.join("second"))?;
    }
    Ok(())
}

/// Makes everything of a release but its signature.
fn make(subject: &Subject, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
    }
    fs::create_dir_all(folder)?;
    let (stem, short) = (subject.stem(), subject.server().short());
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let contents = contents::of(subject)?;
    let epoch = subject.source.epoch;
    files.insert(
        format!("{stem}.tar.gz"),
        archive::gzip(&archive::tar(&contents.under(&stem), epoch)?)?,
    );
    files.insert(format!("{stem}.mcpb"), bundle::mcpb(subject)?);
    files.insert(format!("{stem}.oci.tar"), image::layout(subject)?);
    files.insert(format!("{short}.cdx.json"), sbom::document(subject)?);
    files.extend(deployment_files(subject)?);
    files.insert("RELEASE-NOTES.md".into(), changelog::section(subject)?.into_bytes());
    files.insert(surface::LOCK.into(), reviewed_surface(subject)?);
    let bundle = files.get(&format!("{stem}.mcpb")).map(|bytes| sums::of(bytes));
    let server = registry::server(subject, &bundle.unwrap_or_default());
    files.insert("server.json".into(), server);
    let provenance = provenance::statement(subject, &sums::all(&files))?;
    files.insert(format!("{short}.provenance.json"), provenance);
    // After the provenance, which vouches for what is the same each time.
    for (report, name) in plan::reports() {
        files.insert(name.into(), contents::read(&report)?);
    }
    files.insert(sums::FILE.into(), sums::text(&sums::all(&files)).into_bytes());
    let planned = plan::files(subject.server(), &subject.source.target);
    ensure!(files.keys().eq(&planned), "made {:?}, planned {planned:?}", files.keys());
    for (name, bytes) in files {
        fs::write(folder.join(&name), bytes).with_context(|| name.clone())?;
    }
    Ok(())
}

/// The lock file of what the server offers: of this very program, since clients pin its digests.
fn reviewed_surface(subject: &Subject) -> Result<Vec<u8>> {
    let name = &subject.server().name;
    let offered = surface::lock_of(&subject.program, name)?;
    ensure!(
        surface::Lock::read(name)?.as_ref() == Some(&offered),
        "the program of `{name}` offers something else than was reviewed: `cargo xtask surface --server {name} --bless`"
    );
    contents::read(&workspace::root().join(surface::place(name)))
}

/// How it is deployed: the platforms' files, the image's from the archive instead of the sources, and Helm's chart.
fn deployment_files(subject: &Subject) -> Result<BTreeMap<String, Vec<u8>>> {
    let deployment = subject.deployment.released();
    let files = deploy::files(&deployment)?.into_iter();
    let files = files.filter(|file| plan::belongs(&file.name));
    let mut files: BTreeMap<_, _> = files.map(|file| (file.name, file.text.into_bytes())).collect();
    let dockerfile = deploy::template("Dockerfile.release", &deployment)?;
    files.insert("Dockerfile".into(), dockerfile.into_bytes());
    let chart = contents::folder(&workspace::root().join("deploy/chart"))?;
    let chart = archive::tar(&chart.under("mcp-server"), subject.source.epoch)?;
    files.insert(plan::CHART.into(), archive::gzip(&chart)?);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(tag: &str) -> Release {
        Release {
            server: None,
            tag: Some(tag.into()),
            out: "dist".into(),
            dry_run: true,
            offline: true,
            allow_dirty: false,
            key: None,
            builder: String::new(),
        }
    }

    #[test]
    fn a_tag_names_one_server_in_its_own_version() {
        let weather = Descriptor::chosen(Some("weather")).unwrap().remove(0);
        let chosen = release(&weather.tag()).chosen().unwrap();
        assert_eq!(chosen.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["weather"]);
    }

    #[test]
    fn a_tag_of_another_version_is_refused() {
        let refusal = release("mcp-weather-v99.0.0").chosen().unwrap_err().to_string();
        assert!(refusal.starts_with("`mcp-weather-v99.0.0` names version 99.0.0"), "{refusal}");
        assert!(release("weather").chosen().is_err());
    }
}
