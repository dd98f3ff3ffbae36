//! Files that are a whole by themselves: of keys, of revocations, of certificates.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use super::{InForce, Part};
use crate::config::{Problem, Stamps};

/// Files that belong together, and what their content is put to.
pub(crate) struct Watched {
    name: String,
    files: Stamps,
    apply: Arc<Apply>,
}

/// Puts the files' content in force, or says why it cannot be and leaves everything as it was. Blocks.
type Apply = dyn Fn() -> Result<(), Problem> + Send + Sync;

impl Watched {
    /// The value that is made of these files, and made anew when one of them changes.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub(crate) fn value<T: Send + Sync + 'static>(
        files: &[(&'static str, PathBuf)],
        make: impl Fn() -> Result<T, Problem> + Send + Sync + 'static,
    ) -> Result<(InForce<T>, Self), Problem> {
        let names: Vec<_> = files.iter().map(|(variable, _)| *variable).collect();
        // Before they are read, so that a change in between is seen as one.
        let files = Stamps::of(files.iter().map(|(_, path)| path));
        let value = InForce::new(make()?);
        let in_force = value.clone();
        let apply = Arc::new(move || make().map(|made| drop(in_force.replace(made))));
        Ok((value, Self { name: names.join(", "), files, apply }))
    }

    /// One file, whose content `apply` puts in force now and when it changes.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) fn file(
        variable: &'static str,
        path: &Path,
        apply: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        let path = path.to_owned();
        let files = [(variable, path.clone())];
        let apply = move || {
            apply(&path).map_err(|text| {
                Problem::new(variable, "configuration", format!("{}: {text}", path.display()))
            })
        };
        Self::value(&files, apply).map(|(_, watched)| watched)
    }
}

#[async_trait]
impl Part for Watched {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn files(&self) -> &Stamps {
        &self.files
    }

    async fn renew(&mut self) -> Result<(), String> {
        let (files, apply) = (self.files.clone(), Arc::clone(&self.apply));
        let applied = tokio::task::spawn_blocking(move || (files.again(), apply())).await;
        let (files, outcome) = applied.map_err(|error| error.to_string())?;
        let is_changed = files != self.files;
        self.files = files;
        outcome.map_err(|problem| problem.to_string())?;
        if is_changed {
            tracing::info!(setting = self.name, "the file changed and is in force");
        }
        Ok(())
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The content of a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("is larger than {most} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::{Arc, Mutex},
    };

    use super::{Part, Watched, read};

    /// What is done to the file; then what is in force, and whether that is what the file says.
    type Change = fn(&Path);

    #[tokio::test]
    async fn a_change_is_in_force_and_a_broken_file_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "one").unwrap();
        let value = Arc::new(Mutex::new(String::new()));
        let in_force = Arc::clone(&value);
        let apply = move |path: &Path| {
            let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
            if text == "broken" {
                return Err("cannot be read".to_owned());
            }
            *in_force.lock().unwrap() = text;
            Ok(())
        };
        let mut file = Watched::file("MCP_API_KEYS_FILE", &path, apply).unwrap();
        let steps: [(Change, &str, bool); 5] = [
            (|_| {}, "one", true),
            (|path| fs::write(path, "four").unwrap(), "four", true),
            (|path| fs::write(path, "broken").unwrap(), "four", false),
            (|path| fs::remove_file(path).unwrap(), "four", false),
            (|path| fs::write(path, "five").unwrap(), "five", true),
        ];
        for (change, expected, is_good) in steps {
            change(&path);
            let outcome = file.renew().await;
            assert_eq!((value.lock().unwrap().as_str(), outcome.is_ok()), (expected, is_good));
            let named = |problem: &String| problem.contains("MCP_API_KEYS_FILE");
            assert!(outcome.as_ref().err().is_none_or(named), "{outcome:?}");
            assert_eq!(*file.files(), file.files().again(), "nothing is left to be read");
        }
    }

    #[test]
    fn a_file_beyond_its_bound_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        assert!(read(file.path(), 4).unwrap_err().to_string().contains("larger"));
    }
}
