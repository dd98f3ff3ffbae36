//! What the tests need beside Rust: checked, installed where that is ours to do, explained elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::apps;
use crate::process::{output, run, succeeds, variable};

/// Something that must be on the machine.
struct Prerequisite {
    name: &'static str,
    /// What needs it.
    purpose: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    is_here: fn() -> bool,
}

const ALL: [Prerequisite; 12] = [
    Prerequisite {
        name: "a C compiler",
        purpose: "SQLite, aws-lc and PostgreSQL's parser are C",
        package: "build-essential",
        is_here: || succeeds(Command::new("cc").arg("--version")),
    },
    Prerequisite {
        name: "libclang",
        purpose: "bindgen reads the headers of PostgreSQL's parser",
        package: "libclang-dev",
        is_here: has_libclang,
    },
    Prerequisite {
        name: "PostgreSQL's `initdb`, `postgres` and `psql`",
        purpose: "tests start a private database",
        package: "postgresql",
        is_here: || {
            variable("TEST_DATABASE_URL").is_some() && is_program("psql")
                || ["initdb", "postgres", "psql"].into_iter().all(is_program)
        },
    },
    Prerequisite {
        name: "`redis-server` (or `valkey-server`) and its command line",
        purpose: "tests start a private Redis",
        package: "redis-server",
        is_here: || {
            let server = is_program("redis-server") || is_program("valkey-server");
            let client = is_program("redis-cli") || is_program("valkey-cli");
            client && (server || variable("TEST_REDIS_URL").is_some())
        },
    },
    Prerequisite {
        name: "nginx",
        purpose: "tests put a plain proxy before replicas",
        package: "nginx-light",
        is_here: || is_program("nginx"),
    },
    Prerequisite {
        name: "npm",
        purpose: "the conformance suite and what builds the pages are packages of Node.js",
        package: "npm",
        is_here: || is_program("npm"),
    },
    Prerequisite {
        name: "Chromium",
        purpose: "tests try the pages in a browser",
        package: "chromium",
        is_here: || program(&apps::BROWSERS).is_some(),
    },
    Prerequisite {
        name: "the fonts of DejaVu",
        purpose: "pictures of the pages are drawn with the same letters everywhere",
        package: "fonts-dejavu-core",
        is_here: || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file(),
    },
    Prerequisite {
        name: "Python 3 with venv and pip",
        purpose: "Kubernetes' schemas and others come as packages of Python",
        package: "python3-venv",
        is_here: || succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
    },
    Prerequisite {
        name: "umoci",
        purpose: "container images are unpacked by a program that did not pack them",
        package: "umoci",
        is_here: || is_program("umoci"),
    },
    Prerequisite {
        name: "valgrind",
        purpose: "the instructions of a call are counted",
        package: "valgrind",
        is_here: || is_program("valgrind"),
    },
    Prerequisite {
        name: "curl",
        purpose: "tests run the commands of the documentation",
        package: "curl",
        is_here: || is_program("curl"),
    },
];

/// What is missing and not ours to install.
#[derive(Debug)]
pub(crate) struct Missing {
    names: Vec<&'static str>,
    packages: Vec<&'static str>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "missing: {}", self.names.join(", "))?;
        write!(f, "on Debian and its like: sudo apt-get install -y {}", self.packages.join(" "))
    }
}

impl std::error::Error for Missing {}

/// Looks for everything; installs what is missing where we are root of a Debian-like machine.
pub(crate) fn check() -> Result<()> {
    for it in &ALL {
        let state = if (it.is_here)() { "found" } else { "MISSING" };
        println!("{state:>8}  {} ({})", it.name, it.purpose);
    }
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|it| it.package).collect();
    if is_root_of_debian() {
        install(&packages)?;
    }
    let missing = self::missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Missing {
        names: missing.iter().map(|it| it.name).collect(),
        packages: missing.iter().map(|it| it.package).collect(),
    }
    .into())
}

fn missing() -> Vec<&'static Prerequisite> {
    ALL.iter().filter(|it| !(it.is_here)()).collect()
}

fn is_root_of_debian() -> bool {
    let root = || output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    Path::new("/etc/debian_version").exists() && is_program("apt-get") && root()
}

fn install(packages: &[&str]) -> Result<()> {
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    command
}

/// Where testkit looks too: Debian keeps PostgreSQL's server programs off `PATH`.
fn is_program(name: &str) -> bool {
    program(&[name]).is_some()
}

/// Where the first of these programs is.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/local/bin", "/usr/sbin"].map(PathBuf::from));
    folders.extend(children("/usr/lib/postgresql").map(|it| it.join("bin")));
    let mut places = names.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    places.find(|place| place.is_file())
}

/// Where clang-sys, which loads it for bindgen, looks first.
fn has_libclang() -> bool {
    const FOLDERS: [&str; 6] = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
        "/Library/Developer/CommandLineTools/usr/lib",
    ];
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    folders.extend(variable("LIBCLANG_PATH").map(PathBuf::from));
    // Debian has `/usr/lib/llvm-19/lib` and `/usr/lib/x86_64-linux-gnu`.
    folders.extend(children("/usr/lib").map(|it| it.join("lib")));
    folders.extend(children("/usr/lib"));
    folders.iter().flat_map(children).any(|file| is_libclang(&file))
}

fn is_libclang(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // `libclang-cpp.so` is another library.
    let stem = name.strip_prefix("libclang").unwrap_or_default();
    (stem.starts_with(".so") || stem.starts_with(".dylib"))
        || (stem.starts_with('-') && !stem.starts_with("-cpp") && stem.contains(".so"))
}

fn children(folder: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|it| it.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so.13", "libclang.dylib"] {
            assert!(is_libclang(Path::new(name)), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangBasic.a", "libc.so", "libclang_rt.so"] {
            assert!(!is_libclang(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_mended_by_one_line() {
        let missing = Missing { names: vec!["libclang"], packages: vec!["libclang-dev"] };
        let text = missing.to_string();
        assert!(text.ends_with("sudo apt-get install -y libclang-dev"), "{text}");
    }
}
