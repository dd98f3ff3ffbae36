//! The container image as an OCI image layout (Image Format Specification 1.1), made without a container engine.
//!
//! Two layers: what a dynamically linked program needs of the machine that built it, and the program. There is no shell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::archive::{self, Entries};
use super::{Subject, contents, sums};
use crate::process::output;

/// Who the program runs as; the number that distroless images have for it.
const USER: &str = "65532";

/// Where Debian and its like keep the certificates of authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A tar archive of `oci-layout`, `index.json` and the blobs.
pub(super) fn layout(subject: &Subject) -> Result<Vec<u8>> {
    let epoch = subject.source.epoch;
    let layers = [base(&subject.program)?, program(subject)?];
    let layers = layers.iter().map(|entries| Layer::new(entries, epoch));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let mut blobs = Blobs::default();
    let descriptors: Vec<_> =
        layers.iter().map(|layer| blobs.add(LAYER, layer.compressed.clone())).collect();
    let config = blobs.add(CONFIG, config(subject, &layers)?.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": descriptors,
        "annotations": labels(subject),
    });
    let mut manifest = blobs.add(MANIFEST, manifest.to_string().into_bytes());
    let server = subject.server();
    if let Value::Object(manifest) = &mut manifest {
        let platform =
            json!({ "architecture": architecture(&subject.source.target)?, "os": "linux" });
        manifest.insert("platform".into(), platform);
        let name = json!({ "org.opencontainers.image.ref.name": server.version });
        manifest.insert("annotations".into(), name);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    let mut entries = blobs.0;
    entries.file("index.json", index.to_string());
    entries.file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string());
    archive::tar(&entries, epoch)
}

/// A layer, by what it is called before and after compression.
struct Layer {
    diff_id: String,
    compressed: Vec<u8>,
}

impl Layer {
    fn new(entries: &Entries, epoch: u64) -> Result<Self> {
        let plain = archive::tar(entries, epoch)?;
        let diff_id = format!("sha256:{}", sums::of(&plain));
        Ok(Self { diff_id, compressed: archive::gzip(&plain)? })
    }
}

/// Content under the names that it has by its digest.
#[derive(Default)]
struct Blobs(Entries);

impl Blobs {
    /// Adds content and describes it.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let (digest, size) = (sums::of(&bytes), bytes.len());
        self.0.file(format!("blobs/sha256/{digest}"), bytes);
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size })
    }
}

fn config(subject: &Subject, layers: &[Layer]) -> Result<Value> {
    let (package, time) = (&subject.server().package, subject.source.time());
    let program = format!("/usr/local/bin/{package}");
    let seconds = |seconds: u64| seconds * 1_000_000_000;
    Ok(json!({
        "created": time,
        "architecture": architecture(&subject.source.target)?,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": { "8080/tcp": {} },
            "Env": ["PATH=/usr/local/bin", format!("SSL_CERT_FILE={AUTHORITIES}")],
            "Entrypoint": [program],
            "Cmd": ["http"],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": labels(subject),
            // Docker's; others pass over it and have probes of their own.
            "Healthcheck": {
                "Test": ["CMD", program, "healthcheck"],
                "Interval": seconds(10),
                "Timeout": seconds(5),
                "StartPeriod": seconds(10),
                "Retries": 3,
            },
        },
        "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|it| &it.diff_id).collect::<Vec<_>>() },
        "history": [
            { "created": time, "created_by": "C library, certificates of authorities, a user" },
            { "created": time, "created_by": package },
        ],
    }))
}

fn labels(subject: &Subject) -> Value {
    let server = subject.server();
    json!({
        "org.opencontainers.image.title": server.package,
        "org.opencontainers.image.description": server.description,
        "org.opencontainers.image.version": server.version,
        "org.opencontainers.image.revision": subject.source.commit,
        "org.opencontainers.image.created": subject.source.time(),
        "org.opencontainers.image.source": subject.source.repository,
        "org.opencontainers.image.licenses": "Apache-2.0",
        // By this the MCP Registry knows whose image it is.
        "io.modelcontextprotocol.server.name": super::registry::name(subject),
    })
}

/// Go's name for the processor of a target.
fn architecture(target: &str) -> Result<&'static str> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => bail!("no image can be made for `{target}`"),
    }
}

fn program(subject: &Subject) -> Result<Entries> {
    let mut layer = Entries::default();
    layer.folder("usr/local/bin", 0o755);
    let path = format!("usr/local/bin/{}", subject.server().package);
    layer.program(path, contents::read(&subject.program)?);
    Ok(layer)
}

fn base(program: &Path) -> Result<Entries> {
    let mut layer = Entries::default();
    for library in libraries(program)? {
        let path = library.strip_prefix("/")?;
        layer.folder(&path.parent().unwrap_or(path).display().to_string(), 0o755);
        layer.program(path.display().to_string(), contents::read(&library)?);
    }
    for (folder, mode) in
        [("etc/ssl/certs", 0o755), ("home/nonroot", 0o755), ("proc", 0o755), ("tmp", 0o1777)]
    {
        layer.folder(folder, mode);
    }
    let authorities =
        contents::read(Path::new(AUTHORITIES)).context("install `ca-certificates`")?;
    layer.file(AUTHORITIES.trim_start_matches('/'), authorities);
    layer.file("etc/group", format!("root:x:0:\nnonroot:x:{USER}:\n"));
    layer.file("etc/nsswitch.conf", "hosts: files dns\n");
    layer.file(
        "etc/passwd",
        format!(
            "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"
        ),
    );
    Ok(layer)
}

/// What the dynamic linker loads for the program, and the linker itself; nothing for a static one.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut ldd = Command::new("ldd");
    let said =
        output(ldd.env("LC_ALL", "C").arg(program)).context("what the program is linked with")?;
    libraries_in(&said)
}

fn libraries_in(said: &str) -> Result<BTreeSet<PathBuf>> {
    if let Some(missing) = said.lines().find(|line| line.contains("not found")) {
        bail!("a library is missing: {}", missing.trim());
    }
    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    let words = said.lines().flat_map(str::split_whitespace);
    Ok(words.filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_that_the_linker_found() {
        let said = "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f01)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n";
        let found: Vec<_> = libraries_in(said).unwrap().into_iter().collect();
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert!(libraries_in("\tlibx.so => not found\n").is_err());
        assert!(libraries_in("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn an_image_is_for_a_processor_that_is_known() {
        assert_eq!(architecture("aarch64-unknown-linux-gnu").unwrap(), "arm64");
        assert!(architecture("riscv64gc-unknown-linux-gnu").is_err());
    }
}
