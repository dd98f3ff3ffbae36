//! What the machine offers: variables and installed programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A variable of the test process; empty counts as unset.
#[expect(clippy::disallowed_methods, reason = "tests choose their servers by `TEST_*` variables")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A URL from the variable `name`.
pub(crate) fn url_variable(name: &str) -> Option<url::Url> {
    let value = variable(name)?.into_string().ok();
    let parsed = value.and_then(|it| url::Url::parse(&it).ok());
    // The value may hold a password, so the message names the variable alone.
    Some(parsed.unwrap_or_else(|| panic!("`{name}` is not a URL")))
}

/// The first of `names` that is installed.
///
/// Debian keeps PostgreSQL's server programs off `PATH`, in one folder per major version; the newest wins.
pub(crate) fn program(names: &[&str], package: &str) -> PathBuf {
    let path = variable("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(postgres_folders(Path::new("/usr/lib/postgresql")));
    folders.extend(["/usr/local/bin", "/usr/sbin"].map(PathBuf::from));
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    candidates.into_iter().find(|it| it.is_file()).unwrap_or_else(|| {
        panic!("`{}` is not installed: sudo apt-get install -y {package}", names.join("` or `"))
    })
}

fn postgres_folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|it| it.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_the_package_to_install() {
        let outcome = std::panic::catch_unwind(|| program(&["no-such-program"], "some-package"));
        let message = *outcome.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(
            message,
            "`no-such-program` is not installed: sudo apt-get install -y some-package"
        );
    }

    #[test]
    fn the_first_name_that_is_installed_wins() {
        assert!(program(&["no-such-program", "sh"], "dash").ends_with("sh"));
    }
}
