//! `get_file_contents`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use mcp_chassis::{
    Budget, CallContext, LineRange, PageCut, RawText, Result, TextStart, Tool, ToolOutput, ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    allowlist::Repository,
    client::{Client, MAX_TEXT, Route, Text, in_repository, share},
    names::{FilePath, GitRef, Owner, RepositoryName},
    page::TextPlace,
    wire,
};

/// Reads a file or lists a folder. The text of a file follows as a block of its own, with the numbers of its lines in
/// `lines`; a binary file is only described. Follow `next_cursor` for the rest of a long one.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetFileContents {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The file or folder; empty for the root
    path: FilePath,
    /// A branch, a tag or a commit; the default branch when left out
    #[serde(rename = "ref")]
    at: Option<GitRef>,
    /// `next_cursor` of an earlier answer to the same question
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// A file or a folder.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileContents {
    /// `file`, `dir`, `symlink` or `submodule`
    kind: String,
    /// Its path within the repository
    path: String,
    /// The hash of its content
    #[serde(skip_serializing_if = "Option::is_none")]
    sha: Option<String>,
    /// In bytes
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Where a person reads it
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Where a symbolic link leads
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// What a file holds: `text`, `binary`, or `too_large` to be read
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentKind>,
    /// What a folder holds; GitHub names the first 1,000
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Entry>>,
    /// Which lines of a file are shown
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<LineRange>,
    /// Pass it as `cursor` to go on
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there is more
    truncated: bool,
    #[serde(skip)]
    cursors: Vec<String>,
    #[serde(skip)]
    text: Option<RawText>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ContentKind {
    /// Text, which follows as a block of its own.
    Text,
    /// Something else, which is not shown.
    Binary,
    /// More than 16 MiB, which are not read.
    TooLarge,
}

/// Something in a folder.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// `file`, `dir`, `symlink` or `submodule`
    kind: String,
    /// Its name within the folder
    name: String,
    /// In bytes, of a file
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The hash of its content
    sha: String,
}

impl From<wire::Entry> for Entry {
    fn from(entry: wire::Entry) -> Self {
        let size = (entry.kind == "file").then_some(entry.size);
        Self { kind: entry.kind, name: entry.name, size, sha: entry.sha }
    }
}

impl ToolOutput for FileContents {
    fn page(&self) -> Option<PageCut> {
        self.entries.as_ref()?;
        Some(PageCut { list: "entries", cursors: self.cursors.clone(), count: None })
    }

    fn take_text(&mut self) -> Option<RawText> {
        self.text.take()
    }
}

impl Tool for GetFileContents {
    type Server = GitHub;
    type Output = FileContents;

    const SPEC: ToolSpec = ToolSpec::read("get_file_contents", "Get file contents")
        .scopes(&["github:read"])
        .deadline_secs(20)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo", "path", "ref"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<FileContents> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let (full_name, path) = (repository.to_string(), self.path.to_string());
        let at = self.at.as_ref().map(GitRef::as_str);
        let parts = ["get_file_contents", &full_name, &path, at.unwrap_or_default()];
        let place = TextPlace::new(&parts, self.cursor.as_deref())?;
        match read(client, &repository, &self.path, at, context).await? {
            Content::Directory(entries) => directory(path, entries, &place),
            Content::File(entry, bytes) => file(entry, bytes, &place),
            Content::Other(entry) => Ok(described(entry)),
        }
    }
}

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Content {
    /// A folder, in the order of its names.
    Directory(Vec<wire::Entry>),
    /// A file, and its bytes unless there are too many.
    File(wire::Entry, Option<Bytes>),
    /// A link out of the repository, or another repository within this one.
    Other(wire::Entry),
}

/// Reads what stands at `path`.
pub(crate) async fn read(
    client: &Client,
    repository: &Repository,
    path: &FilePath,
    at: Option<&str>,
    context: &CallContext,
) -> Result<Content> {
    context.source(format!("github:{repository}"));
    let route = path.segments().fold(in_repository(repository, &["contents"]), Route::then);
    let route = route.with_some("ref", at);
    let answer = client.get_in(repository, &route, share(context, 50)).await?;
    let mut entry = match answer.value {
        wire::Contents::Directory(mut entries) => {
            entries.sort_by(|left, right| left.name.cmp(&right.name));
            return Ok(Content::Directory(entries));
        }
        wire::Contents::One(entry) if entry.kind == "file" => entry,
        wire::Contents::One(entry) => return Ok(Content::Other(entry)),
    };
    let encoded = entry.content.take().unwrap_or_default();
    if entry.encoding.as_deref() == Some("base64") && (!encoded.is_empty() || entry.size == 0) {
        let plain: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let decoded = BASE64.decode(plain).map_err(|_error| crate::client::unreadable())?;
        return Ok(Content::File(entry, Some(decoded.into())));
    }
    if entry.size > MAX_TEXT as u64 {
        return Ok(Content::File(entry, None));
    }
    // GitHub describes a file above 1 MB and sends it only as it is.
    let raw = client.text_in(repository, &route, Text::File, share(context, 80)).await?;
    Ok(Content::File(entry, Some(raw)))
}

fn directory(path: String, entries: Vec<wire::Entry>, place: &TextPlace) -> Result<FileContents> {
    let whole: String = entries.iter().flat_map(|entry| [entry.name.as_str(), "\0"]).collect();
    let (begin, cursor) = (place.start(whole.as_bytes())?, place.cursors(whole.as_bytes()));
    let numbered = entries.into_iter().zip(1..).skip(begin.unwrap_or_default());
    let (entries, cursors) = numbered.map(|(entry, end)| (entry.into(), cursor(end))).unzip();
    Ok(FileContents {
        kind: "dir".to_owned(),
        path,
        sha: None,
        size: None,
        url: None,
        target: None,
        content: None,
        entries: Some(entries),
        lines: None,
        next_cursor: None,
        truncated: false,
        cursors,
        text: None,
    })
}

fn file(entry: wire::Entry, content: Option<Bytes>, place: &TextPlace) -> Result<FileContents> {
    let (kind, text) = match content {
        None => (ContentKind::TooLarge, None),
        Some(content) if is_binary(&content) => (ContentKind::Binary, None),
        Some(content) => (ContentKind::Text, Some(place.text(&content, TextStart::Byte(0))?)),
    };
    Ok(FileContents { content: Some(kind), text, ..described(entry) })
}

fn described(entry: wire::Entry) -> FileContents {
    FileContents {
        size: (entry.kind == "file").then_some(entry.size),
        kind: entry.kind,
        path: entry.path,
        sha: Some(entry.sha),
        url: entry.html_url,
        target: entry.target,
        content: None,
        entries: None,
        lines: None,
        next_cursor: None,
        truncated: false,
        cursors: Vec::new(),
        text: None,
    }
}

/// As git decides it, but for text in other encodings than UTF-8, which is not shown either.
pub(crate) fn is_binary(content: &[u8]) -> bool {
    content.contains(&0) || std::str::from_utf8(content).is_err()
}
