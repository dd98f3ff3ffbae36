//! What a release must withstand before anybody gets it: other people's programs, and being run.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use minisign::{KeyPair, SignatureBox};

use super::{Subject, sums};
use crate::process::{output, run, succeeds};
use crate::tools::Tools;
use crate::workspace;

/// Reads a `CycloneDX` document as the project's own library does.
const CYCLONEDX: &str = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(f'{sys.argv[1]}: {fault}' if fault else 0)
";

/// Has every document looked at by the program or the schema of those who read it.
pub(super) fn artifacts(subject: &Subject, folder: &Path) -> Result<()> {
    let tools = Tools::install()?;
    let (server, root) = (subject.server(), workspace::root());
    let short = format!("{}-{}", server.package, server.version);
    let mut check = Command::new("sha256sum");
    output(check.args(["--check", "--strict", "--quiet", sums::FILE]).current_dir(folder))?;
    let mut schema = tools.python("check-jsonschema");
    schema.arg("--schemafile").arg(root.join("fixtures/registry/server.schema.json"));
    output(schema.arg(folder.join("server.json")))?;
    let mut sbom = tools.python("python");
    output(sbom.args(["-c", CYCLONEDX]).arg(folder.join(format!("{short}.cdx.json"))))?;
    output(tools.python("hadolint").arg(folder.join("Dockerfile")))?;
    let unpacked = tempfile::tempdir()?;
    let bundle = folder.join(format!("{}.mcpb", subject.stem()));
    output(tools.mcpb().arg("unpack").arg(&bundle).arg(unpacked.path()))?;
    output(tools.mcpb().arg("validate").arg(unpacked.path().join("manifest.json")))?;
    archive(subject, folder)?;
    println!(
        "{short}: sums, server.json, SBOM, Dockerfile, bundle and archive are as they should be"
    );
    Ok(())
}

/// The archive unpacks to a program of this version, and its example is a configuration.
fn archive(subject: &Subject, folder: &Path) -> Result<()> {
    let unpacked = tempfile::tempdir()?;
    let (package, stem) = (&subject.server().package, subject.stem());
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(folder.join(format!("{stem}.tar.gz")));
    output(tar.arg("--directory").arg(unpacked.path()))?;
    let files = unpacked.path().join(stem);
    let said = output(Command::new(files.join(package)).arg("--version"))?;
    let expected = format!("{package} {}", subject.server().version);
    ensure!(
        said.trim() == expected,
        "the archive's program is `{}`, not `{expected}`",
        said.trim()
    );
    for name in
        ["LICENSE", "README.md", &format!("{package}.1"), &format!("completions/{package}.bash")]
    {
        let length = fs::metadata(files.join(name)).with_context(|| name.to_owned())?.len();
        ensure!(length > 0, "`{name}` is empty");
    }
    let mut example = Command::new(files.join(package));
    example
        .arg("--config")
        .arg(files.join(format!("{package}.example.toml")))
        .args(["config", "check"]);
    example.env_clear().envs(crate::deploy::samples(&subject.deployment));
    output(&mut example).context("the example of a configuration")?;
    Ok(())
}

/// Unpacks the image by `umoci` and starts it: its root read-only, its user not root, no privilege to gain.
pub(super) fn image_runs(subject: &Subject, folder: &Path) -> Result<()> {
    let bundle = unpack(subject, folder)?;
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(bundle.path().join("bundle/config.json"))?)?;
    let user = config.pointer("/process/user/uid").and_then(serde_json::Value::as_u64);
    ensure!(user == Some(65_532), "the image's user is {user:?}");
    let root = bundle.path().join("bundle/rootfs");
    // Released at once; a port that somebody takes meanwhile shows as a server that is not ready.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let program = format!("/usr/local/bin/{}", subject.server().package);
    let mut server =
        Running(confined(&root, &[&program, "http"], port).stderr(Stdio::piped()).spawn()?);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !succeeds(&mut confined(&root, &[&program, "healthcheck"], port)) {
        let ended = server.0.try_wait()?;
        ensure!(
            ended.is_none() && Instant::now() < deadline,
            "the image's program does not become ready"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id()))?;
    for line in ["Uid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"]
    {
        ensure!(
            status.contains(line),
            "the program is not confined: expected `{line}` in\n{status}"
        );
    }
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", server.0.id()))?;
    let is_read_only =
        |line: &str| line.split(' ').nth(5).is_some_and(|it| it.split(',').any(|it| it == "ro"));
    let own = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"));
    ensure!(own.is_some_and(is_read_only), "the image's root can be written to:\n{mounts}");
    println!("the image runs, its root read-only, as 65532, and answers `healthcheck`");
    Ok(())
}

/// A process that ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn unpack(subject: &Subject, folder: &Path) -> Result<tempfile::TempDir> {
    let place = tempfile::tempdir()?;
    let layout: PathBuf = place.path().join("layout");
    fs::create_dir(&layout)?;
    let image = folder.join(format!("{}.oci.tar", subject.stem()));
    let mut tar = Command::new("tar");
    output(tar.arg("--extract").arg("--file").arg(image).arg("--directory").arg(&layout))?;
    let mut umoci = Command::new("umoci");
    let name = format!("{}:{}", layout.display(), subject.server().version);
    umoci.args(["unpack", "--image", &name]).arg(place.path().join("bundle"));
    run(&mut umoci)?;
    Ok(place)
}

/// A command in the image's root, as a container engine would confine it.
fn confined(root: &Path, command: &[&str], port: u16) -> Command {
    const CONFINE: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && \
        exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        chroot --userspec=65532:65532 --groups= \"$0\" \"$@\"";
    let mut confined = Command::new("unshare");
    confined.args(["--mount", "--", "sh", "-c", CONFINE]).arg(root).args(command);
    confined.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    confined.env("MCP_LISTEN", format!("127.0.0.1:{port}")).stdin(Stdio::null());
    confined
}

/// Signs with a key made for this and verifies what minisign would verify.
pub(super) fn signature(folder: &Path) -> Result<()> {
    let keys = KeyPair::generate_unencrypted_keypair()?;
    let place = tempfile::tempdir()?;
    let key = place.path().join("minisign.key");
    fs::write(&key, keys.sk.to_box(None)?.into_string())?;
    sums::sign(folder, &key)?;
    let signature =
        SignatureBox::from_string(&fs::read_to_string(folder.join("SHA256SUMS.minisig"))?)?;
    let mut signed = fs::File::open(folder.join(sums::FILE))?;
    minisign::verify(&keys.pk, &signature, &mut signed, true, false, false)?;
    println!("the signature of SHA256SUMS verifies");
    Ok(())
}
